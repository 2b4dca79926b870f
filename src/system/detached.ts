import type { ChildProcess } from 'node:child_process';
import { describeError, Problem } from '../errors.ts';
import { startProgram } from './run-program.ts';

export interface Detached {
  readonly pid: number;
  /** The exit code, or the name of a signal; undefined while it runs. */
  readonly ended: () => number | string | undefined;
}

/** For what mostly waits: one heap of glibc's for all threads is a megabyte smaller. */
const SMALL = { MALLOC_ARENA_MAX: '1' };

/**
 * Starts this program once more, with other arguments, in a session of its own and without a terminal, to stay when we
 * are gone.
 * @throws Problem when it cannot be started
 */
export async function startDetached(args: readonly string[]): Promise<Detached> {
  let ended: number | string | undefined;
  const child = await new Promise<ChildProcess>((resolve, reject) => {
    // Some errors of the start are thrown, the others are events.
    const env = { ...process.env, ...SMALL };
    const started = startProgram([process.execPath, ...args], { env, cwd: '/', stdio: 'ignore', hasGroup: true });
    started.on('exit', (code, signal) => {
      ended = code ?? signal ?? undefined;
    });
    started.on('spawn', () => resolve(started));
    started.on('error', reject);
  }).catch((error: unknown) => {
    throw new Problem('cannot start', { where: process.execPath, hint: describeError(error), cause: error });
  });
  child.unref();
  return { pid: child.pid as number, ended: () => ended };
}
