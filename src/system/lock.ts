import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Problem } from '../errors.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Exec } from './exec.ts';
import { fileProblem } from './file-problem.ts';
import { claimLock, type Holder, lockPathFor } from './pid-lock.ts';
import { hasOpen } from './processes.ts';

export interface HeldLock {
  release(): void;
}

/** A lock whose file names us. */
export interface NamedLock extends HeldLock {
  /** Takes our process id out of the file, while the lock stays ours: nobody is to rely on a process that is about to end. */
  disclaim(): void;
  /** Whether the file is still the one that is locked: when somebody has removed it, others can lock a new one. */
  isInPlace(): boolean;
}

/** The door to locks. */
export interface Locks {
  /**
   * Takes a lock that the kernel drops when this process ends, however it ends. The file gets our process id, for people.
   * @param path an absolute path; the file and its directory are made, for us alone
   * @param waitSeconds how long to wait for somebody else to release it
   * @returns undefined when somebody else holds it
   * @throws Problem when the file cannot be opened, or there is no flock(1) or it does not answer
   */
  tryLock(path: string, waitSeconds?: number): Promise<NamedLock | undefined>;
  /**
   * The process that holds such a lock, found without touching the lock: it took it last, and has the file open still. So a
   * look never keeps anybody else from taking it.
   */
  holderOf(path: string): number | undefined;
  /** The process that took the lock last; undefined when nobody has. Whether it still holds it, only taking it tells. */
  lastHolder(path: string): number | undefined;
  /** Takes a lock whose file says who holds it, see claimLock. @returns who has it; undefined when that cannot be told yet */
  claim(path: string): Promise<HeldLock | Holder | undefined>;
  /** The file of such a lock for work on a directory, see lockPathFor. */
  pathFor: typeof lockPathFor;
}

/** Takes the lock on an open file. @param path names it in errors @returns false when somebody else has it */
export type Flock = (fd: number, path: string) => Promise<boolean>;

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** Milliseconds between two looks at a lock that somebody else holds. */
const PAUSE = 100;
/** Milliseconds that flock(1) may take to say yes or no. */
const PATIENCE = 10_000;
/** The file's descriptor within flock(1). */
const CHILD_FD = 3;
/** flock(1): somebody else has it. */
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

/** Node has no flock(2): flock(1) takes the lock on our open file, to which it belongs, so it stays when flock(1) is gone. */
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

/** @returns undefined where there is no regular file: a pipe would be waited for, and a link may lead to itself */
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
  throw new Problem('cannot lock', { where: path, hint: 'it is no regular file: remove it' });
}

function flockBy(exec: Exec): Flock {
  return async (fd, path) => {
    if (exec.find('flock') === undefined)
      throw new Problem('there is no flock', { where: 'PATH', hint: 'install util-linux' });
    const command = ['flock', '-n', String(CHILD_FD)] as const;
    const { exitCode, output } = await exec.query(command, { timeout: PATIENCE, descriptor: fd });
    if (exitCode === 0) return true;
    if (exitCode === TAKEN) return false;
    throw new Problem('cannot lock', { where: path, hint: `flock says: ${output.trim()}` });
  };
}
