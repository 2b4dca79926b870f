import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { codeOf, errnoOf, Problem } from '../../errors.ts';
import { keepOpen, rotate } from './append.ts';
import { type Directory, type Link, linkOf, openDirectoryBelow } from './directory.ts';
import { type Entry, entryOf, type Look, lookAt } from './file-entry.ts';
import { fileProblem } from './file-problem.ts';
import { isSameFile, type MadeDirectory, makeDirectory, type OpenDirectory, openDirectory } from './open-directory.ts';
import { linkedPath, MOST_LINKS, splitPath } from './path.ts';
import { openScratch, type Scratch } from './scratch.ts';
import {
  type Attributes,
  applyAttributes,
  guardStaged,
  type Placed,
  putInPlace,
  type StagedFile,
  stageFile,
  sweepTemporaries,
} from './staged-file.ts';
import { createRoot, isSafeDirectory, type Owners, refuseUnsafeEnd } from './unsafe-path.ts';

export type { Attributes, Entry, Look, MadeDirectory, OpenDirectory, Scratch, StagedFile };

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY, O_APPEND } = constants;
const PERMISSIONS = 0o7777;
const CHUNK_BYTES = 64 * 1024;

/** A state of a file. */
interface FileVersion {
  readonly id: string;
  /** When the file or its attributes were changed last. */
  readonly changed: Date;
}

/** A link on the way to a file. */
interface PassedLink {
  readonly path: string;
  readonly owners: Owners;
}

/** The one door to files; createFileSystem opens it. All paths are absolute and lie below its root. */
export interface FileSystem {
  /** The directory below which all paths lie; `/` for the running machine. */
  readonly root: string;
  /** The whole file. Links are followed below the root. @throws Problem when it cannot be read or has more than `mostBytes` */
  read(path: string, mostBytes?: number): Buffer;
  /** As read, for a file that may be larger than memory: `take` gets it in pieces. */
  readPieces(path: string, take: (piece: Buffer) => void): void;
  /** As read, but undefined when there is no such file. */
  readIfPresent(path: string, mostBytes?: number): Buffer | undefined;
  /** The entry at the path itself (a link is not followed), or undefined. */
  entry(path: string): Entry | undefined;
  /** As entry, with more about it. @param content that a regular file is compared with */
  look(path: string, content?: Uint8Array): Look | undefined;
  /** A value that changes when the regular file at the path is changed or replaced; undefined where there is none. */
  version(path: string): FileVersion | undefined;
  /** The target of a symbolic link, as written. */
  linkTarget(path: string): string;
  /**
   * Identifies the file or directory that a path leads to, links followed: two paths to the same one have the same identity.
   * @returns undefined where nothing can be reached: a broken or circular link, an unsafe path
   */
  identity(path: string): string | undefined;
  /** Whether a directory can be opened at the path, links followed. */
  isDirectory(path: string): boolean;
  names(path: string): string[];
  /**
   * Writes a file in one step: a temporary file beside it is written, gets owner and mode, is flushed and renamed. Until then, and
   * after a kill or a power cut, the old file is still there. A link at the path is replaced, not followed; missing parents are made.
   */
  write(path: string, content: Uint8Array, attributes: Attributes): Placed;
  /** As write, for content that arrives in pieces. */
  stage(path: string): StagedFile;
  /** Removes the temporary files that killed runs left beside the path. */
  sweep(path: string): void;
  /** True when the regular file at the path has the same bytes as the open or staged file at the real path `other`. */
  isSame(path: string, other: string): boolean;
  /** True when both paths lead to the same directory, by links or because it is mounted twice; false when one does not exist. */
  isSameDirectory(one: string, other: string): boolean;
  /** Writes a symbolic link in one step. */
  writeLink(path: string, target: string): void;
  /** Changes owner and mode of the file or directory itself. */
  setAttributes(path: string, attributes: Attributes): void;
  /**
   * Appends to a file, which is made if it does not exist. A link is followed only where nobody but root can change it.
   * @param mode the file has at most these permissions
   * @param mostBytes a larger file is first renamed to `path`.1, and a new one is begun
   */
  append(path: string, text: string, mode: number, mostBytes?: number): void;
  /** Makes the directory and its parents, 0755 whatever the umask. @returns false when it already existed @throws Problem */
  makeDirectory(path: string): boolean;
  /** As makeDirectory; if the directory itself is made, it is private to us from the first moment. @throws Problem */
  makePrivateDirectory(path: string): void;
  /** As makeDirectory, and opens it for work inside it; what was made can be removed again. @throws Problem */
  openMadeDirectory(path: string): MadeDirectory;
  /** Opens a directory for work inside it. @throws Problem */
  openDirectory(path: string): OpenDirectory;
  /**
   * Makes a private directory for preparing files, on the file system of `path`, which need not exist yet.
   * @param verb for errors, what could not be done; `cannot unpack` when left out
   */
  openScratch(path: string, purpose: string, verb?: string): Scratch;
  /** Removes a file or a link, if it exists. */
  remove(path: string): void;
  /** From now on no unsafe step of a path is refused (unsafe-path.ts). */
  allowUnsafePaths(): void;
}

