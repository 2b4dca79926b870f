import { Problem } from '../errors.ts';
import type { Exec } from './exec.ts';
import type { FileSystem } from './file-system.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The one door to users and groups. Names and numbers are both understood, as chown does. */
export interface Accounts {
  /** The user of this name, or of this number when no user has it as a name; undefined when there is none. */
  user(nameOrUid: string): Promise<User | undefined>;
  group(nameOrGid: string): Promise<Group | undefined>;
  /** The groups that list the user as a member, without the primary one. */
  groupsOf(name: string): Promise<readonly string[]>;
  /** Runs useradd, groupmod and their kin on the accounts below the root. Exit codes are results. */
  change(tool: 'useradd' | 'usermod' | 'groupadd' | 'groupmod', args: readonly string[]): Promise<AccountChange>;
}

export interface AccountChange {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Local files are read at once; other name services (LDAP, SSSD) are asked through getent, on the running machine only.
 */
export function createAccounts(files: FileSystem, exec: Exec): Accounts {
  const isMachine = files.root === '/';

  const lookUp = async <T>(
    database: 'passwd' | 'group',
    key: string,
    parse: (fields: string[]) => T | undefined,
  ): Promise<T | undefined> => {
    const rows = (files.readIfPresent(`/etc/${database}`)?.toString('utf8') ?? '')
      .split('\n')
      .map((line) => line.split(':'));
    const row = rows.find(([name]) => name === key) ?? rows.find(([, , id]) => id === key);
    if (row !== undefined) return parse(row);
    if (!isMachine || exec.find('getent') === undefined) return undefined;
    const answer = await exec.tool(['getent', database, key]);
    return answer.exitCode === 0 ? parse(answer.stdout.trim().split(':')) : undefined;
  };

  return {
    user: (key) =>
      lookUp('passwd', key, ([name = '', , uid, gid, , home = '']) =>
        name === '' ? undefined : { name, uid: Number(uid), gid: Number(gid), home },
      ),
    group: (key) => lookUp('group', key, parseGroup),
    groupsOf: async (user) =>
      (files.readIfPresent('/etc/group')?.toString('utf8') ?? '')
        .split('\n')
        .map((line) => parseGroup(line.split(':')))
        .filter((group) => group?.members.includes(user) === true)
        .map((group) => (group as Group).name)
        .sort(),
    change: async (tool, args) => {
      if (!isMachine && files.entry('/etc/passwd') === undefined) {
        throw new Problem('there are no accounts to change', {
          where: `${files.root}/etc/passwd`,
          hint: 'put passwd, group, shadow and gshadow there first',
        });
      }
      const { exitCode, output } = await exec.tool([tool, ...(isMachine ? [] : ['--prefix', files.root]), ...args]);
      return { exitCode, output };
    },
  };
}

function parseGroup([name = '', , gid, members = '']: string[]): Group | undefined {
  if (name === '') return undefined;
  return {
    name,
    gid: Number(gid),
    members: members
      .trim()
      .split(',')
      .filter((member) => member !== ''),
  };
}
