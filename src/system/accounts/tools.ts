import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { ExitCode, lastLine, Problem } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import { fileProblem } from '../files/file-problem.ts';
import type { Exec } from '../programs/exec.ts';
import type { AccountTools, Group } from './accounts.ts';

/** Runs an account tool until it succeeds. @param account its account, as `user web`, for the error */
type AccountCall = (account: string, command: readonly [string, ...string[]]) => Promise<void>;

/** Seconds that the lock of another program is waited for: cloud-init and package scripts add users at boot, which takes moments. */
const LOCK_TIMEOUT = 60;
const LOCK_PAUSE = 500;

/**
 * What the tools print when another program is changing accounts. By then shadow-utils has waited 15 seconds for /etc/.pwd.lock,
 * but not at all for /etc/passwd.lock; busybox has waited 3 seconds for /etc/passwd+.
 */
const LOCKED = [/existing lock file (\S+) /, /can't create '(\S+\+)': File exists/];
/** shadow-utils prints this whatever the cause, even where trying again does not help. */
const CANNOT_LOCK = /cannot lock (\S+); try again later/;
/** The line before it, with the cause, as in `groupadd: /etc/group.123: No space left on device`. */
const CAUSE = /: Permission denied\.?$|\.\d+: (?!File exists)\S/m;

/** Calls account tools, and again while another program holds their lock. */
export function callAccountTool(exec: Exec, clock: Pick<Clock, 'elapsed' | 'sleep'>): AccountCall {
  return async (account, command) => {
    const begin = clock.elapsed();
    for (;;) {
      const { exitCode, output } = await exec.tool(command, { onAbort: 'wait' });
      if (exitCode === 0) return;
      const lock = lockFile(output);
      const cause = lock === undefined ? lastLine(output) : causeOf(output, lock);
      if (cause !== undefined) {
        throw new Problem(`${command[0]} ended with exit code ${exitCode}`, { where: account, hint: cause, output });
      }
      if (clock.elapsed() - begin >= LOCK_TIMEOUT * 1000) {
        throw new Problem(`${command[0]} could not lock the accounts within ${LOCK_TIMEOUT} seconds`, {
          where: account,
          hint: `if no other program is changing them, remove ${lock}`,
          output,
          exitCode: ExitCode.deadline,
        });
      }
      await clock.sleep(LOCK_PAUSE);
    }
  };
}

/** The lock file that stopped the tool; undefined when none did. */
function lockFile(output: string): string | undefined {
  for (const sign of LOCKED) {
    const name = sign.exec(output)?.[1];
    if (name !== undefined) return name;
  }
  const name = CANNOT_LOCK.exec(output)?.[1];
  return name === undefined ? undefined : `${name}.lock`;
}

/** Why the lock cannot be made. The last line does not say so: it says to try again later. */
function causeOf(output: string, lock: string): string | undefined {
  return whyNotWritable(dirname(lock)) ?? output.split('\n').find((line) => CAUSE.test(line));
}

/** On a read-only file system even root cannot make a lock, and the tools do not say so. */
function whyNotWritable(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK);
    return undefined;
  } catch (error) {
    return fileProblem('cannot write', directory, error).line;
  }
}

interface ShadowOptions {
  readonly call: AccountCall;
  readonly groupsOf: (user: string) => readonly string[];
  /** A root other than `/` is passed to the tools as --prefix. */
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
        // Without this, /var/log/lastlog grows with the uid; programs that do not know sparse files copy all of it.
        '--no-log-init',
        '--shell',
        shell,
        ...(uid === undefined ? [] : ['--uid', String(uid)]),
        ...(home === undefined ? [] : ['--home-dir', home]),
        ...(groups.length === 0 ? [] : ['--groups', groups.map(toolName).join(',')]),
        // Set explicitly, because login.defs differ: that of SUSE would put every user into one group.
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
      // usermod accepts only users of /etc/passwd; gpasswd accepts any name that the machine knows.
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

/** A group as the tools accept it: they read a name of digits as a gid. */
function toolName({ name, gid }: Group): string {
  return /^\d+$/.test(name) ? String(gid) : name;
}

interface BusyboxOptions {
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
      // Without a group, `adduser -S` would put the user into nogroup.
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
        // The error of adduser is what counts, whether or not the group can be removed.
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
