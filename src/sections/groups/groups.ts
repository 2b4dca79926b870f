import type { GroupEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import type { NewGroup } from '../../system/accounts/accounts.ts';
import type { Section } from '../step.ts';

/** Creates groups. An existing group keeps its gid: with another one it would lose its files. */
export const groupsSection: Section<GroupEntry, NewGroup> = {
  name: 'groups',
  worksOnRoot: true,
  order: (entries) => entries,

  async inspect(entry, { system: { accounts } }) {
    const present = await accounts.groupNamed(entry.name);
    if (present !== undefined) {
      if (entry.gid === undefined || entry.gid === present.gid) return { state: 'unchanged' };
      throw new Problem(`group ${entry.name} has gid ${present.gid}, not ${entry.gid}`, {
        where: entry.place,
        hint: 'change the gid in the template or the group on the machine',
      });
    }
    const holder = entry.gid === undefined ? undefined : await accounts.groupNumbered(entry.gid);
    if (holder !== undefined) {
      throw new Problem(`gid ${entry.gid} belongs to group ${holder.name}`, {
        where: entry.place,
        hint: `choose another gid for ${entry.name}`,
      });
    }
    return { state: 'differs', what: describeNew(entry), plan: { name: entry.name, gid: entry.gid } };
  },

  async apply(_, group, { system }) {
    await system.accounts.createGroup(group);
    return { state: 'changed' };
  },
};

function describeNew({ gid }: GroupEntry): string {
  return gid === undefined ? 'created' : `created with gid ${gid}`;
}
