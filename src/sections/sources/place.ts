/** As many links as the kernel follows for one path. */
const MOST_LINKS = 40;

const GITHUB_ARCHIVE = [
  // Anywhere in the URL: mirrors and proxies put their own host before it.
  /(?:^|[/.])github\.com\/.*\/(?:tarball|zipball)(?:\/|$)/i,
  /(?:^|\/)codeload\.github\.com\/[^/]+\/[^/]+\/(?:legacy\.)?(?:tar\.gz|zip)(?:\/|$)/i,
];

/** True for the URL of a repository packed by GitHub, whose one top directory is nobody's wish (contract section 3, sources). */
export function isGithubArchive(url: string): boolean {
  const path = url.replace(/[?#].*$/s, '');
  return GITHUB_ARCHIVE.some((pattern) => pattern.test(path));
}

/**
 * Where an entry of that name belongs, relative to the destination; empty for the destination itself. Undefined when
 * the name is absolute or leads out by `..`.
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
  return `${destination === '/' ? '' : destination}/${place}`;
}

/** True when the path is the directory or lies below it. Both are absolute and without links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/**
 * True when a symbolic link at `place` with this target would lead out of the destination, by itself or through other
 * links. A link in a circle leads nowhere.
 * @param linkAt the target of the link that stands or will stand at a place, or undefined
 */
export function leadsOut(
  place: string,
  target: string,
  destination: string,
  linkAt: (place: string) => string | undefined,
): boolean {
  const top = partsOf(destination);
  const position: string[] = [];
  const pending = partsOf(parentOf(place) ?? '');
  let links = 0;
  /** Goes on where a link points to; false when that is outside. */
  const follow = (text: string): boolean => {
    let parts = partsOf(text);
    if (text.startsWith('/')) {
      if (top.some((part, index) => parts[index] !== part)) return false;
      parts = parts.slice(top.length);
      position.length = 0;
    }
    links += 1;
    pending.unshift(...parts);
    return true;
  };
  /** Takes the steps that are left; false when one leads outside. */
  const walk = (): boolean => {
    for (let part = pending.shift(); part !== undefined && links <= MOST_LINKS; part = pending.shift()) {
      if (part === '..') {
        if (position.pop() === undefined && destination !== '/') return false;
        continue;
      }
      const text = linkAt([...position, part].join('/'));
      if (text === undefined) position.push(part);
      else if (!follow(text)) return false;
    }
    return true;
  };
  return !(walk() && follow(target) && walk());
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
