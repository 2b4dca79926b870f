import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { describeError, Problem } from '../../errors.ts';
import { startProgram } from './run.ts';

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

const { O_DIRECTORY, O_RDWR } = constants;
/** Linux's O_TMPFILE: a file without a name, which goes away with its last descriptor. Node does not name it. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;
/** In memory, and open to all, on each machine that runs systemd; or else on disk. */
const PLACES = ['/dev/shm', '/tmp'];

/**
 * Hands entries to the journal, by a shell that outlives us. Never fails: what cannot be handed over is lost.
 * @returns the shell; undefined where there is none
 */
export function handOver(entries: readonly string[]): ChildProcess | undefined {
  // A line of an entry has a `=` in it, so none ends the text before its time; the first logger that cannot ends it all.
  const script = entries.map((entry) => `logger --journald <<'.' || exit\n${entry}.\n`).join('');
  const fd = openNameless();
  if (fd === undefined) return undefined;
  try {
    // At its beginning, where the shell, whose position is ours, begins to read.
    const bytes = Buffer.from(script);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
    const shell = startProgram(['/bin/sh'], {
      stdio: [fd, 'ignore', 'ignore'],
      // Not the caller's: nothing of it is our business here.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      // Keys that interrupt us at a terminal leave it alone.
      hasGroup: true,
    });
    shell.on('error', () => undefined);
    shell.unref();
    return shell;
  } catch {
    // A full disk, no more processes: the log file has it.
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
      // The next one may do.
    }
  }
  return undefined;
}
