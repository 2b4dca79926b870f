import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { errnoOf, Problem } from '../errors.ts';
import { fileProblem } from './file-problem.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;
/** Linux's O_PATH: a directory we may pass through but not list is still a step on the way. Node does not name it. */
const O_PATH = 0o10000000;
const MOST_LINKS = 40;
const WORLD_WRITABLE = 0o002;

/** An open directory. Its children are reached through the handle, so nobody can swap a parent under our feet. */
export interface Directory {
  /** The path by which the kernel reaches a child of this very directory. */
  at(name: string): string;
  close(): void;
}

/**
 * Opens a directory below `root`, one component at a time: links are resolved inside the root, `..` stops at it.
 * @param make the missing directories, 0755 whatever the umask; their names are added to `made`
 */
export function openDirectoryBelow(root: string, path: string, make: boolean, made: string[] = []): Directory {
  const stack: Directory[] = [openRoot(root)];
  const pending = path.split('/');
  let links = 0;
  try {
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      const parent = stack[stack.length - 1] as Directory;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (stack.length > 1) stack.pop()?.close();
        continue;
      }
      try {
        stack.push(openChild(parent, name));
      } catch (error) {
        const code = errnoOf(error);
        if (code === 'ENOENT' && make) {
          makeChild(parent, name);
          made.push(name);
          pending.unshift(name);
        } else if (code === 'ENOTDIR' || code === 'ELOOP') {
          const target = linkTargetOf(parent, name);
          if (target === undefined) throw error;
          refusePlantedLink(parent, name);
          if (++links > MOST_LINKS) throw new Problem('too many symbolic links', { where: path });
          if (target.startsWith('/')) for (const passed of stack.splice(1)) passed.close();
          pending.unshift(...target.split('/'));
        } else throw error;
      }
    }
    return stack.pop() as Directory;
  } finally {
    for (const handle of stack) handle.close();
  }
}

/** Without /proc (a bare chroot) handles fall back to plain paths: the same result, without the guard against races. */
const handlesWork = existsSync('/proc/self/fd');

function openRoot(root: string): Directory {
  try {
    return handleOf(openSync(root, O_PATH | O_DIRECTORY), root);
  } catch (error) {
    throw fileProblem('cannot open the directory', root, error);
  }
}

function openChild(parent: Directory, name: string): Directory {
  const path = parent.at(name);
  return handleOf(openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW), path);
}

function handleOf(fd: number, path: string): Directory {
  const base = handlesWork ? `/proc/self/fd/${fd}` : path;
  return { at: (name) => `${base}/${name}`, close: () => closeSync(fd) };
}

function makeChild(parent: Directory, name: string): void {
  // The umask is for what users make by hand; taken back at once, since children inherit it.
  const umask = process.umask(0);
  try {
    mkdirSync(parent.at(name), 0o755);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    process.umask(umask);
  }
}

/** The text of the link `name`, or undefined when it is none. */
export function linkTargetOf(parent: Directory, name: string): string | undefined {
  try {
    return readlinkSync(parent.at(name));
  } catch {
    return undefined;
  }
}

/** In a directory where anybody may write, a link that a stranger made is not followed (as fs.protected_symlinks). */
export function refusePlantedLink(parent: Directory, name: string): void {
  const directory = lstatSync(parent.at('.'));
  if ((directory.mode & WORLD_WRITABLE) === 0) return;
  const link = lstatSync(parent.at(name));
  if (link.uid === 0 || link.uid === process.geteuid?.() || link.uid === directory.uid) return;
  throw new Problem(`will not follow the symbolic link ${name}, which another user planted`, {
    hint: 'remove it',
  });
}

/** Parts the path of a file into its directory and its name. @throws Problem when it has no name or is not absolute */
export function splitPath(path: string): [directory: string, name: string] {
  const trimmed = path.replace(/\/+$/, '');
  const slash = trimmed.lastIndexOf('/');
  const name = trimmed.slice(slash + 1);
  if (slash < 0 || name === '' || name === '.' || name === '..') {
    throw new Problem('not the absolute path of a file', { where: path });
  }
  return [trimmed.slice(0, slash + 1), name];
}
