import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf, Problem } from '../../errors.ts';
import {
  closeMade,
  type Directory,
  type Made,
  openChild,
  openDirectoryBelow,
  pathOfHandle,
  removeMade,
} from './directory.ts';
import { type Entry, entryOf } from './file-entry.ts';
import { fileProblem } from './file-problem.ts';
import { joinPath } from './path.ts';
import { type Attributes, applyAttributes, flushDirectory } from './staged-file.ts';
import { type Root, refuseUnsafeDirectory } from './unsafe-path.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const HANDLES = '/proc/self/fd/';
const OPEN_TO_OTHERS = 0o077;
const CHUNK_BYTES = 64 * 1024;
const NO_DIRECTORY: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** A directory opened for work on its direct entries. */
export interface OpenDirectory extends Directory {
  /** The path with which it was opened, for messages. */
  readonly path: string;
  /** Its path in the kernel, with links resolved: shows whether one open directory is below another. */
  realPath(): string;
  /** The entry of that name itself (a link is not followed), or undefined. */
  entry(name: string): Entry | undefined;
  /** Opens a directory in it; undefined where there is none, or something else, such as a link. @throws Problem */
  openChild(name: string): OpenDirectory | undefined;
  /** The target of a symbolic link, as written. */
  linkTarget(name: string): string;
  /** True when the regular file of that name has the same bytes as the open file at the path `other`. */
  isSame(name: string, other: string): boolean;
  /** Makes a directory with exactly these attributes, whatever the umask. @throws Problem when the name already exists */
  makeChild(name: string, attributes: Attributes): void;
  /** Removes a file, a link or an empty directory. Never fails: an entry in use is kept. */
  removeChild(name: string): void;
  /** Makes a rename in this directory survive a power cut. */
  flush(): void;
}

/** A directory that was made if it did not exist, with its parents. */
export interface MadeDirectory extends OpenDirectory {
  /** True when it did not exist. */
  readonly isNew: boolean;
  /** Removes the directories that were made for it and are empty, and nothing else. */
  removeMade(): void;
}

/** Opens a directory below the root. @throws Problem */
export function openDirectory(root: Root, path: string): OpenDirectory {
  try {
    return workOn(root, openDirectoryBelow(root, path, false), path);
  } catch (error) {
    throw fileProblem('cannot open the directory', path, error);
  }
}

/**
 * As openDirectory, but makes missing directories, 0755 whatever the umask.
 * @param isPrivate the last one 0700, if it is made
 * @throws Problem, with nothing made
 */
export function makeDirectory(root: Root, path: string, isPrivate = false): MadeDirectory {
  let made: readonly Made[] = [];
  let directory: Directory;
  try {
    directory = openDirectoryBelow(root, path, isPrivate ? 'private' : true, (list) => {
      made = list;
    });
  } catch (error) {
    throw fileProblem('cannot make the directory', path, error);
  }
  return {
    ...workOn(root, directory, path),
    isNew: made.length > 0,
    removeMade: () => removeMade(made),
    close() {
      directory.close();
      closeMade(made);
    },
  };
}

function workOn(root: Root, directory: Directory, path: string): OpenDirectory {
  const guard = <T>(verb: string, name: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileProblem(verb, joinPath(path, name), error);
    }
  };
  return {
    ...directory,
    path,
    realPath: () => guard('cannot look at', '', () => kernelPath(directory.at('.').slice(0, -2))),
    entry: (name) =>
      guard('cannot look at', name, () => {
        const stats = lstatSync(directory.at(name), { throwIfNoEntry: false });
        return stats === undefined ? undefined : entryOf(stats);
      }),
    openChild: (name) => {
      const below = joinPath(path, name);
      const child = guard('cannot open the directory', name, () => openStep(root, directory, name, [path, below]));
      return child === undefined ? undefined : workOn(root, child, below);
    },
    linkTarget: (name) => guard('cannot read the link', name, () => readlinkSync(directory.at(name))),
    isSame: (name, other) => guard('cannot read', name, () => isSameFile(directory, name, other)),
    makeChild: (name, attributes) =>
      guard('cannot make the directory', name, () => {
        const fd = makePrivateDirectory(directory, name);
        try {
          applyAttributes(fd, attributes);
        } finally {
          closeSync(fd);
        }
      }),
    removeChild: (name) => removeChild(directory, name),
    flush: () => guard('cannot flush', '', () => flushDirectory(directory)),
  };
}

function openStep(root: Root, parent: Directory, name: string, paths: [string, string]): Directory | undefined {
  let child: Directory;
  try {
    child = openChild(parent, name);
  } catch (error) {
    if (NO_DIRECTORY.has(errnoOf(error))) return undefined;
    throw error;
  }
  try {
    refuseUnsafeDirectory(root, parent.uid, child.uid, () => paths);
    return child;
  } catch (error) {
    child.close();
    throw error;
  }
}

/**
 * Makes a directory that only we can use, and opens it.
 * @returns its descriptor
 * @throws Problem when another user replaced it before it was open, otherwise the system's error
 */
export function makePrivateDirectory(parent: Directory, name: string): number {
  mkdirSync(parent.at(name), 0o700);
  const fd = openSync(parent.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { uid, mode } = fstatSync(fd);
    const isOurs =
      uid === process.geteuid?.() &&
      (mode & OPEN_TO_OTHERS) === 0 &&
      readdirSync(pathOfHandle(fd, parent.at(name))).length === 0;
    if (!isOurs)
      throw new Problem('another user interferes with the new directory', { hint: 'check who writes there' });
    // The umask may have removed our own permissions.
    fchmodSync(fd, 0o700);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Removes a file, a link or an empty directory, whoever made it; never more than that. */
function removeChild(parent: Directory, name: string): void {
  try {
    unlinkSync(parent.at(name));
  } catch (error) {
    // For a directory: EISDIR on Linux, EPERM in POSIX.
    if (errnoOf(error) !== 'EISDIR' && errnoOf(error) !== 'EPERM') return;
    try {
      rmdirSync(parent.at(name));
    } catch {
      // in use, or gone
    }
  }
}

function kernelPath(base: string): string {
  return base.startsWith(HANDLES) ? readlinkSync(base) : realpathSync(base);
}

/** True when the regular file of that name, not a link, has the same bytes as the file at the path `other`. */
export function isSameFile(parent: Directory, name: string, other: string): boolean {
  const mine = openSync(parent.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    return isSameContent(mine, other);
  } finally {
    closeSync(mine);
  }
}

function isSameContent(mine: number, other: string): boolean {
  const fd = openSync(other, O_RDONLY | O_NONBLOCK);
  try {
    if (fstatSync(mine).size !== fstatSync(fd).size) return false;
    const left = Buffer.allocUnsafe(CHUNK_BYTES);
    const right = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const got = readSync(mine, left, 0, CHUNK_BYTES, position);
      if (readSync(fd, right, 0, CHUNK_BYTES, position) !== got) return false;
      if (got === 0) return true;
      if (left.compare(right, 0, got, 0, got) !== 0) return false;
      position += got;
    }
  } finally {
    closeSync(fd);
  }
}
