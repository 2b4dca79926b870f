import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { type Directory, openDirectoryBelow, pathOfHandle } from './directory.ts';
import { fileProblem } from './file-problem.ts';
import { makePrivateDirectory, type OpenDirectory } from './open-directory.ts';
import { joinPath } from './path.ts';
import {
  type Attributes,
  applyAttributes,
  guardStaged,
  isRunning,
  makerOf,
  putInPlace,
  type StagedFile,
  stageFile,
  withNewName,
} from './staged-file.ts';
import { isSafeDirectory, type Root } from './unsafe-path.ts';

const { COPYFILE_EXCL, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
const NO_LINKS_HERE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK']);
const PERMISSIONS = 0o777;
const OPEN_TO_OTHERS = 0o077;
const CHUNK_BYTES = 64 * 1024;
/** The names of files in scratch directories: numbers, unfinished downloads, packages, and requirements of pip. */
const OUR_ENTRY = /^\d+$|^\..*\.cfntools-|^\d+-.*\.(?:deb|rpm)$|^requirements\.txt$/;

/** A private directory in which files are prepared before they are moved to their places. */
export interface Scratch {
  /** The path by which libraries can read a file in it. */
  at(name: string): string;
  /** The path by which other programs can read it, as long as nobody renames a directory on the way. */
  pathForPrograms(name: string): string;
  /** Writes a new file piece by piece. */
  write(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    attributes: Attributes,
    modified: Date | undefined,
  ): Promise<void>;
  /** Starts a file whose content arrives in pieces; it stays in the scratch directory. */
  stage(name: string): StagedFile;
  /** Makes a symbolic link. */
  link(name: string, target: string): void;
  /** Adds a second name for a file or link: a hard link, or a copy where the file system has none. */
  duplicate(name: string, as: string): void;
  /** Flushes a file or link and moves it in one step, over a file or link that exists. */
  move(name: string, to: OpenDirectory, as: string): void;
  /** Removes the directory with everything that is left in it. Always call it in the end. */
  remove(): void;
}

/**
 * Makes the directory `.cfntools-PURPOSE-PID-RANDOM`, for us alone, on the file system of `path`. It lies in the nearest directory on
 * the way to `path` whose entries nobody else can rename, or else in the nearest directory. It is reached only by its open handle.
 * What killed runs left in such directories is removed. There may be only one at a time for each purpose and place.
 * @param verb for errors, what could not be done with `path`
 * @throws Problem
 */
export function openScratch(root: Root, path: string, purpose: string, verb = 'cannot unpack'): Scratch {
  const prefix = `.cfntools-${purpose}-`;
  const ancestors = openAncestors(root, path);
  const nearest = ancestors[ancestors.length - 1] as Directory;
  let parent = nearest;
  let name: string;
  let fd: number;
  try {
    const { dev } = statSync(nearest.at('.'));
    for (const directory of ancestors) {
      const stats = statSync(directory.at('.'));
      if (!isSafeDirectory(root, stats)) continue;
      sweep(directory, prefix);
      if (stats.dev === dev) parent = directory;
    }
    [name, fd] = withNewName(prefix, (candidate) => makePrivateDirectory(parent, candidate));
  } catch (error) {
    parent.close();
    throw fileProblem('cannot make a working directory', path, error);
  } finally {
    for (const ancestor of ancestors) if (ancestor !== parent) ancestor.close();
  }
  const place = parent;
  const at = (file: string): string => `${pathOfHandle(fd, place.at(name))}/${file}`;
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileProblem(verb, path, error);
    }
  };
  return {
    at,
    pathForPrograms: (file) => guard(() => `${realpathSync(at('.'))}/${file}`),
    async write(file, chunks, attributes, modified) {
      const out = guard(() => openSync(at(file), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
      try {
        for await (const chunk of chunks) {
          guard(() => {
            for (let done = 0; done < chunk.length; ) done += writeSync(out, chunk, done);
          });
        }
        guard(() => {
          applyAttributes(out, attributes);
          if (modified !== undefined) futimesSync(out, modified, modified);
        });
      } finally {
        closeSync(out);
      }
    },
    stage: (file) =>
      guardStaged(
        guard(() => stageFile({ uid: place.uid, at, close() {} }, file)),
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
          moveAcross(at(file), to, as);
        }
      } catch (error) {
        throw fileProblem('cannot write', joinPath(to.path, as), error);
      }
    },
    remove() {
      try {
        guard(() => empty(fd, at('.')));
      } finally {
        closeSync(fd);
        removeIfEmpty(place, name);
        place.close();
      }
    },
  };
}

/** The directories on the way to `path` that exist, outermost first. */
function openAncestors(root: Root, path: string): Directory[] {
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

/** Removes what killed runs left: directories with our names that are private to us and contain only files with known names. */
function sweep(parent: Directory, prefix: string): void {
  let names: string[];
  try {
    names = readdirSync(parent.at('.'));
  } catch {
    return; // a directory we may write into but not list
  }
  for (const name of names) {
    const maker = makerOf(name, prefix);
    if (maker === undefined || (maker !== process.pid && isRunning(maker))) continue;
    try {
      sweepOne(parent, name);
    } catch {
      // What another run left must not make this one fail.
    }
  }
}

function sweepOne(parent: Directory, name: string): void {
  const fd = openSync(parent.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { uid, mode } = fstatSync(fd);
    // In a directory like /tmp another user may have made it.
    if (uid !== process.geteuid?.() || (mode & OPEN_TO_OTHERS) !== 0) return;
    if (readdirSync(pathOfHandle(fd, parent.at(name))).every((entry) => OUR_ENTRY.test(entry)))
      empty(fd, parent.at(name));
  } finally {
    closeSync(fd);
  }
  removeIfEmpty(parent, name);
}

/** Removes the files and links in an open scratch directory, which holds no directories. */
function empty(fd: number, path: string): void {
  const directory = pathOfHandle(fd, path);
  for (const name of readdirSync(directory)) unlinkSync(`${directory}/${name}`);
}

/** Another directory may have the name by now, so it is removed only if it is empty. */
function removeIfEmpty(parent: Directory, name: string): void {
  try {
    rmdirSync(parent.at(name));
  } catch {
    // It is in use or gone: leave it.
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

/** Copies a file in the scratch directory, with mode and times, or a link. The copy belongs to us, as the file does. */
function copy(path: string, as: string): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) {
    symlinkSync(readlinkSync(path), as);
    return;
  }
  copyFileSync(path, as, COPYFILE_EXCL);
  const fd = openSync(as, O_RDONLY | O_NOFOLLOW);
  try {
    applyAttributes(fd, { mode: entry.mode & PERMISSIONS, uid: entry.uid, gid: entry.gid });
    futimesSync(fd, entry.atime, entry.mtime);
  } finally {
    closeSync(fd);
  }
}

/** Moves a file or link to its place on another file system. */
function moveAcross(path: string, to: OpenDirectory, as: string): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) {
    putInPlace(to, as, (temporary) => symlinkSync(readlinkSync(path), to.at(temporary)));
    return;
  }
  const staged = stageFile(to, as);
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) staged.write(chunk.subarray(0, got));
    staged.commit({ mode: entry.mode & PERMISSIONS, uid: entry.uid, gid: entry.gid }, entry.mtime);
  } finally {
    closeSync(fd);
    staged.discard();
  }
}

function flushFile(path: string): void {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
