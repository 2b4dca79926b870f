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
/** Each finds a name that is taken; more than chance and many a squatter can do. */
const MOST_ATTEMPTS = 100;

export interface Attributes {
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** How a file came to its place: at once, or piece by piece. */
export type Placed = 'renamed' | 'written over';

/** A file in the making: hidden beside the place it is for, readable by us only, gone unless it is committed. */
export interface StagedFile {
  /** Where libraries can read what was written so far; after commit nothing to rely on. */
  readonly path: string;
  write(chunk: Uint8Array): void;
  /** Forgets what was written. */
  restart(): void;
  /**
   * Gives the file its owner and mode, and its time of change if that is not now, flushes it and renames it into place. What is a
   * mount point cannot be renamed over, as /etc/hosts in many a container, and is written over.
   */
  commit(attributes: Attributes, modified?: Date): Placed;
  /** Removes what was not committed. Always call it in the end. */
  discard(): void;
}

/**
 * Starts a file that will stand at `name` in the directory.
 * Until commit, and after a kill or a power cut, what stood there still stands.
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
    // By the handle: whoever may write to the directory may put another file under the name.
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
      giveAttributes(fd, attributes);
      if (modified !== undefined) futimesSync(fd, modified, modified);
      fsyncSync(fd);
      try {
        renameSync(path, parent.at(name));
      } catch (error) {
        if (errnoOf(error) !== 'EBUSY') throw error;
        writeOver(parent.at(name), fd, attributes, modified);
        return 'written over';
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
 * Puts what a file has into another one that is there.
 * @throws Problem when what was there is lost, otherwise the system's error
 */
function writeOver(path: string, from: number, attributes: Attributes, modified: Date | undefined): void {
  const present = lstatSync(path);
  if (!present.isFile()) throw new Problem('a mount point that is not a regular file', { hint: 'unmount it' });
  const to = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  let length = 0;
  try {
    // At no moment can somebody read the new content who may not read the new file.
    const isGiven = present.uid !== attributes.uid || present.gid !== attributes.gid;
    fchmodSync(to, isGiven ? 0 : present.mode & attributes.mode & PERMISSIONS);
    const chunk = Buffer.allocUnsafe(PIECE);
    for (let got = readSync(from, chunk, 0, PIECE, 0); got > 0; got = readSync(from, chunk, 0, PIECE, length)) {
      for (let done = 0; done < got; ) done += writeSync(to, chunk, done, got - done, length + done);
      length += got;
    }
    ftruncateSync(to, length);
    giveAttributes(to, attributes);
    if (modified !== undefined) futimesSync(to, modified, modified);
    fsyncSync(to);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new Problem(`a mount point, which is written over: ${reasonOf(code)}`, {
      hint: 'it has a part of the new content now: run cfn-init again',
      cause: error,
    });
  } finally {
    closeSync(to);
  }
}

/**
 * Makes something under a name that nobody can foresee, and that tells which process made it.
 * @returns the name, and what `make` returns
 * @throws what `make` throws, but for EEXIST
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

/** The process whose name it is, if withNewName made it. */
export function makerOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  // Without the second half: what version 0.1 made.
  const pid = /^([1-9]\d{0,9})(?:-[0-9a-z]{0,8})?$/.exec(name.slice(prefix.length))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** It may be gone, or somebody else's directory by now, and neither is a failure. */
function removeTemporary(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is in use or gone: leave it.
  }
}

/** The same file; what its operations throw comes out as `guard` has it. */
export function guardStaged(staged: StagedFile, guard: <T>(work: () => T) => T): StagedFile {
  return {
    path: staged.path,
    write: (chunk) => guard(() => staged.write(chunk)),
    restart: () => guard(() => staged.restart()),
    commit: (attributes, modified) => guard(() => staged.commit(attributes, modified)),
    discard: () => staged.discard(),
  };
}

/** Makes a link under a temporary name and renames it over `name`; what a killed run left behind is swept first. */
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

/** Hidden, so that run-parts, cron.d and conf.d globs pass it over; cut, since a name has at most 255 bytes. */
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

/** What a directory had when it was listed. */
interface Listing {
  /** Names that look like those of temporary files, by what comes before the maker. */
  readonly temporaries: ReadonlyMap<string, readonly string[]>;
  /** What was swept by this listing. */
  readonly swept: Set<string>;
}

/** By device, inode and birth, since an inode is used again. */
const listings = new Map<string, Listing>();

/**
 * Removes the temporary files for `name` whose makers are gone. A run may write thousands of files into one directory: it is
 * listed again only when one of them is written for the second time.
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
    // Only what we could have made: a file that somebody called `.motd.cfntools-backup` is theirs.
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

/** True while a process has the id, ours or not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Brings the names in a directory to the disk, where we may read it. @throws the system's error */
export function flushDirectory(parent: Directory): void {
  let fd: number;
  try {
    fd = openSync(parent.at('.'), O_RDONLY | O_DIRECTORY);
  } catch {
    return; // no right to read it: the rename stands, only its flush is the kernel's business
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Sets owner and mode. Owner first: the kernel drops set-id bits on chown. */
export function giveAttributes(fd: number, wanted: Attributes): void {
  const now = fstatSync(fd);
  if (now.uid !== wanted.uid || now.gid !== wanted.gid) fchownSync(fd, wanted.uid, wanted.gid);
  fchmodSync(fd, wanted.mode);
}
