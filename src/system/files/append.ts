import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import type { Directory } from './directory.ts';

/** A file that stays open for a moment: the next line of a log comes soon, and opening it again would cost more than writing. */
interface KeptOpen {
  /** Its descriptor; undefined where it has to be opened anew: it was closed or removed, or is no longer as it should be. */
  take(path: string, mode: number, mostBytes: number): number | undefined;
  keep(path: string, fd: number): void;
}

/** Milliseconds. What logrotate has renamed gets our lines for this long. */
const MOMENT = 500;

const PERMISSIONS = 0o7777;

/** Keeps the file that was written last open for half a second. */
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
      if (isFit && kept.path === path && systemClock.elapsed() - kept.since < MOMENT) return kept.fd;
      close();
      return undefined;
    },
    keep(path, fd) {
      if (kept?.fd === fd) return;
      close();
      kept = { path, fd, since: systemClock.elapsed() };
      // Also where nothing more is written: the file system may have to be unmounted.
      timer = setTimeout(close, MOMENT).unref();
    },
  };
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
/** Milliseconds after which a lock is what a killed process left. */
const STALE = 60_000;

/**
 * Renames the file `name` to `name`.1, which is replaced, when it has more than `mostBytes`. Of several processes at once
 * one does it: a second rename would put the new file over the old one. Who finds another one at it goes on with the file as
 * it is, since nothing here is worth waiting for.
 * @returns false when the file is still the one that it was
 */
export function rotate(parent: Directory, name: string, mostBytes: number): boolean {
  const lock = parent.at(`.${name}.cfntools-rotation`);
  if (!tryLock(lock)) return false;
  try {
    // It may have been done between our look and our lock.
    const present = lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (present?.isFile() && present.size > mostBytes) renameSync(parent.at(name), parent.at(`${name}.1`));
    return true;
  } catch {
    return false; // a directory is in the way, say: too long a log is better than none
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
    // The next line of the log finds it gone.
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
