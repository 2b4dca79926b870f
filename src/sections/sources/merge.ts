import { errnoOf, Problem } from '../../errors.ts';
import type { Attributes, FileSystem, OpenDirectory, Scratch } from '../../system/file-system.ts';
import type { Leaf, Tree } from './contents.ts';
import { isWithin, pathOf } from './place.ts';

/** The mode of directories that the archive has no entry for. */
const IMPLIED_DIRECTORY_MODE = 0o755;

export interface Merge {
  readonly files: FileSystem;
  readonly scratch: Scratch;
  readonly tree: Tree;
  /** Absolute, without `.` and `..`. */
  readonly destination: string;
  readonly owner: Pick<Attributes, 'uid' | 'gid'>;
}

export interface Merged {
  /** What was made or replaced, relative to the destination. */
  readonly changed: readonly string[];
  /** How many files and links stood there already as they should. */
  readonly unchanged: number;
}

/**
 * Looks whether everything can be put in place, without changing anything.
 * @throws Problem naming the path when a directory stands where a file is to go or the other way round, or when a link
 * that stands there leads out of the destination
 */
export function refuseConflicts({ files, tree, destination }: Omit<Merge, 'scratch' | 'owner'>): void {
  const top = openIfPresent(files, destination);
  if (top === undefined) {
    const taken = files.entry(destination);
    if (taken !== undefined) throw inTheWay(destination, taken.kind, 'the destination');
    return;
  }
  try {
    const present = new Set(['']);
    for (const [place, branch] of tree) {
      if (!present.has(place)) continue;
      const directory = openWithin(files, top, pathOf(destination, place));
      try {
        for (const name of branch.directories) {
          const entry = directory.entry(name);
          const path = pathOf(directory.path, name);
          if (entry === undefined) continue;
          if (entry.kind === 'symlink' ? !leadsToDirectory(files, path) : entry.kind !== 'directory') {
            throw inTheWay(path, entry.kind, 'a directory');
          }
          present.add(place === '' ? name : `${place}/${name}`);
        }
        for (const [name, leaf] of branch.leaves) {
          const taken = directory.entry(name)?.kind;
          if (taken === 'directory' || taken === 'other')
            throw inTheWay(pathOf(directory.path, name), taken, `a ${leaf.kind}`);
        }
      } finally {
        directory.close();
      }
    }
  } finally {
    top.close();
  }
}

/**
 * Moves what was staged to its places, each file in one step; what already stands there as it should is left alone.
 * Directories that are there keep owner and mode. When it fails, a destination that was made for it is removed again.
 * @throws Problem
 */
export function mergeTree(merge: Merge): Merged {
  const { files, tree, destination } = merge;
  const made = files.makeDirectory(destination);
  const changed: string[] = [];
  let unchanged = 0;
  try {
    const top = files.openDirectory(destination);
    try {
      for (const place of tree.keys()) {
        const directory = openWithin(files, top, pathOf(destination, place));
        try {
          const done = mergeDirectory(merge, place, directory);
          if (done.changed.length > 0) directory.flush();
          changed.push(...done.changed.map((name) => (place === '' ? name : `${place}/${name}`)));
          unchanged += done.unchanged;
        } finally {
          directory.close();
        }
      }
    } finally {
      top.close();
    }
  } catch (error) {
    if (made[0] !== undefined) files.remove(made[0]);
    throw error;
  }
  return { changed: changed.sort(), unchanged };
}

function mergeDirectory(
  { files, scratch, tree, owner }: Merge,
  place: string,
  directory: OpenDirectory,
): { changed: string[]; unchanged: number } {
  const branch = tree.get(place);
  const changed: string[] = [];
  let unchanged = 0;
  for (const name of branch?.directories ?? []) {
    if (directory.entry(name) !== undefined) continue;
    const mode = tree.get(place === '' ? name : `${place}/${name}`)?.mode ?? IMPLIED_DIRECTORY_MODE;
    directory.makeChild(name, { ...owner, mode });
    changed.push(name);
  }
  for (const [name, leaf] of branch?.leaves ?? []) {
    if (standsAlready(files, scratch, directory, name, leaf)) unchanged += 1;
    else {
      scratch.move(leaf.staged, directory, name);
      changed.push(name);
    }
  }
  return { changed, unchanged };
}

function standsAlready(
  files: FileSystem,
  scratch: Scratch,
  directory: OpenDirectory,
  name: string,
  leaf: Leaf,
): boolean {
  const present = directory.entry(name);
  if (present?.kind !== leaf.kind) return false;
  if (leaf.kind === 'symlink') return directory.linkTarget(name) === leaf.target;
  return present.mode === leaf.mode && files.isSame(pathOf(directory.path, name), scratch.at(leaf.staged));
}

/** Opens a directory by a path that may hold links, and asks the kernel where that is. */
function openWithin(files: FileSystem, top: OpenDirectory, path: string): OpenDirectory {
  const directory = files.openDirectory(path);
  try {
    if (isWithin(directory.realPath(), top.realPath())) return directory;
    throw new Problem('a symbolic link on the way leads out of the destination', {
      where: path,
      hint: `remove the link, or unpack below ${directory.realPath()} itself`,
    });
  } catch (error) {
    directory.close();
    throw error;
  }
}

function openIfPresent(files: FileSystem, path: string): OpenDirectory | undefined {
  try {
    return files.openDirectory(path);
  } catch (error) {
    const code = error instanceof Problem ? errnoOf(error.cause) : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function leadsToDirectory(files: FileSystem, path: string): boolean {
  const directory = openIfPresent(files, path);
  directory?.close();
  return directory !== undefined;
}

function inTheWay(path: string, kind: 'file' | 'directory' | 'symlink' | 'other', wanted: string): Problem {
  const what =
    kind === 'other'
      ? 'a device, FIFO or socket'
      : kind === 'symlink'
        ? 'a symbolic link that leads to no directory'
        : `a ${kind}`;
  return new Problem(`${what} is in the way of ${wanted} of the archive`, {
    where: path,
    hint: 'remove or rename it; nothing was unpacked',
  });
}
