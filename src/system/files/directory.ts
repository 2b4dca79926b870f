import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmdirSync,
} from 'node:fs';
import { errnoOf, Problem } from '../../errors.ts';
import { fileProblem } from './file-problem.ts';
import { MOST_LINKS } from './path.ts';
import {
  type Owners,
  ownersOfEnd,
  type Root,
  refuseUnsafeDirectory,
  refuseUnsafeEnd,
  refuseUnsafeParent,
} from './unsafe-path.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;
/** Linux's O_PATH, for directories that we may pass through but not list. Node has no constant for it. */
const O_PATH = 0o10000000;

/** An open directory. Its children are reached through the handle, so nobody can replace a parent in the meantime. */
export interface Directory {
  /** Its owner when it was opened. */
  readonly uid: number;
  /** The path by which the kernel reaches a child of this directory, even after a rename. */
  at(name: string): string;
  close(): void;
}

/** A directory that was made on the way to another. */
export interface Made {
  readonly parent: Directory;
  readonly name: string;
}

/** A part of the path that is still ahead: a name, or the end of the target of a link. */
type Ahead = string | { readonly link: string; readonly owners: Owners };

/**
 * Opens a directory below the root, one component at a time. Links are resolved inside the root, `..` stops at it, and unsafe steps
 * are refused (unsafe-path.ts).
 * @param make whether missing directories are made, 0755 whatever the umask; `private`: the last one 0700
 * @param onMade called in the end with the directories that were made, outermost first, and the open handles of their parents,
 * which it has to close
 * @throws Problem for an unsafe path and too many links, otherwise the system's error; what was made is removed again
 */
export function openDirectoryBelow(
  root: Root,
  path: string,
  make: boolean | 'private',
  onMade: (made: readonly Made[]) => void = closeMade,
): Directory {
  const made: Made[] = [];
  const stack = [openRoot(root)];
  const names: string[] = [];
  const ahead: Ahead[] = path.split('/');
  let links = 0;
  let linksAhead = 0;
  const here = (name = ''): string => `/${[...names, name].filter((part) => part !== '').join('/')}`;
  try {
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      const parent = stack[stack.length - 1] as Directory;
      if (typeof next !== 'string') {
        const way = stack.map(({ uid }) => uid);
        refuseUnsafeEnd(root, next.link, next.owners, { path: here(), uid: parent.uid }, way);
        linksAhead -= 1;
        continue;
      }
      if (next === '' || next === '.') continue;
      if (next === '..') {
        if (stack.length > 1) {
          const from = { path: here(), uid: parent.uid };
          stack.pop()?.close();
          names.pop();
          // In the target of a link, only its end is checked.
          const uid = stack[stack.length - 1]?.uid ?? parent.uid;
          if (linksAhead === 0) refuseUnsafeParent(root, from, { path: here(), uid });
        }
        continue;
      }
      try {
        const child = openChild(parent, next);
        stack.push(child);
        refuseUnsafeDirectory(root, parent.uid, child.uid, () => [here(), here(next)]);
        names.push(next);
      } catch (error) {
        const code = errnoOf(error);
        if (code === 'ENOENT' && make !== false) {
          const isLast = ahead.every((name) => name === '' || name === '.');
          if (makeChild(parent, next, isLast && make === 'private' ? 0o700 : 0o755))
            made.push({ parent: reopen(parent), name: next });
          ahead.unshift(next);
        } else if (code === 'ENOTDIR' || code === 'ELOOP') {
          const link = linkOf(root, parent, next);
          if (link === undefined) throw error;
          if (++links > MOST_LINKS) throw new Problem('too many symbolic links', { where: path });
          ahead.unshift(...link.target.split('/'), { link: here(next), owners: link.owners });
          linksAhead += 1;
          if (link.target.startsWith('/')) {
            for (const passed of stack.splice(1)) passed.close();
            names.length = 0;
          }
        } else throw error;
      }
    }
    onMade(made);
    return stack.pop() as Directory;
  } catch (error) {
    removeMade(made);
    closeMade(made);
    throw error;
  } finally {
    for (const handle of stack) handle.close();
  }
}

/** Removes the directories that were made and are empty, and nothing else; innermost first. */
export function removeMade(made: readonly Made[]): void {
  for (const { parent, name } of made.toReversed()) {
    try {
      rmdirSync(parent.at(name));
    } catch {
      return; // it is in use, and so are the directories around it
    }
  }
}

/** Closes the handles of the parents. */
export function closeMade(made: readonly Made[]): void {
  for (const { parent } of made) parent.close();
}

/** Without /proc (a bare chroot), plain paths are used instead of handles: the result is the same, without protection from races. */
const handlesWork = existsSync('/proc/self/fd');

/** The path by which the kernel reaches an open file, even when it was renamed or removed. */
export function pathOfHandle(fd: number, path: string): string {
  return handlesWork ? `/proc/self/fd/${fd}` : path;
}

/** Opens the root directory itself. @throws Problem */
function openRoot(root: Root): Directory {
  try {
    return handleOf(openSync(root.path, O_PATH | O_DIRECTORY), root.path);
  } catch (error) {
    throw fileProblem('cannot open the directory', root.path, error);
  }
}

/** Opens a directory that lies directly in another; a link is not followed. @throws the system's error */
export function openChild(parent: Directory, name: string): Directory {
  const path = parent.at(name);
  return handleOf(openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW), path);
}

/** A second handle of an open directory. */
function reopen(directory: Directory): Directory {
  const path = directory.at('.');
  return handleOf(openSync(path, O_PATH | O_DIRECTORY), path);
}

function handleOf(fd: number, path: string): Directory {
  const base = pathOfHandle(fd, path);
  let uid: number;
  try {
    uid = fstatSync(fd).uid;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { uid, at: (name) => `${base}/${name}`, close: () => closeSync(fd) };
}

/** @returns false when it already exists */
function makeChild(parent: Directory, name: string, mode: number): boolean {
  // The umask must not change the mode. It is set back at once, because children inherit it.
  const umask = process.umask(0);
  try {
    mkdirSync(parent.at(name), mode);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    process.umask(umask);
  }
}

/** A symbolic link that may be followed. */
export interface Link {
  readonly target: string;
  /** The users who must own its target. */
  readonly owners: Owners;
}

/**
 * Reads a link that is about to be followed.
 * @returns undefined when there is no link of that name
 * @throws Problem when a stranger made it where everybody may write
 */
export function linkOf(root: Root, parent: Directory, name: string): Link | undefined {
  for (let attempt = 0; attempt < MOST_LINKS; attempt += 1) {
    const link = lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (link?.isSymbolicLink() !== true) return undefined;
    const owners = ownersOfEnd(root, name, lstatSync(parent.at('.')), link);
    try {
      const target = readlinkSync(parent.at(name));
      // The target and the owner must be those of the same link: it may be changing right now.
      if (lstatSync(parent.at(name)).ino === link.ino) return { target, owners };
    } catch (error) {
      // It is gone, or no longer a link: try again. Some links in /proc can never be read and fail in the same way.
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EINVAL') throw error;
    }
  }
  return undefined;
}
