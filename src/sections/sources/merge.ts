import { codeOf, Problem } from '../../errors.ts';
import type { Attributes, FileSystem, OpenDirectory, Scratch } from '../../system/files/file-system.ts';
import type { Leaf, Tree } from './contents.ts';
import { pathOf } from './place.ts';
import { Walk } from './walk.ts';

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
  /** How many files and links were already in place. */
  readonly unchanged: number;
}

/**
 * Checks that everything can be put in place, without changing anything.
 * @throws Problem with the path when a directory exists where a file should be or the other way round, or when an existing link leads
 *   out of the destination
 */
export function refuseConflicts({ files, tree, destination }: Omit<Merge, 'scratch' | 'owner'>): void {
  const top = openIfPresent(files, destination);
  if (top === undefined) {
    const taken = files.entry(destination);
    if (taken !== undefined) throw conflict(destination, taken.kind, 'the destination');
    return;
  }
  const walk = new Walk(files, top, destination);
  try {
    const present = new Set(['']);
    for (const [place, branch] of tree) {
      if (!present.has(place)) continue;
      const directory = walk.to(place);
      for (const name of branch.directories) {
        const entry = directory.entry(name);
        const path = pathOf(directory.path, name);
        if (entry === undefined) continue;
        if (entry.kind === 'symlink' ? !leadsToDirectory(files, path) : entry.kind !== 'directory') {
          throw conflict(path, entry.kind, 'a directory');
        }
        present.add(place === '' ? name : `${place}/${name}`);
      }
      for (const [name, leaf] of branch.leaves) {
        const taken = directory.entry(name)?.kind;
        if (taken === 'directory' || taken === 'other')
          throw conflict(pathOf(directory.path, name), taken, `a ${leaf.kind}`);
      }
    }
  } finally {
    walk.close();
    top.close();
  }
}

/**
 * Moves the staged files to their places, each in one step. Files that are already right are not changed. Existing directories keep
 * owner and mode. When it fails and the destination is new, the files that it put there are removed again, and nothing else.
 * @throws Problem
 */
export function mergeTree(merge: Merge): Merged {
  const { files, tree, destination } = merge;
  const top = files.openMadeDirectory(destination);
  const walk = new Walk(files, top, destination);
  const done: Done[] = [];
  try {
    for (const place of tree.keys()) {
      const directory = walk.to(place);
      const merged: Done = { place, changed: [], unchanged: 0 };
      done.push(merged);
      mergeDirectory(merge, directory, merged);
      if (merged.changed.length > 0) directory.flush();
    }
  } catch (error) {
    if (top.isNew) {
      removeMerged(walk, done);
      top.removeMade();
    }
    throw error;
  } finally {
    walk.close();
    top.close();
  }
  const changed = done.flatMap(({ place, changed }) =>
    changed.map((name) => (place === '' ? name : `${place}/${name}`)),
  );
  return { changed: changed.sort(), unchanged: done.reduce((sum, { unchanged }) => sum + unchanged, 0) };
}

/** The result for the entries of one directory. */
interface Done {
  readonly place: string;
  /** The names that were made or replaced there. */
  readonly changed: string[];
  unchanged: number;
}

/** Removes what was put into a destination that was made for it. */
function removeMerged(walk: Walk, done: readonly Done[]): void {
  for (const { place, changed } of done.toReversed()) {
    if (changed.length === 0) continue;
    let directory: OpenDirectory;
    try {
      directory = walk.to(place);
    } catch {
      continue; // it is no longer where we made it
    }
    for (const name of changed) directory.removeChild(name);
  }
}

function mergeDirectory({ scratch, tree, owner }: Merge, directory: OpenDirectory, done: Done): void {
  const branch = tree.get(done.place);
  for (const name of branch?.directories ?? []) {
    if (directory.entry(name) !== undefined) continue;
    const mode = tree.get(done.place === '' ? name : `${done.place}/${name}`)?.mode ?? IMPLIED_DIRECTORY_MODE;
    directory.makeChild(name, { ...owner, mode });
    done.changed.push(name);
  }
  for (const [name, leaf] of branch?.leaves ?? []) {
    if (isInPlace(scratch, directory, name, leaf)) done.unchanged += 1;
    else {
      scratch.move(leaf.staged, directory, name);
      done.changed.push(name);
    }
  }
}

function isInPlace(scratch: Scratch, directory: OpenDirectory, name: string, leaf: Leaf): boolean {
  const present = directory.entry(name);
  if (present?.kind !== leaf.kind) return false;
  if (leaf.kind === 'symlink') return directory.linkTarget(name) === leaf.target;
  return present.mode === leaf.mode && directory.isSame(name, scratch.at(leaf.staged));
}

function openIfPresent(files: FileSystem, path: string): OpenDirectory | undefined {
  try {
    return files.openDirectory(path);
  } catch (error) {
    if (codeOf(error) === 'CFN_FILE_MISSING') return undefined;
    throw error;
  }
}

function leadsToDirectory(files: FileSystem, path: string): boolean {
  const directory = openIfPresent(files, path);
  directory?.close();
  return directory !== undefined;
}

function conflict(path: string, kind: 'file' | 'directory' | 'symlink' | 'other', wanted: string): Problem {
  const what =
    kind === 'other'
      ? 'a device, FIFO or socket'
      : kind === 'symlink'
        ? 'a symbolic link that does not lead to a directory'
        : `a ${kind}`;
  return new Problem(`${what} exists where ${wanted} of the archive should be`, {
    where: path,
    hint: 'remove or rename it; nothing was unpacked',
  });
}
