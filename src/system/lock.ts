import { spawnSync } from 'node:child_process';
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
import { systemClock } from './clock.ts';
import { fileProblem } from './file-problem.ts';
import { hasOpen } from './processes.ts';
import { findProgram, searchPath } from './search-path.ts';

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

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** Milliseconds between two looks at a lock that somebody else holds. */
const PAUSE = 100;
/** Milliseconds that flock(1) may take to say yes or no. */
const PATIENCE = 10_000;
/** The file's descriptor within flock(1). */
const CHILD_FD = 3;

/**
 * Takes a lock that the kernel drops when this process ends, however it ends. Node has no flock(2): flock(1) takes the
 * lock on our open file, to which it belongs, so it stays when flock(1) is gone. The file gets our process id, for people.
 * @param path an absolute path; the file and its directory are made, for us alone
 * @param waitSeconds how long to wait, without doing anything else, for somebody else to release it
 * @returns undefined when somebody else holds it
 * @throws Problem when the file cannot be opened or there is no flock(1)
 */
export function tryLock(path: string, waitSeconds = 0): NamedLock | undefined {
  const fd = openLock(path);
  let isTaken = false;
  try {
    const deadline = systemClock.elapsed() + waitSeconds * 1000;
    for (;;) {
      isTaken = flockNow(fd, path);
      if (isTaken || systemClock.elapsed() >= deadline) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
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

/**
 * The process that holds a lock, found without touching the lock: it took it last, and has the file open still. So a look
 * never keeps anybody else from taking it.
 */
export function holderOf(path: string): number | undefined {
  const pid = lastHolder(path);
  const file = fileAt(path);
  return pid !== undefined && file !== undefined && hasOpen(pid, file) ? pid : undefined;
}

/** The process that took the lock last; undefined when nobody has. Whether it still holds it, only taking it tells. */
export function lastHolder(path: string): number | undefined {
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

/**
 * Takes the lock on an open file.
 * @param path names it in errors
 * @returns false when somebody else has it
 * @throws Problem when there is no flock(1)
 */
export function flockNow(fd: number, path: string): boolean {
  const flock = findProgram('flock', searchPath(process.env['PATH']));
  if (flock === undefined) throw new Problem('there is no flock', { where: 'PATH', hint: 'install util-linux' });
  const { status, error, stderr } = spawnSync(flock, ['-n', String(CHILD_FD)], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', fd],
    timeout: PATIENCE,
  });
  if (status === 0) return true;
  if (status === 1) return false;
  throw new Problem('cannot lock', {
    where: path,
    hint: error === undefined ? `flock says: ${stderr.toString('utf8').trim()}` : error.message,
  });
}
