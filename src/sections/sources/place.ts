import { joinPath, pathNames, walkLinks } from '../../system/files/path.ts';

const GITHUB_ARCHIVE = [
  // Anywhere in the URL, because mirrors and proxies put their own host before it.
  /(?:^|[/.])github\.com\/.*\/(?:tarball|zipball)(?:\/|$)/i,
  /(?:^|\/)codeload\.github\.com\/[^/]+\/[^/]+\/(?:legacy\.)?(?:tar\.gz|zip)(?:\/|$)/i,
];

/** True for the URL of an archive that GitHub makes of a repository: its single top directory is left out (contract section 3, sources). */
export function isGithubArchive(url: string): boolean {
  const path = url.replace(/[?#].*$/s, '');
  return GITHUB_ARCHIVE.some((pattern) => pattern.test(path));
}

/**
 * The place of an entry with this name, relative to the destination; empty for the destination itself. Undefined when the name is
 * absolute or leads out by `..`.
 */
export function placeOf(name: string): string | undefined {
  if (name.startsWith('/') || name.includes('\0')) return undefined;
  const place: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') place.push(part);
    else if (place.pop() === undefined) return undefined;
  }
  return place.join('/');
}

/** The directory that a place lies in, empty for the destination; undefined for the destination itself. */
export function parentOf(place: string): string | undefined {
  if (place === '') return undefined;
  return place.slice(0, Math.max(0, place.lastIndexOf('/')));
}

/** The absolute path of a place. */
export function pathOf(destination: string, place: string): string {
  if (place === '') return destination;
  return joinPath(destination, place);
}

/** True when the path is the directory or lies below it. Both are absolute and without links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/**
 * True when a symbolic link at `place` with this target would lead out of the destination, by itself or through other
 * links. A circle of links does not lead out.
 * @param linkAt returns the target of the link that is or will be at a place, or undefined
 */
export function leadsOut(
  place: string,
  target: string,
  destination: string,
  linkAt: (place: string) => string | undefined,
): boolean {
  const top = pathNames(destination);
  const walk = walkLinks(place, destination === '/' ? 'stays' : 'ends');
  /** The link itself is the first last step. After it the walk goes on along its target. */
  let isBefore = true;
  let text: string | undefined;
  for (let step = walk.next(); ; step = walk.next(text)) {
    if (step.done === true) return step.value === 'out';
    const { path, isLast } = step.value;
    text = isBefore && isLast ? target : linkAt(path.slice(1));
    if (isLast) isBefore = false;
    if (text?.startsWith('/')) {
      const names = pathNames(text);
      if (top.some((name, index) => names[index] !== name)) return true;
      text = `/${names.slice(top.length).join('/')}`;
    }
  }
}