/** Opens the door to the files below `root`. */
export function createFileSystem(rootPath = '/'): FileSystem {
  const root = createRoot(rootPath);
  /** Runs `work` on the parent directory of a path. System errors become Problems with the path as the user wrote it. */
  const inParent = <T>(verb: string, path: string, make: boolean, work: (parent: Directory, name: string) => T): T => {
    const [directory, name] = splitPath(path);
    let parent: Directory | undefined;
    try {
      parent = openDirectoryBelow(root, directory, make);
      return work(parent, name);
    } catch (error) {
      throw fileProblem(verb, path, error);
    } finally {
      parent?.close();
    }
  };

  /**
   * As inParent, but follows a link at the end of the path: where `work` throws ELOOP, it is called again for the target of the link.
   * @param check gets each link before it is followed, and throws a Problem for one that must not be followed
   */
  const alongLinks = <T>(
    verb: string,
    path: string,
    work: (parent: Directory, name: string, at: string, passed: readonly PassedLink[]) => T,
    check: (link: Link, parent: Directory) => void = () => undefined,
    passed: readonly PassedLink[] = [],
  ): T =>
    inParent(verb, path, false, (parent, name) => {
      try {
        return work(parent, name, path, passed);
      } catch (error) {
        const isFollowed = errnoOf(error) === 'ELOOP' && passed.length < MOST_LINKS;
        const link = isFollowed ? linkOf(root, parent, name) : undefined;
        if (link === undefined) throw error;
        check(link, parent);
        const next = linkedPath(path, link.target);
        return alongLinks(verb, next, work, check, [...passed, { path, owners: link.owners }]);
      }
    });

  const readPieces = (path: string, take: (piece: Buffer) => void): void =>
    alongLinks('cannot read', path, (parent, name, at, passed) => {
      // O_NONBLOCK: a FIFO in place of a file must not block us.
      const fd = openSync(parent.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const { uid } = fstatSync(fd);
        for (const link of passed) refuseUnsafeEnd(root, link.path, link.owners, { path: at, uid });
        readOpenFile(fd, at, take);
      } finally {
        closeSync(fd);
      }
    });

  const read = (path: string, mostBytes: number): Buffer => {
    const pieces: Buffer[] = [];
    let total = 0;
    readPieces(path, (piece) => {
      total += piece.length;
      if (total > mostBytes) throw new Problem(`larger than ${mostBytes} bytes`, { where: path });
      pieces.push(piece);
    });
    return Buffer.concat(pieces, total);
  };

  const lookIfPresent = <T>(path: string, work: (parent: Directory, name: string) => T): T | undefined =>
    ifPresent(() => inParent('cannot look at', path, false, work));

  const appending = keepOpen();

  const openToAppend = (path: string, mode: number, mostBytes: number): number =>
    alongLinks(
      'cannot write',
      path,
      (parent, name) => {
        const open = (): number =>
          openSync(parent.at(name), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, mode);
        let fd = open();
        try {
          const now = fstatSync(fd);
          if (now.isFile() && (now.mode & PERMISSIONS & ~mode) !== 0) fchmodSync(fd, mode);
          if (!now.isFile() || now.size <= mostBytes || !rotate(parent, name, mostBytes)) return fd;
          closeSync(fd);
          fd = -1;
          return open();
        } catch (error) {
          if (fd >= 0) closeSync(fd);
          throw error;
        }
      },
      ({ owners }, parent) => {
        if (!isSafeDirectory(root, lstatSync(parent.at('.'))) || owners.length > 0)
          throw new Problem('will not follow the symbolic link', {
            hint: 'users other than root can change it: remove it',
          });
      },
    );

  return {
    root: rootPath,
    read: (path, mostBytes = Number.POSITIVE_INFINITY) => read(path, mostBytes),
    readPieces: (path, take) => readPieces(path, take),
    readIfPresent: (path, mostBytes = Number.POSITIVE_INFINITY) => ifPresent(() => read(path, mostBytes)),
    entry: (path) => lookIfPresent(path, (parent, name) => entryOf(lstatSync(parent.at(name)))),
    look: (path, content) => lookIfPresent(path, (parent, name) => lookAt(root, parent, name, path, content)),
    version: (path) =>
      lookIfPresent(path, (parent, name) => {
        const stats = lstatSync(parent.at(name), { bigint: true });
        const { dev, ino, size, mtimeNs, ctimeNs, ctime } = stats;
        return stats.isFile() ? { id: [dev, ino, size, mtimeNs, ctimeNs].join(), changed: ctime } : undefined;
      }),
    linkTarget: (path) =>
      inParent('cannot read the link', path, false, (parent, name) => readlinkSync(parent.at(name))),
    identity(path) {
      try {
        return alongLinks('cannot look at', path, (parent, name) => {
          const stats = lstatSync(parent.at(name), { bigint: true });
          if (stats.isSymbolicLink()) throw Object.assign(new Error('a link'), { code: 'ELOOP' });
          return `${stats.dev}:${stats.ino}`;
        });
      } catch (error) {
        if (error instanceof Problem) return undefined;
        throw error;
      }
    },
    isDirectory(path) {
      try {
        openDirectory(root, path).close();
        return true;
      } catch (error) {
        if (error instanceof Problem) return false;
        throw error;
      }
    },
    names(path) {
      const directory = this.openDirectory(path);
      try {
        return readdirSync(directory.at('.')).sort();
      } catch (error) {
        throw fileProblem('cannot list', path, error);
      } finally {
        directory.close();
      }
    },
    write(path, content, attributes) {
      const staged = this.stage(path);
      try {
        staged.write(content);
        return staged.commit(attributes);
      } finally {
        staged.discard();
      }
    },
    stage(path) {
      const [directory, name] = splitPath(path);
      const guard = <T>(work: () => T): T => {
        try {
          return work();
        } catch (error) {
          throw fileProblem('cannot write', path, error);
        }
      };
      const parent = guard(() => openDirectoryBelow(root, directory, true));
      let staged: StagedFile;
      try {
        staged = guard(() => {
          refuseDirectory(parent, name);
          return stageFile(parent, name);
        });
      } catch (error) {
        parent.close();
        throw error;
      }
      let isOpen = true;
      return {
        ...guardStaged(staged, guard),
        discard() {
          if (!isOpen) return;
          isOpen = false;
          staged.discard();
          parent.close();
        },
      };
    },
    sweep(path) {
      inParent('cannot clean up beside', path, false, sweepTemporaries);
    },
    isSame: (path, other) => inParent('cannot read', path, false, (parent, name) => isSameFile(parent, name, other)),
    isSameDirectory(one, other) {
      const [first, second] = [one, other].map((path) => {
        let directory: Directory | undefined;
        try {
          directory = openDirectoryBelow(root, path, false);
          return lstatSync(directory.at('.'), { bigint: true });
        } catch (error) {
          const problem = fileProblem('cannot look at', path, error);
          if (problem.code === 'CFN_FILE_MISSING') return undefined;
          throw problem;
        } finally {
          directory?.close();
        }
      });
      return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
    },
    writeLink(path, target) {
      inParent('cannot make the link', path, true, (parent, name) => {
        refuseDirectory(parent, name);
        putInPlace(parent, name, (temporary) => symlinkSync(target, parent.at(temporary)));
      });
    },
    setAttributes(path, attributes) {
      inParent('cannot change owner or mode', path, false, (parent, name) => {
        const fd = openSync(parent.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        try {
          applyAttributes(fd, attributes);
        } finally {
          closeSync(fd);
        }
      });
    },
    append(path, text, mode, mostBytes = Number.POSITIVE_INFINITY) {
      const fd = appending.take(path, mode, mostBytes) ?? openToAppend(path, mode, mostBytes);
      try {
        writeSync(fd, text);
      } catch (error) {
        throw fileProblem('cannot write', path, error);
      } finally {
        appending.keep(path, fd);
      }
    },
    makeDirectory(path) {
      const directory = makeDirectory(root, path);
      directory.close();
      return directory.isNew;
    },
    makePrivateDirectory: (path) => makeDirectory(root, path, true).close(),
    openMadeDirectory: (path) => makeDirectory(root, path),
    openDirectory: (path) => openDirectory(root, path),
    openScratch: (path, purpose, verb) => openScratch(root, path, purpose, verb),
    remove(path) {
      ifPresent(() => inParent('cannot remove', path, false, (parent, name) => unlinkSync(parent.at(name))));
    },
    allowUnsafePaths() {
      root.allowsUnsafePaths = true;
    },
  };
}

function refuseDirectory(parent: Directory, name: string): void {
  const present = lstatSync(parent.at(name), { throwIfNoEntry: false });
  if (present?.isDirectory()) throw new Problem('a directory already exists there', { hint: 'remove or rename it' });
}

function readOpenFile(fd: number, path: string, take: (piece: Buffer) => void): void {
  if (!fstatSync(fd).isFile()) throw new Problem('not a regular file', { where: path });
  for (;;) {
    const piece = Buffer.allocUnsafe(CHUNK_BYTES);
    const got = readSync(fd, piece, 0, piece.length, null);
    if (got === 0) return;
    take(piece.subarray(0, got));
  }
}

/** @returns undefined where `work` fails because the file does not exist */
function ifPresent<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) === 'CFN_FILE_MISSING') return undefined;
    throw error;
  }
}
