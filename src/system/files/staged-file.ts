import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf, Problem } from '../../errors.ts';
import { type Directory, pathOfHandle } from './directory.ts';
import { reasonOf } from './file-problem.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const PERMISSIONS = 0o7777;
/** Bytes that are copied at a time. */
const PIECE = 256 * 1024;
/** Attempts to find a free name: more than chance, or somebody who occupies names, can use up. */
const MOST_ATTEMPTS = 100;

export interface Attributes {
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** How a file was put in place: in one step, or piece by piece. */
export type Placed = 'renamed' | 'overwritten';

/** An unfinished file: hidden, beside its final place, readable by us only. Unless it is committed, it is removed. */
export interface StagedFile {
  /** The path by which libraries can read what was written so far; not valid after commit. */
  readonly path: string;
  write(chunk: Uint8Array): void;
  /** Drops what was written so far. */
  restart(): void;
  /**
   * Sets owner and mode of the file, and its time of modification if that is not now, flushes it and renames it into place. A mount
   * point, such as /etc/hosts in many containers, cannot be replaced by a rename and is overwritten.
   */
  commit(attributes: Attributes, modified?: Date): Placed;
  /** Removes the file unless it was committed. Always call it in the end. */
  discard(): void;
}

/**
 * Starts a file that commit puts at `name` in the directory.
 * Until commit, and after a kill or a power cut, the old file is still there.
 */
export function stageFile(parent: Directory, name: string): StagedFile {
  sweepTemporaries(parent, name);
  const [temporary, fd] = withNewName(temporaryPrefix(name), (candidate) =>
    openSync(parent.at(candidate), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
  );
  const path = parent.at(temporary);
  let position = 0;
  let isOpen = true;
  return {
    // By the handle, because another user who can write to the directory could replace the file.
    path: pathOfHandle(fd, path),
    write(chunk) {
      for (let done = 0; done < chunk.length; )
        done += writeSync(fd, chunk, done, chunk.length - done, position + done);
      position += chunk.length;
    },
    restart() {
      ftruncateSync(fd);
      position = 0;
    },
    commit(attributes, modified) {
      applyAttributes(fd, attributes);
      if (modified !== undefined) futimesSync(fd, modified, modified);
      fsyncSync(fd);
      try {
        renameSync(path, parent.at(name));
      } catch (error) {
        if (errnoOf(error) !== 'EBUSY') throw error;
        writeOver(parent.at(name), fd, attributes, modified);
        return 'overwritten';
      }
      flushDirectory(parent);
      return 'renamed';
    },
    discard() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      removeTemporary(path);
    },
  };
}

/**
 * Overwrites an existing file with the content of another.
 * @throws Problem when the old content is lost, otherwise the system's error
 */
function writeOver(path: string, from: number, attributes: Attributes, modified: Date | undefined): void {
  const present = lstatSync(path);
  if (!present.isFile()) throw new Problem('a mount point that is not a regular file', { hint: 'unmount it' });
  const to = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  let length = 0;
  try {
    // Nobody can read the new content at any moment who may not read the new file.
    const isGiven = present.uid !== attributes.uid || present.gid !== attributes.gid;
    fchmodSync(to, isGiven ? 0 : present.mode & attributes.mode & PERMISSIONS);
    const chunk = Buffer.allocUnsafe(PIECE);
    for (let got = readSync(from, chunk, 0, PIECE, 0); got > 0; got = readSync(from, chunk, 0, PIECE, length)) {
      for (let done = 0; done < got; ) done += writeSync(to, chunk, done, got - done, length + done);
      length += got;
    }
    ftruncateSync(to, length);
    applyAttributes(to, attributes);
    if (modified !== undefined) futimesSync(to, modified, modified);
    fsyncSync(to);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new Problem(`a mount point, which is overwritten: ${reasonOf(code)}`, {
      hint: 'it now has part of the new content: run cfn-init again',
      cause: error,
    });
  } finally {
    closeSync(to);
  }
}

/**
 * Makes something under an unpredictable name that contains our process id.
 * @returns the name, and what `make` returns
 * @throws the errors of `make`, except EEXIST
 */
export function withNewName<T>(prefix: string, make: (name: string) => T): [name: string, made: T] {
  for (let attempt = 1; ; attempt += 1) {
    const name = `${prefix}${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
    try {
      return [name, make(name)];
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt >= MOST_ATTEMPTS) throw error;
    }
  }
}

/** The id of the process that made a name with withNewName; undefined for any other name. */
export function makerOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  // The second half is optional: version 0.1 made names without it.
  const pid = /^([1-9]\d{0,9})(?:-[0-9a-z]{0,8})?$/.exec(name.slice(prefix.length))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Removes a temporary file. It may be gone, or be the directory of another user by now; neither is a failure. */
function removeTemporary(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is in use or gone: leave it.
  }
}

/** The same file with `guard` around its operations, which turns their errors into others. */
export function guardStaged(staged: StagedFile, guard: <T>(work: () => T) => T): StagedFile {
  return {
    path: staged.path,
    write: (chunk) => guard(() => staged.write(chunk)),
    restart: () => guard(() => staged.restart()),
    commit: (attributes, modified) => guard(() => staged.commit(attributes, modified)),
    discard: () => staged.discard(),
  };
}

/** Makes a link under a temporary name and renames it to `name`. First removes what a killed run left. */
export function putInPlace(parent: Directory, name: string, make: (temporary: string) => void): void {
  sweepTemporaries(parent, name);
  const [temporary] = withNewName(temporaryPrefix(name), make);
  try {
    renameSync(parent.at(temporary), parent.at(name));
  } catch (error) {
    removeTemporary(parent.at(temporary));
    throw error;
  }
  flushDirectory(parent);
}

/** Hidden, so that run-parts, cron.d and conf.d globs ignore it; shortened, because a name has at most 255 bytes. */
function temporaryPrefix(name: string): string {
  const short =
    Buffer.byteLength(name) > 200
      ? Buffer.from(name)
          .subarray(0, 200)
          .toString('latin1')
          .replace(/[^\x20-\x7e]/g, '_')
      : name;
  return `.${short}.cfntools-`;
}

/** Directories that are remembered: more than most runs write to. */
const MOST_LISTS = 1000;

/** The content of a directory when it was listed. */
interface Listing {
  /** Names that look like temporary files, by the part before the process id. */
  readonly temporaries: ReadonlyMap<string, readonly string[]>;
  /** The prefixes that were swept with this listing. */
  readonly swept: Set<string>;
}

/** By device, inode and time of birth, because inodes are used again. */
const listings = new Map<string, Listing>();

/**
 * Removes the temporary files for `name` of processes that have ended. A run may write thousands of files into one directory, so the
 * directory is listed again only when a file is written for the second time.
 */
export function sweepTemporaries(parent: Directory, name: string): void {
  const prefix = temporaryPrefix(name);
  const { dev, ino, birthtimeMs } = lstatSync(parent.at('.'));
  const key = `${dev}:${ino}:${birthtimeMs}`;
  let listing = listings.get(key);
  if (listing === undefined || listing.swept.has(prefix)) {
    if (listings.size >= MOST_LISTS) listings.clear();
    listing = { temporaries: temporariesIn(parent), swept: new Set() };
    listings.set(key, listing);
  }
  listing.swept.add(prefix);
  for (const candidate of listing.temporaries.get(prefix) ?? []) {
    // Only names that we could have made: `.motd.cfntools-backup` belongs to somebody else.
    const maker = makerOf(candidate, prefix);
    if (maker === undefined || (maker !== process.pid && isRunning(maker))) continue;
    if (lstatSync(parent.at(candidate), { throwIfNoEntry: false })?.isDirectory() === false)
      removeTemporary(parent.at(candidate));
  }
}

function temporariesIn(parent: Directory): Listing['temporaries'] {
  const temporaries = new Map<string, string[]>();
  for (const name of namesIn(parent)) {
    const prefix = /^\..*\.cfntools-(?=\d)/s.exec(name)?.[0];
    if (prefix === undefined) continue;
    const others = temporaries.get(prefix);
    if (others === undefined) temporaries.set(prefix, [name]);
    else others.push(name);
  }
  return temporaries;
}

function namesIn(parent: Directory): readonly string[] {
  try {
    return readdirSync(parent.at('.'));
  } catch {
    return []; // a directory we may write into but not list
  }
}

/** True while any process has the id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Flushes the names in a directory to the disk, where we may read it. @throws the system's error */
export function flushDirectory(parent: Directory): void {
  let fd: number;
  try {
    fd = openSync(parent.at('.'), O_RDONLY | O_DIRECTORY);
  } catch {
    return; // not allowed to read it: the rename is done, and the kernel flushes it later
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Sets owner and mode. Owner first: the kernel drops set-id bits on chown. */
export function applyAttributes(fd: number, wanted: Attributes): void {
  const now = fstatSync(fd);
  if (now.uid !== wanted.uid || now.gid !== wanted.gid) fchownSync(fd, wanted.uid, wanted.gid);
  fchmodSync(fd, wanted.mode);
}
