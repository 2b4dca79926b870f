import type { AccountTools, Group } from './accounts.ts';
import type { AccountCall } from './accounts-call.ts';

export interface ShadowOptions {
  readonly call: AccountCall;
  readonly groupsOf: (user: string) => readonly string[];
  /** Another root than `/` is given to the tools as their --prefix. */
  readonly root: string;
}

/** useradd, usermod, groupadd and gpasswd of shadow-utils. */
export function shadowTools({ call, groupsOf, root }: ShadowOptions): AccountTools {
  const prefix = root === '/' ? [] : ['--prefix', root];
  return {
    createGroup: ({ name, gid }) =>
      call(`group ${name}`, [
        'groupadd',
        ...prefix,
        '--system',
        ...(gid === undefined ? [] : ['--gid', String(gid)]),
        '--',
        name,
      ]),

    createUser: ({ name, uid, home, shell, primary, groups }) =>
      call(`user ${name}`, [
        'useradd',
        ...prefix,
        '--system',
        '--no-create-home',
        // Else /var/log/lastlog grows with the uid, which programs that know no holes copy in full.
        '--no-log-init',
        '--shell',
        shell,
        ...(uid === undefined ? [] : ['--uid', String(uid)]),
        ...(home === undefined ? [] : ['--home-dir', home]),
        ...(groups.length === 0 ? [] : ['--groups', groups.map(toolName).join(',')]),
        // Said explicitly, as login.defs differ: SUSE's would put every user into one group.
        ...(primary === undefined ? ['--user-group'] : ['--gid', toolName(primary)]),
        '--',
        name,
      ]),

    async changeUser({ name, isLocal }, { home, groups }) {
      if (isLocal) {
        return call(`user ${name}`, [
          'usermod',
          ...prefix,
          ...(home === undefined ? [] : ['--home', home]),
          ...(groups === undefined ? [] : ['--groups', groups.map(toolName).join(',')]),
          '--',
          name,
        ]);
      }
      // usermod knows users of /etc/passwd only; gpasswd takes any name that the machine knows.
      if (groups === undefined) return;
      const now = groupsOf(name);
      const wanted = groups.map((group) => group.name);
      for (const group of wanted.filter((other) => !now.includes(other)))
        await call(`user ${name}`, ['gpasswd', '--add', name, '--', group]);
      for (const group of now.filter((other) => !wanted.includes(other)))
        await call(`user ${name}`, ['gpasswd', '--delete', name, '--', group]);
    },
  };
}

/** The tools read a name of digits as a gid. */
function toolName({ name, gid }: Group): string {
  return /^\d+$/.test(name) ? String(gid) : name;
}
