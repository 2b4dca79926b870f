import type { UserEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import {
  type Accounts,
  type Group,
  MissingAccount,
  type NewUser,
  type User,
  type UserChange,
} from '../../system/accounts/accounts.ts';
import type { Section, World } from '../step.ts';

/** Users are for services: without a login and without a new home directory (contract section 3, users). */
const SHELL = '/sbin/nologin';

type UserPlan =
  | { readonly kind: 'create'; readonly user: NewUser }
  | { readonly kind: 'change'; readonly present: User; readonly change: UserChange };

/**
 * Creates users, and changes groups and home of existing ones. `groups` are all local groups that list the user, except the primary
 * one. Groups from another name service are not checked.
 */
export const usersSection: Section<UserEntry, UserPlan> = {
  name: 'users',
  worksOnRoot: true,
  order: (entries) => entries,

  async inspect(entry, world) {
    const present = await world.system.accounts.userNamed(entry.name);
    if (present === undefined) {
      await refuseTakenUid(entry, world);
      return {
        state: 'differs',
        what: describeNew(entry),
        plan: { kind: 'create', user: await newUser(entry, world) },
      };
    }
    if (entry.uid !== undefined && entry.uid !== present.uid) {
      throw new Problem(`user ${entry.name} has uid ${present.uid}, not ${entry.uid}`, {
        where: entry.place,
        hint: 'change the uid in the template or the user on the machine',
      });
    }
    const { words, change } = await difference(entry, present, world);
    if (words.length === 0) return { state: 'unchanged' };
    return { state: 'differs', what: words.join(', '), plan: { kind: 'change', present, change } };
  },

  async apply(_, plan, { system: { accounts } }) {
    if (plan.kind === 'create') await accounts.createUser(plan.user);
    else await accounts.changeUser(plan.present, plan.change);
    return { state: 'changed' };
  },
};

async function newUser(entry: UserEntry, { system: { accounts } }: World): Promise<NewUser> {
  const primary = await accounts.groupNamed(entry.name);
  const groups = await localGroups(entry, undefined, accounts);
  return {
    name: entry.name,
    uid: entry.uid,
    home: entry.home,
    shell: SHELL,
    primary,
    groups: (groups ?? []).filter(({ name }) => name !== primary?.name),
  };
}

/** The differences between an existing user and the entry, for the tools and for a person. */
async function difference(
  entry: UserEntry,
  present: User,
  { system: { accounts } }: World,
): Promise<{ change: UserChange; words: string[] }> {
  const words: string[] = [];
  let home: string | undefined;
  if (entry.home !== undefined && withoutTrailingSlashes(entry.home) !== withoutTrailingSlashes(present.home)) {
    if (!present.isLocal) {
      throw new Problem(`the home of user ${entry.name} is ${present.home}, not ${entry.home}`, {
        where: entry.place,
        hint: 'the user comes from another name service: change it there, or leave homeDir out',
      });
    }
    home = entry.home;
    words.push(`home ${present.home} -> ${entry.home}`);
  }
  // The primary group counts whether or not it lists the user.
  const primary = await accounts.groupNumbered(present.gid);
  const isSupplementary = (name: string): boolean => name !== primary?.name;
  let groups = (await localGroups(entry, present, accounts))?.filter(({ name }) => isSupplementary(name));
  if (groups !== undefined) {
    const now = accounts.groupsOf(entry.name).filter(isSupplementary).join();
    const wanted = groups
      .map(({ name }) => name)
      .sort()
      .join();
    if (wanted === now) groups = undefined;
    else words.push(`groups ${now || 'none'} -> ${wanted || 'none'}`);
  }
  return { change: { home, groups }, words };
}

/**
 * The groups of the entry in which /etc/group should list the user, each once; undefined when the entry has no groups.
 * @throws Problem with the names of all groups that do not exist, or when a group of another name service would have to be changed
 */
async function localGroups(
  entry: UserEntry,
  present: User | undefined,
  accounts: Accounts,
): Promise<Group[] | undefined> {
  if (entry.groups === undefined) return undefined;
  const found = new Map<string, Group>();
  const missing: string[] = [];
  for (const name of new Set(entry.groups)) {
    // The group that useradd makes for a new user.
    if (name === entry.name && present === undefined) continue;
    const group = await accounts.group(name);
    if (group === undefined) missing.push(JSON.stringify(name));
    else found.set(group.name, group);
  }
  if (missing.length > 0) {
    throw new MissingAccount(`no group${missing.length === 1 ? '' : 's'} ${missing.join(', ')}`, {
      where: entry.place,
      hint: 'list what is missing under groups, or correct the name',
    });
  }
  const foreign = [...found.values()].filter(({ isLocal }) => !isLocal);
  if (foreign.length > 0) {
    const gids = present === undefined ? [] : await accounts.gidsOf(present);
    const out = foreign.filter(({ gid, members }) => !gids.includes(gid) && !members.includes(entry.name));
    if (out.length > 0) {
      throw new Problem(`user ${entry.name} is not in ${out.map(({ name }) => name).join(', ')}`, {
        where: entry.place,
        hint: 'the group comes from another name service: add the user there',
      });
    }
  }
  return [...found.values()].filter(({ isLocal }) => isLocal);
}

async function refuseTakenUid(entry: UserEntry, { system }: World): Promise<void> {
  const holder = entry.uid === undefined ? undefined : await system.accounts.userNumbered(entry.uid);
  if (holder === undefined) return;
  throw new Problem(`uid ${entry.uid} belongs to user ${holder.name}`, {
    where: entry.place,
    hint: `choose another uid for ${entry.name}`,
  });
}

/** A path without trailing slashes, which some tools keep and some remove. */
function withoutTrailingSlashes(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function describeNew(entry: UserEntry): string {
  return [
    'created',
    ...(entry.uid === undefined ? [] : [`uid ${entry.uid}`]),
    ...(entry.groups === undefined || entry.groups.length === 0 ? [] : [`groups ${entry.groups.join()}`]),
    ...(entry.home === undefined ? [] : [`home ${entry.home}`]),
  ].join(', ');
}
