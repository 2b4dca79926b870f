import { resolve } from 'node:path';
import { errnoOf, Problem } from '../../errors.ts';

/** As many links as the kernel follows for one path. */
export const MOST_LINKS = 40;

/**
 * Resolves a path from the current directory.
 * @throws Problem for a relative path when that directory has been removed
 */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new Problem('the current directory has been removed', {
      where: path,
      hint: 'change to another one, or use a path that begins with /',
      cause: error,
    });
  }
}

/** The path of a name in a directory. */
export function joinPath(directory: string, name: string): string {
  return `${directory === '/' ? '' : directory}/${name}`;
}

/** Splits the path of a file into its directory and its name. @throws Problem when it has no name or is not absolute */
export function splitPath(path: string): [directory: string, name: string] {
  const trimmed = path.replace(/\/+$/, '');
  const slash = trimmed.lastIndexOf('/');
  const name = trimmed.slice(slash + 1);
  if (slash < 0 || name === '' || name === '.' || name === '..') {
    throw new Problem('not the absolute path of a file', { where: path });
  }
  return [trimmed.slice(0, slash + 1), name];
}

/** The names in a path, without empty ones and `.`. */
export function pathNames(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** The path that a link leads to, from its directory. `..` is kept, because a directory before it may be a link. */
export function linkedPath(link: string, target: string): string {
  return target.startsWith('/') ? target : `${splitPath(link)[0]}${target}`;
}

/** A place on the way along a path. */
interface PathStep {
  /** Its path below the root of the walk, beginning with `/`. */
  readonly path: string;
  /** Whether nothing follows it. */
  readonly isLast: boolean;
}

/**
 * Walks along a path, name by name, and along the links on the way. It does not read anything itself: for each step the caller passes
 * to next() the target of the link at that place, or undefined where there is no link. An absolute target begins at the root of the
 * walk.
 * @param top what `..` does at the root of the walk: stay there, or end the walk
 * @returns how it ended: at the end of the path, by `..` at the root, or after too many links
 */
export function* walkLinks(
  path: string,
  top: 'stays' | 'ends',
): Generator<PathStep, 'end' | 'out' | 'circle', string | undefined> {
  const passed: string[] = [];
  const pending = pathNames(path);
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === '..') {
      if (passed.pop() === undefined && top === 'ends') return 'out';
      continue;
    }
    const target = yield { path: `/${[...passed, name].join('/')}`, isLast: pending.length === 0 };
    if (target === undefined) {
      passed.push(name);
      continue;
    }
    if (++links > MOST_LINKS) return 'circle';
    if (target.startsWith('/')) passed.length = 0;
    pending.unshift(...pathNames(target));
  }
  return 'end';
}
