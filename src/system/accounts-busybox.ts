import { Problem } from '../errors.ts';
import type { AccountTools } from './accounts.ts';
import type { AccountCall } from './accounts-call.ts';

export interface BusyboxOptions {
  readonly call: AccountCall;
  readonly groupsOf: (user: string) => readonly string[];
}

/** adduser, addgroup and delgroup of busybox, for Alpine and small images. They work on the running machine only. */
export function busyboxTools({ call, groupsOf }: BusyboxOptions): AccountTools {
  return {
    createGroup: ({ name, gid }) =>
      call(`group ${name}`, ['addgroup', '-S', ...(gid === undefined ? [] : ['-g', String(gid)]), name]),

    async createUser({ name, uid, home, shell, primary, groups }) {
      const account = `user ${name}`;
      // Left to itself, `adduser -S` would put the user into nogroup.
      if (primary === undefined) await call(account, ['addgroup', '-S', name]);
      try {
        await call(account, [
          'adduser',
          '-S',
          '-D',
          '-H',
          ...['-g', '', '-s', shell, '-G', primary?.name ?? name],
          ...(uid === undefined ? [] : ['-u', String(uid)]),
          ...(home === undefined ? [] : ['-h', home]),
          name,
        ]);
      } catch (error) {
        // What adduser said is what counts, whatever becomes of the group.
        if (primary === undefined) await call(account, ['delgroup', name]).catch(() => undefined);
        throw error;
      }
      for (const group of groups) await call(account, ['addgroup', name, group.name]);
    },

    async changeUser({ name }, { home, groups }) {
      const account = `user ${name}`;
      if (home !== undefined) {
        throw new Problem(`the home of user ${name} cannot be changed`, {
          where: '/etc/passwd',
          hint: 'busybox has no usermod: install the package shadow, or leave homeDir out',
        });
      }
      if (groups === undefined) return;
      const now = groupsOf(name);
      const wanted = groups.map((group) => group.name);
      for (const group of wanted.filter((other) => !now.includes(other)))
        await call(account, ['addgroup', name, group]);
      for (const group of now.filter((other) => !wanted.includes(other)))
        await call(account, ['delgroup', name, group]);
    },
  };
}
