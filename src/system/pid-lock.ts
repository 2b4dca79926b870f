import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, Problem } from '../errors.ts';
import { systemClock } from './clock.ts';
import { fileProblem } from './file-problem.ts';
import type { HeldLock } from './lock.ts';
import { isAlive, markOf, type ProcessMark } from './processes.ts';

/** Who holds a lock. */
export interface Holder extends ProcessMark {
  /** When it took the lock, as the clock's `elapsed`, which counts the same in all processes. */
  readonly since: number;
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const OPEN_TO_OTHERS = 0o022;
const PRIVATE = 0o700;
const MOST_ATTEMPTS = 10;
/** The temporary file of a process, and the lock of those that it started (see takeTurn). */
const OWNED = /\.(?:in-)?(\d+)$/;

/**
 * The lock file for work on a directory, named by what the directory is and not by its path: nothing is left in it.
 * @param root `/` for this machine
 * @param uid who we are
 * @param runtimeDirectory XDG_RUNTIME_DIR, a directory of the user's own
 * @returns undefined where a user who is not root has no directory that only he can write to
 */
export function lockPathFor(root: string, uid: number, runtimeDirectory: string | undefined): string | undefined {
  const [own, machine] = [statSync(root), statSync('/')];
  const isMachine = own.dev === machine.dev && own.ino === machine.ino;
  const name = isMachine ? 'run.lock' : `root-${own.dev}-${own.ino}.lock`;
  if (uid === 0) return `/run/cfn-init/${name}`;
  const isOwn =
    runtimeDirectory?.startsWith('/') === true && statSync(runtimeDirectory, { throwIfNoEntry: false })?.uid === uid;
  return isOwn ? `${runtimeDirectory}/cfn-init/${name}` : undefined;
}

/**
 * Takes a lock by linking a file into place that says who we are. It costs a tenth of flock(1), for which Node would have to
 * start a process. A holder that was killed has left the file; whether it is still there is known by its process id and
 * start, so the file is then replaced, by one process at a time.
 * @param path in a directory that is made, for us alone, and removed with its last lock
 * @returns the lock, or who holds it; undefined when somebody is about to take it
 * @throws Problem when no such file can be made
 */
export async function claimLock(path: string, attempts = MOST_ATTEMPTS): Promise<HeldLock | Holder | undefined> {
  const temporary = `${path}.${process.pid}`;
  try {
    makeDirectory(dirname(path));
    writeFileSync(temporary, ownLine(), { mode: 0o600 });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const holder = liveHolder(path);
      if (holder !== undefined) return holder;
      return await replaceDead(path, temporary);
    } finally {
      removeIfThere(temporary);
    }
    return held(path);
  } catch (error) {
    // Whoever held the last lock may have removed the directory just now.
    if (errnoOf(error) === 'ENOENT' && attempts > 1) return claimLock(path, attempts - 1);
    throw error instanceof Problem ? error : fileProblem('cannot lock', path, error);
  }
}

function held(path: string): HeldLock {
  const { ino } = lstatSync(path);
  return {
    release() {
      if (lstatSync(path, { throwIfNoEntry: false })?.ino !== ino) return;
      removeIfThere(path);
      removeUnused(dirname(path));
    },
  };
}

/** Removes the directory of locks, unless there are others. */
function removeUnused(directory: string): void {
  try {
    // What a killed process has left that was about to take a lock, or has held one for those that it started.
    for (const name of readdirSync(directory)) {
      const owner = OWNED.exec(name)?.[1];
      if (owner !== undefined && markOf(Number(owner)) === undefined) unlinkSync(`${directory}/${name}`);
    }
    rmdirSync(directory);
  } catch {
    // It is in use, or gone.
  }
}

function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: PRIVATE });
  const { uid, mode } = lstatSync(directory);
  if (uid !== process.geteuid?.() || (mode & OPEN_TO_OTHERS) !== 0)
    throw new Problem('others can write to the directory of the lock', { where: directory, hint: 'remove it' });
}

/** Puts our file in the place of that of a holder that is gone. */
async function replaceDead(path: string, temporary: string): Promise<HeldLock | Holder | undefined> {
  // Loaded here: a lock that is free should not cost the start of processes.
  const { flockNow } = await import('./lock.ts');
  const directory = openSync(dirname(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    if (!flockNow(directory, path)) return undefined;
    const holder = liveHolder(path);
    if (holder !== undefined) return holder;
    renameSync(temporary, path);
    return held(path);
  } finally {
    closeSync(directory);
  }
}

/** `PID START PID-NAMESPACE BOOT SINCE` */
function ownLine(): string {
  const self = markOf(process.pid);
  if (self === undefined) throw new Problem('cannot lock', { where: '/proc', hint: 'mount it' });
  return [self.pid, self.start, ...world(), systemClock.elapsed()].join(' ');
}

/** What process ids are relative to: their namespace, and this boot. */
function world(): readonly [string, string] {
  return [readlinkSync('/proc/self/ns/pid'), readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()];
}

/** @returns undefined when the holder has ended */
function liveHolder(path: string): Holder | undefined {
  const [pid, start, namespace, boot, since] = readFileSync(path, 'utf8').split(' ');
  const holder = { pid: Number(pid), start: Number(start), since: Number(since) };
  const [ownNamespace, ownBoot] = world();
  if (boot !== ownBoot) return undefined;
  // That of another namespace cannot be seen from here.
  if (namespace !== ownNamespace) return holder;
  return isAlive(holder) ? holder : undefined;
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
