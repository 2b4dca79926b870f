import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { describeError, Problem } from '../../errors.ts';
import { startProgram } from './run.ts';

export interface Detached {
  readonly pid: number;
  /** The exit code, or the name of a signal; undefined while it runs. */
  readonly ended: () => number | string | undefined;
}

/** For a process that mostly waits: one glibc heap for all threads saves a megabyte. */
const ONE_HEAP = { MALLOC_ARENA_MAX: '1' };

/**
 * Starts this program once more, with other arguments, in a session of its own and without a terminal. It keeps running after we
 * have ended.
 * @throws Problem when it cannot be started
 */
export async function startDetached(args: readonly string[]): Promise<Detached> {
  let ended: number | string | undefined;
  const child = await new Promise<ChildProcess>((resolve, reject) => {
    // Some errors of the start are thrown, the others are events.
    const env = { ...process.env, ...ONE_HEAP };
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

const { O_DIRECTORY, O_RDWR } = constants;
/** Linux's O_TMPFILE: a file without a name, which is removed with its last descriptor. Node has no constant for it. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;
/** The first is in memory, and every user can write there on a machine that runs systemd; the second is a fallback. */
const PLACES = ['/dev/shm', '/tmp'];

/**
 * Hands entries to the journal, by a shell that keeps running after we have ended. Never fails: entries that cannot be handed over
 * are lost.
 * @returns the shell; undefined when it was not started
 */
export function handOver(entries: readonly string[]): ChildProcess | undefined {
  // Each line of an entry contains a `=`, so none of them is the end mark `.`. The script stops at the first logger that fails.
  const script = entries.map((entry) => `logger --journald <<'.' || exit\n${entry}.\n`).join('');
  const fd = openNameless();
  if (fd === undefined) return undefined;
  try {
    // Written at position 0: the shell shares the position of our descriptor and begins to read there.
    const bytes = Buffer.from(script);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
    const shell = startProgram(['/bin/sh'], {
      stdio: [fd, 'ignore', 'ignore'],
      // Not the caller's environment, of which logger needs nothing.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      // So that Ctrl-C at a terminal does not end it.
      hasGroup: true,
    });
    shell.on('error', () => undefined);
    shell.unref();
    return shell;
  } catch {
    // For example a full disk, or too many processes. The entries are in the log file as well.
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function openNameless(): number | undefined {
  for (const place of PLACES) {
    try {
      return openSync(place, O_TMPFILE | O_RDWR, 0o600);
    } catch {
      // The next directory may work.
    }
  }
  return undefined;
}
