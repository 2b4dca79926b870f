import type { GroupEntry } from '../../config/config.ts';
import { lastLine, Problem } from '../../errors.ts';
import type { Section } from '../step.ts';

/** Creates groups. One that is there with another gid is not renumbered: its files would change hands. */
export const groupsSection: Section<GroupEntry> = {
  name: 'groups',
  worksOnRoot: true,
  plan: (entries) => entries,

  async probe(entry, { system }) {
    const present = await system.accounts.group(entry.name);
    if (present !== undefined) {
      if (entry.gid === undefined || entry.gid === present.gid) return { state: 'unchanged' };
      throw new Problem(`group ${entry.name} has gid ${present.gid}, not ${entry.gid}`, {
        where: entry.pointer,
        hint: 'change the gid in the template or the group on the machine',
      });
    }
    const holder = entry.gid === undefined ? undefined : await system.accounts.group(String(entry.gid));
    if (holder !== undefined) {
      throw new Problem(`gid ${entry.gid} belongs to group ${holder.name}`, {
        where: entry.pointer,
        hint: `choose another gid for ${entry.name}`,
      });
    }
    return { state: 'differs', what: entry.gid === undefined ? 'created' : `created with gid ${entry.gid}` };
  },

  async apply(entry, { system }) {
    const args = ['--system', ...(entry.gid === undefined ? [] : ['--gid', String(entry.gid)]), entry.name];
    const { exitCode, output } = await system.accounts.change('groupadd', args);
    if (exitCode !== 0)
      throw new Problem(`groupadd ended with exit code ${exitCode}`, {
        where: entry.pointer,
        hint: lastLine(output),
        output,
      });
    return { state: 'changed', what: entry.gid === undefined ? 'created' : `created with gid ${entry.gid}` };
  },
};
