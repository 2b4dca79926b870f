import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import { type Clock, systemClock } from './clock.ts';
import { fileProblem } from './files/file-problem.ts';
import type { Exec } from './programs/exec.ts';
import { hasOpen, isAlive, markOf, type ProcessMark } from './programs/processes.ts';

export interface HeldLock {
  release(): void;
}

/** A lock whose file names us. */
export interface NamedLock extends HeldLock {
  /** Removes our process id from the file and keeps the lock: nobody should rely on a process that is about to end. */
  disclaim(): void;
  /** Whether the file at the path is still the locked one: when somebody has removed it, others can lock a new one. */
  isInPlace(): boolean;
}

/** The door to locks. */
export interface Locks {
  /**
   * Takes a lock that the kernel releases when this process ends, however it ends. Our process id is written to the file, for
   * people.
   * @param path an absolute path; the file and its directory are made, for us alone
   * @param waitSeconds how long to wait for somebody else to release it
   * @returns undefined when somebody else holds it
   * @throws Problem when the file cannot be opened, or flock(1) is not installed or does not answer
   */
  tryLock(path: string, waitSeconds?: number): Promise<NamedLock | undefined>;
  /**
   * The process that holds such a lock: it took the lock last and still has the file open. The lock itself is not touched, so this
   * never keeps another process from taking it.
   */
  holderOf(path: string): number | undefined;
  /** The process that took the lock last; undefined when there is none. It may have released the lock since. */
  lastHolder(path: string): number | undefined;
  /** Takes a lock whose file names its holder, see claimLock. @returns the lock or its holder; undefined when that is not known yet */
  claim(path: string): Promise<HeldLock | Holder | undefined>;
  /** The lock file for work on a directory, see lockPathFor. */
  pathFor: typeof lockPathFor;
}

/** Takes the lock on an open file. @param path names it in errors @returns false when somebody else has it */
type Flock = (fd: number, path: string) => Promise<boolean>;

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
/** Milliseconds between two attempts to take a lock that somebody else holds. */
const PAUSE = 100;
/** Milliseconds that flock(1) may take. */
const PATIENCE = 10_000;
/** The number of the file's descriptor in flock(1). */
const CHILD_FD = 3;
/** Exit code of flock(1): somebody else holds the lock. */
const TAKEN = 1;

/** @param clock its sleeps end with the run */
export function createLocks(exec: Exec, clock: Pick<Clock, 'sleep'> = systemClock): Locks {
  const flock = flockBy(exec);
  return {
    tryLock: (path, waitSeconds = 0) => tryLock(path, waitSeconds, flock, clock),
    holderOf,
    lastHolder,
    claim: (path) => claimLock(path, flock),
    pathFor: lockPathFor,
  };
}

/** Node has no flock(2), so flock(1) locks our open file. The lock belongs to the open file and stays when flock(1) has ended. */
async function tryLock(
  path: string,
  waitSeconds: number,
  flock: Flock,
  clock: Pick<Clock, 'sleep'>,
): Promise<NamedLock | undefined> {
  const fd = openLock(path);
  let isTaken = false;
  try {
    const deadline = systemClock.elapsed() + waitSeconds * 1000;
    for (;;) {
      isTaken = await flock(fd, path);
      if (isTaken || systemClock.elapsed() >= deadline) break;
      await clock.sleep(PAUSE);
    }
    if (!isTaken) return undefined;
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    isTaken = false;
    throw error instanceof Problem ? error : fileProblem('cannot lock', path, error);
  } finally {
    if (!isTaken) closeSync(fd);
  }
  let isHeld = true;
  return {
    release() {
      if (isHeld) closeSync(fd);
      isHeld = false;
    },
    disclaim() {
      if (isHeld) ftruncateSync(fd, 0);
    },
    isInPlace() {
      const [file, ours] = [fileAt(path), fstatSync(fd)];
      return file?.ino === ours.ino && file.dev === ours.dev;
    },
  };
}

function holderOf(path: string): number | undefined {
  const pid = lastHolder(path);
  const file = fileAt(path);
  return pid !== undefined && file !== undefined && hasOpen(pid, file) ? pid : undefined;
}

