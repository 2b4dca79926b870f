import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import type { Directory } from './directory.ts';

/** Keeps a file open for a moment: the next log line comes soon, and opening the file again would cost more than writing. */
interface KeptOpen {
  /** Its descriptor; undefined where the file has to be opened again: it was closed or removed, is too large, or has another mode. */
  take(path: string, mode: number, mostBytes: number): number | undefined;
  keep(path: string, fd: number): void;
}

/** Milliseconds. A file that logrotate has renamed gets our lines for at most this long. */
const KEPT_OPEN = 500;

const PERMISSIONS = 0o7777;

/** Keeps the last written file open for half a second. */
export function keepOpen(): KeptOpen {
  let kept: { readonly path: string; readonly fd: number; readonly since: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = (): void => {
    clearTimeout(timer);
    if (kept !== undefined) closeSync(kept.fd);
    kept = undefined;
  };
  return {
    take(path, mode, mostBytes) {
      if (kept === undefined) return undefined;
      const now = fstatSync(kept.fd);
      const isFit = now.nlink > 0 && now.size <= mostBytes && (now.mode & PERMISSIONS & ~mode) === 0;
      if (isFit && kept.path === path && systemClock.elapsed() - kept.since < KEPT_OPEN) return kept.fd;
      close();
      return undefined;
    },
    keep(path, fd) {
      if (kept?.fd === fd) return;
      close();
      kept = { path, fd, since: systemClock.elapsed() };
      // Closed even if nothing more is written: somebody may want to unmount the file system.
      timer = setTimeout(close, KEPT_OPEN).unref();
    },
  };
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
/** Milliseconds after which a lock counts as left by a killed process. */
const STALE = 60_000;

/**
 * Renames the file `name` to `name`.1, which is replaced, when it has more than `mostBytes`. Only one process at a time does this: a
 * second rename would overwrite the old log with the new one. A process that finds the lock taken goes on with the file as it is,
 * because rotation is not worth waiting for.
 * @returns false when the file was not renamed
 */
export function rotate(parent: Directory, name: string, mostBytes: number): boolean {
  const lock = parent.at(`.${name}.cfntools-rotation`);
  if (!tryLock(lock)) return false;
  try {
    // Another process may have renamed it before we took the lock.
    const present = lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (present?.isFile() && present.size > mostBytes) renameSync(parent.at(name), parent.at(`${name}.1`));
    return true;
  } catch {
    return false; // for example, NAME.1 is a directory: a log that is too long is better than none
  } finally {
    remove(lock);
  }
}

function tryLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    return true;
  } catch {
    const present = lstatSync(lock, { throwIfNoEntry: false });
    // The next log line will find it removed.
    if (present !== undefined && Date.now() - present.mtimeMs > STALE) remove(lock);
    return false;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // gone already
  }
}
