import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { ExitCode, lastLine, Problem } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Exec } from './exec.ts';
import { fileProblem } from './file-problem.ts';

/** Runs an account tool to success. @param account what it is about, as `user web`, for the error */
export type AccountCall = (account: string, command: readonly [string, ...string[]]) => Promise<void>;

/** Seconds that another program's lock is waited for: cloud-init and package scripts add users at boot, in moments. */
const LOCK_TIMEOUT = 60;
const LOCK_PAUSE = 500;

/**
 * What the tools say when another program is at work on the accounts. shadow-utils has waited 15 seconds by then if it is
 * /etc/.pwd.lock, and not at all if it is /etc/passwd.lock; busybox has waited 3 seconds for /etc/passwd+.
 */
const LOCKED = [/existing lock file (\S+) /, /can't create '(\S+\+)': File exists/];
/** shadow-utils says so whatever the cause, and asks for patience where no patience would help. */
const CANNOT_LOCK = /cannot lock (\S+); try again later/;
/** What it prints before, as in `groupadd: /etc/group.123: No space left on device`. */
const CAUSE = /: Permission denied\.?$|\.\d+: (?!File exists)\S/m;

/** Calls account tools with patience for their lock. */
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

/** The file that kept the tool from its work; undefined when none did. */
function lockFile(output: string): string | undefined {
  for (const sign of LOCKED) {
    const name = sign.exec(output)?.[1];
    if (name !== undefined) return name;
  }
  const name = CANNOT_LOCK.exec(output)?.[1];
  return name === undefined ? undefined : `${name}.lock`;
}

/** Why nobody can make the lock. The last line does not say it: that asks to try again later. */
function causeOf(output: string, lock: string): string | undefined {
  return whyNotWritable(dirname(lock)) ?? output.split('\n').find((line) => CAUSE.test(line));
}

/** A read-only file system keeps even root from making a lock, and the tools do not say so. */
function whyNotWritable(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK);
    return undefined;
  } catch (error) {
    return fileProblem('cannot write', directory, error).line;
  }
}
