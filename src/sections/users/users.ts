import type { UserEntry } from '../../config/config.ts';
import { lastLine, Problem } from '../../errors.ts';
import type { User } from '../../system/accounts.ts';
import type { Section, World } from '../step.ts';

/** Users are for services: no login, no home directory made (contract section 3, users). */
const SHELL = '/sbin/nologin';

/** Creates users and brings existing ones to the groups and home that are asked for. */
export const usersSection: Section<UserEntry> = {
  name: 'users',
  worksOnRoot: true,
  plan: (entries) => entries,

  async probe(entry, world) {
    const present = await world.system.accounts.user(entry.name);
    if (present === undefined) {
      await refuseTakenUid(entry, world);
      return { state: 'differs', what: describeNew(entry) };
    }
    if (entry.uid !== undefined && entry.uid !== present.uid) {
      throw new Problem(`user ${entry.name} has uid ${present.uid}, not ${entry.uid}`, {
        where: entry.pointer,
        hint: 'change the uid in the template or the user on the machine',
      });
    }
    const { words } = await modifications(entry, present, world);
    return words.length === 0 ? { state: 'unchanged' } : { state: 'differs', what: words.join(', ') };
  },

  async apply(entry, world) {
    const { accounts } = world.system;
    const present = await accounts.user(entry.name);
    if (present === undefined) {
      await change(entry, world, 'useradd', await creation(entry, world));
      return { state: 'changed', what: describeNew(entry) };
    }
    const { args, words } = await modifications(entry, present, world);
    await change(entry, world, 'usermod', [...args, entry.name]);
    return { state: 'changed', what: words.join(', ') };
  },
};

async function creation(entry: UserEntry, { system }: World): Promise<string[]> {
  const namesake = await system.accounts.group(entry.name);
  return [
    '--system',
    '--no-create-home',
    '--shell',
    SHELL,
    ...(entry.uid === undefined ? [] : ['--uid', String(entry.uid)]),
    ...(entry.home === undefined ? [] : ['--home-dir', entry.home]),
    ...(entry.groups === undefined || entry.groups.length === 0 ? [] : ['--groups', entry.groups.join(',')]),
    // useradd makes a group of the same name and fails when there is one already, unless told to use it.
    ...(namesake === undefined ? [] : ['--gid', entry.name]),
    entry.name,
  ];
}

async function modifications(
  entry: UserEntry,
  present: User,
  { system }: World,
): Promise<{ args: string[]; words: string[] }> {
  const args: string[] = [];
  const words: string[] = [];
  if (entry.home !== undefined && entry.home !== present.home) {
    args.push('--home', entry.home);
    words.push(`home ${present.home} -> ${entry.home}`);
  }
  if (entry.groups !== undefined) {
    // The primary group counts whether or not it lists the user.
    const primary = await system.accounts.group(String(present.gid));
    const supplementary = (names: readonly string[]): string[] =>
      [...new Set(names)].filter((name) => name !== primary?.name).sort();
    const now = supplementary(await system.accounts.groupsOf(entry.name));
    const wanted = supplementary(entry.groups);
    if (wanted.join() !== now.join()) {
      args.push('--groups', wanted.join(','));
      words.push(`groups ${now.join() || 'none'} -> ${wanted.join() || 'none'}`);
    }
  }
  return { args, words };
}

async function refuseTakenUid(entry: UserEntry, { system }: World): Promise<void> {
  const holder = entry.uid === undefined ? undefined : await system.accounts.user(String(entry.uid));
  if (holder === undefined) return;
  throw new Problem(`uid ${entry.uid} belongs to user ${holder.name}`, {
    where: entry.pointer,
    hint: `choose another uid for ${entry.name}`,
  });
}

async function change(
  entry: UserEntry,
  { system }: World,
  tool: 'useradd' | 'usermod',
  args: readonly string[],
): Promise<void> {
  const { exitCode, output } = await system.accounts.change(tool, args);
  if (exitCode !== 0)
    throw new Problem(`${tool} ended with exit code ${exitCode}`, {
      where: entry.pointer,
      hint: lastLine(output),
      output,
    });
}

function describeNew(entry: UserEntry): string {
  return [
    'created',
    ...(entry.uid === undefined ? [] : [`uid ${entry.uid}`]),
    ...(entry.groups === undefined || entry.groups.length === 0 ? [] : [`groups ${entry.groups.join()}`]),
    ...(entry.home === undefined ? [] : [`home ${entry.home}`]),
  ].join(', ');
}
