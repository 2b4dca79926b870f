import { ExitCode, lastLine, Problem } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Exec } from './exec.ts';

/** Runs an account tool to success. @param account what it is about, as `user web`, for the error */
export type AccountCall = (account: string, command: readonly [string, ...string[]]) => Promise<void>;

/** Seconds that another program's lock is waited for: cloud-init and package scripts add users at boot, in moments. */
const LOCK_TIMEOUT = 60;
const LOCK_PAUSE = 500;

/**
 * What the tools say when another program is at work on the accounts. shadow-utils has waited 15 seconds by then if it is
 * /etc/.pwd.lock, and not at all if it is /etc/passwd.lock; busybox has waited 3 seconds for /etc/passwd+.
 */
const LOCKED = [
  { sign: /existing lock file (\S+) /, file: (name: string) => name },
  { sign: /cannot lock (\S+); try again later/, file: (name: string) => `${name}.lock` },
  { sign: /can't create '(\S+\+)': File exists/, file: (name: string) => name },
];

/** Calls account tools with patience for their lock. */
export function callAccountTool(exec: Exec, clock: Pick<Clock, 'elapsed' | 'sleep'>): AccountCall {
  return async (account, command) => {
    const begin = clock.elapsed();
    for (;;) {
      const { exitCode, output } = await exec.tool(command);
      if (exitCode === 0) return;
      const lock = lockFile(output);
      if (lock === undefined) {
        throw new Problem(`${command[0]} ended with exit code ${exitCode}`, {
          where: account,
          hint: lastLine(output),
          output,
        });
      }
      if (clock.elapsed() - begin >= LOCK_TIMEOUT * 1000) {
        throw new Problem(`${command[0]} has not had the lock of the accounts for ${LOCK_TIMEOUT} seconds`, {
          where: account,
          hint: `if no other program is at work on them, remove ${lock}`,
          output,
          exitCode: ExitCode.deadline,
        });
      }
      await clock.sleep(LOCK_PAUSE);
    }
  };
}

function lockFile(output: string): string | undefined {
  for (const { sign, file } of LOCKED) {
    const name = sign.exec(output)?.[1];
    if (name !== undefined) return file(name);
  }
  return undefined;
}
