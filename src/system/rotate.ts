import { closeSync, constants, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import type { Directory } from './directory.ts';

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
