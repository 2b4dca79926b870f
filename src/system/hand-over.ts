import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { startProgram } from './run-program.ts';

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
