import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { errnoOf } from '../errors.ts';
import { type Directory, openDirectoryBelow } from './directory.ts';
import { fileProblem } from './file-problem.ts';
import type { OpenDirectory } from './open-directory.ts';
import {
  type Attributes,
  giveAttributes,
  guardStaged,
  isRunning,
  putInPlace,
  type StagedFile,
  stageFile,
} from './staged-file.ts';

const { COPYFILE_EXCL, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
const NO_LINKS_HERE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK']);

/** A private directory in which files are put together before they are moved to their places. */
export interface Scratch {
  /** Where libraries can read what was put there. */
  at(name: string): string;
  /** Writes a new file piece by piece. */
  write(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    attributes: Attributes,
    modified: Date | undefined,
  ): Promise<void>;
  /** Starts a file whose content comes piece by piece; it stays in the scratch directory. */
  stage(name: string): StagedFile;
  /** Makes a symbolic link. */
  link(name: string, target: string): void;
  /** Gives a file or link a second name: the same file, or a copy where the file system has no hard links. */
  duplicate(name: string, as: string): void;
  /** Flushes a file or link and moves it in one step, over a file or link that stands there. */
  move(name: string, to: OpenDirectory, as: string): void;
  /** Removes the directory with all that is left in it. Always call it in the end. */
  remove(): void;
}

/**
 * Makes the directory `.cfntools-PURPOSE-PID`, for us alone, in `path` or its nearest parent that is there: on the file
 * system where the files are to go. What runs that were killed left there, or further up, is swept.
 * One at a time for each purpose and place.
 * @throws Problem
 */
export function openScratch(root: string, path: string, purpose: string): Scratch {
  const prefix = `.cfntools-${purpose}-`;
  const ancestors = openAncestors(root, path);
  const parent = ancestors.pop() as Directory;
  const name = `${prefix}${process.pid}`;
  try {
    for (const ancestor of [...ancestors, parent]) sweep(ancestor, prefix);
    mkdirSync(parent.at(name), 0o700);
    const fd = openSync(parent.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      fchmodSync(fd, 0o700);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    parent.close();
    throw fileProblem('cannot make a directory to work in', path, error);
  } finally {
    for (const ancestor of ancestors) ancestor.close();
  }
  const at = (file: string): string => parent.at(`${name}/${file}`);
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileProblem('cannot unpack', path, error);
    }
  };
  return {
    at,
    async write(file, chunks, attributes, modified) {
      const fd = guard(() => openSync(at(file), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
      try {
        for await (const chunk of chunks) {
          guard(() => {
            for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
          });
        }
        guard(() => {
          giveAttributes(fd, attributes);
          if (modified !== undefined) futimesSync(fd, modified, modified);
        });
      } finally {
        closeSync(fd);
      }
    },
    stage: (file) =>
      guardStaged(
        guard(() => stageFile({ at, close() {} }, file)),
        guard,
      ),
    link: (file, target) => guard(() => symlinkSync(target, at(file))),
    duplicate: (file, as) => guard(() => duplicate(at(file), at(as))),
    move(file, to, as) {
      try {
        if (lstatSync(at(file)).isFile()) flushFile(at(file));
        try {
          renameSync(at(file), to.at(as));
        } catch (error) {
          if (errnoOf(error) !== 'EXDEV') throw error;
          putInPlace(to, as, (temporary) => {
            copy(at(file), to.at(temporary));
            if (lstatSync(to.at(temporary)).isFile()) flushFile(to.at(temporary));
          });
        }
      } catch (error) {
        throw fileProblem('cannot write', `${to.path === '/' ? '' : to.path}/${as}`, error);
      }
    },
    remove() {
      try {
        guard(() => rmSync(parent.at(name), { recursive: true, force: true }));
      } finally {
        parent.close();
      }
    },
  };
}

/** The directories on the way to `path`, outermost first, as far as they are there. */
function openAncestors(root: string, path: string): Directory[] {
  const opened: Directory[] = [];
  const names = path.split('/').filter((name) => name !== '');
  try {
    for (let depth = 0; depth <= names.length; depth += 1) {
      opened.push(openDirectoryBelow(root, `/${names.slice(0, depth).join('/')}`, false));
    }
  } catch (error) {
    const code = errnoOf(error);
    if (opened.length > 0 && (code === 'ENOENT' || code === 'ENOTDIR')) return opened;
    for (const directory of opened) directory.close();
    throw fileProblem('cannot open the directory', path, error);
  }
  return opened;
}

function sweep(parent: Directory, prefix: string): void {
  let names: string[];
  try {
    names = readdirSync(parent.at('.'));
  } catch {
    return; // a directory we may write into but not list
  }
  for (const name of names) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (!Number.isSafeInteger(owner) || (owner !== process.pid && isRunning(owner))) continue;
    const entry = lstatSync(parent.at(name), { throwIfNoEntry: false });
    // In a directory like /tmp somebody else may have put it there.
    if (entry?.isDirectory() && entry.uid === process.geteuid?.())
      rmSync(parent.at(name), { recursive: true, force: true });
  }
}

function duplicate(path: string, as: string): void {
  try {
    linkSync(path, as);
  } catch (error) {
    if (!NO_LINKS_HERE.has(errnoOf(error))) throw error;
    copy(path, as);
  }
}

/** Copies a file, with mode and times, or a link. The copy is ours, as the file is. */
function copy(path: string, as: string): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) {
    symlinkSync(readlinkSync(path), as);
    return;
  }
  copyFileSync(path, as, COPYFILE_EXCL);
  const fd = openSync(as, O_RDONLY | O_NOFOLLOW);
  try {
    giveAttributes(fd, { mode: entry.mode & 0o777, uid: entry.uid, gid: entry.gid });
  } finally {
    closeSync(fd);
  }
  utimesSync(as, entry.atime, entry.mtime);
}

function flushFile(path: string): void {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