function lastHolder(path: string): number | undefined {
  try {
    const pid = fileAt(path) === undefined ? Number.NaN : Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where there is no regular file: reading a pipe would wait, and a link may lead to itself */
function fileAt(path: string): Stats | undefined {
  try {
    const found = statSync(path);
    return found.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
}

function openLock(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch (error) {
    throw fileProblem('cannot lock', path, error);
  }
  throw new Problem('cannot lock', { where: path, hint: 'it is not a regular file: remove it' });
}

function flockBy(exec: Exec): Flock {
  return async (fd, path) => {
    if (exec.find('flock') === undefined)
      throw new Problem('flock is not installed', { where: 'PATH', hint: 'install util-linux' });
    const command = ['flock', '-n', String(CHILD_FD)] as const;
    const { exitCode, output } = await exec.query(command, { timeout: PATIENCE, descriptor: fd });
    if (exitCode === 0) return true;
    if (exitCode === TAKEN) return false;
    throw new Problem('cannot lock', { where: path, hint: `flock says: ${output.trim()}` });
  };
}

/** Who holds a lock. */
export interface Holder extends ProcessMark {
  /** When it took the lock, on the clock of `elapsed`, which is the same in all processes. */
  readonly since: number;
  /** It is in another pid namespace, as a container that shares /run. So its process id means nothing here. */
  readonly isElsewhere?: boolean;
}

/** Milliseconds after which a holder touches its lock file again. */
const TOUCH_INTERVAL = 5000;
/** Milliseconds without a touch after which a holder in another pid namespace counts as gone. To flush a large file may take long. */
const LONGEST_SILENCE = 60_000;
const WRITABLE_BY_OTHERS = 0o022;
const PRIVATE = 0o700;
const MOST_ATTEMPTS = 10;
/** The temporary file of a process, and the lock of the processes that it started (see takeTurn). */
const OWNED = /\.(?:in-)?(\d+)$/;

/**
 * The lock file for work on a directory. It lies elsewhere and is named by the device and inode of the directory, so nothing is
 * left in the directory.
 * @param root `/` for this machine
 * @param uid our user id
 * @param runtimeDirectory XDG_RUNTIME_DIR, which belongs to the user
 * @returns undefined where a user who is not root has no directory that only he can write to
 */
export function lockPathFor(root: string, uid: number, runtimeDirectory: string | undefined): string | undefined {
  const [own, machine] = [statSync(root), statSync('/')];
  const isMachine = own.dev === machine.dev && own.ino === machine.ino;
  const name = isMachine ? 'run.lock' : `root-${own.dev}-${own.ino}.lock`;
  if (uid === 0) return `/run/cfn-init/${name}`;
  const isOwn = runtimeDirectory?.startsWith('/') === true && ownerOf(runtimeDirectory) === uid;
  return isOwn ? `${runtimeDirectory}/cfn-init/${name}` : undefined;
}

function ownerOf(directory: string): number | undefined {
  try {
    return statSync(directory).uid;
  } catch {
    // `su` keeps the XDG_RUNTIME_DIR of another user, which may not be accessible.
    return undefined;
  }
}

/**
 * Takes a lock by linking a file that names us into place. This costs a tenth of flock(1), for which a process has to be started.
 * A holder that was killed leaves the file behind. Its process id and start time tell whether it still runs. If not, the file is
 * replaced, by one process at a time. The holder touches the file as long as it runs, for processes in another pid namespace: a
 * container that was killed and started again finds the file of a process whose pid namespace no longer exists.
 * @param path in a directory that is made, for us alone, and removed with its last lock
 * @param flock used only to replace the file of a holder that is gone
 * @returns the lock, or its holder; undefined when another process is about to take it
 * @throws Problem when no such file can be made
 */
async function claimLock(path: string, flock: Flock, attempts = MOST_ATTEMPTS): Promise<HeldLock | Holder | undefined> {
  const temporary = `${path}.${process.pid}`;
  try {
    makeDirectory(dirname(path));
    // A process with our id may have been killed and left this file, maybe as a second name of the lock itself.
    removeIfThere(temporary);
    writeFileSync(temporary, ownLine(), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const holder = liveHolder(path);
      if (holder !== undefined) return holder;
      return await replaceDead(path, temporary, flock);
    } finally {
      removeIfThere(temporary);
    }
    return held(path);
  } catch (error) {
    // The holder of the last lock may have removed the directory just now.
    if (errnoOf(error) === 'ENOENT' && attempts > 1) return claimLock(path, flock, attempts - 1);
    throw error instanceof Problem ? error : fileProblem('cannot lock', path, error);
  }
}

function held(path: string): HeldLock {
  const { ino } = lstatSync(path);
  const isOurs = (): boolean => lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
  const beat = setInterval(() => {
    const now = new Date();
    try {
      if (isOurs()) utimesSync(path, now, now);
    } catch {
      // The file was removed just now, or the file system became read-only.
    }
  }, TOUCH_INTERVAL).unref();
  return {
    release() {
      clearInterval(beat);
      try {
        if (!isOurs()) return;
        removeIfThere(path);
        removeUnused(dirname(path));
      } catch {
        // The work is done, and the next run sees that we have ended.
      }
    },
  };
}

/** Removes the directory of locks, unless there are others. */
function removeUnused(directory: string): void {
  try {
    // Files of killed processes: of a lock that they were about to take, or of the lock for the processes that they started.
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
  const isThere = lstatSync(directory, { throwIfNoEntry: false })?.isDirectory();
  if (isThere === false) throw new Problem('not a directory', { where: directory, hint: 'remove it' });
  mkdirSync(directory, { recursive: true, mode: PRIVATE });
  const { uid, mode } = lstatSync(directory);
  if (uid !== process.geteuid?.() || (mode & WRITABLE_BY_OTHERS) !== 0)
    throw new Problem('others can write to the directory of the lock', { where: directory, hint: 'remove it' });
}

/** Replaces the file of a holder that is gone with ours. */
async function replaceDead(path: string, temporary: string, flock: Flock): Promise<HeldLock | Holder | undefined> {
  const directory = openSync(dirname(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    if (!(await flock(directory, path))) return undefined;
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
  return [self.pid, self.start, ...pidScope(), systemClock.elapsed()].join(' ');
}

/** The scope of process ids: their namespace, and this boot. */
function pidScope(): readonly [string, string] {
  return [readlinkSync('/proc/self/ns/pid'), readFileSync(paths.bootId, 'utf8').trim()];
}

/** @returns undefined when the holder has ended */
function liveHolder(path: string): Holder | undefined {
  const { text, stats } = readLock(path);
  const [pid, start, namespace, boot, since] = text.split(' ');
  const holder = { pid: Number(pid), start: Number(start), since: Number(since) };
  const [ownNamespace, ownBoot] = pidScope();
  if (boot !== ownBoot) return undefined;
  if (namespace !== ownNamespace) return isSilent(stats) ? undefined : { ...holder, isElsewhere: true };
  return isAlive(holder) ? holder : undefined;
}

/** The last touch by a holder in another pid namespace, and since when we have seen no later one. */
let lastTouch: { readonly mark: string; readonly since: number } | undefined;

/** Measured by our own clock, because the clock that dates files may have been set meanwhile. */
function isSilent({ ino, mtimeMs }: Stats): boolean {
  const mark = `${ino} ${mtimeMs}`;
  if (lastTouch?.mark !== mark) lastTouch = { mark, since: systemClock.elapsed() };
  return systemClock.elapsed() - lastTouch.since >= LONGEST_SILENCE;
}

/** Reads a lock file. Anything but a regular file has no holder; a pipe of that name is not waited for. */
function readLock(path: string): { readonly text: string; readonly stats: Stats } {
  const stats = lstatSync(path);
  if (!stats.isFile()) return { text: '', stats };
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    return { text: readFileSync(fd, 'utf8'), stats: fstatSync(fd) };
  } finally {
    closeSync(fd);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
