import { fstatSync, readlinkSync } from 'node:fs';
import { type Entry, entryOf } from './file-entry.ts';
import type { FileSystem } from './file-system.ts';
import { absolutePath, walkLinks } from './path.ts';

/** Why somebody else controls what is at a path. */
interface Untrusted {
  /** The path itself, or a directory or link on the way to it. */
  readonly path: string;
  readonly what: string;
  /** What to do about it. */
  readonly hint: string;
  /** It belongs to another user. */
  readonly isOwner?: boolean;
}

/** What is wrong with a file that should be private: its mode, its owner, or its place. */
export type Exposure =
  | { readonly kind: 'mode' }
  | { readonly kind: 'owner'; readonly uid: number }
  | { readonly kind: 'place'; readonly path: string; readonly hint: string };

const READ_OR_WRITTEN_BY_OTHERS = 0o066;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Finds out whether a user other than root and ourselves controls what is at a path: can write to it, or can replace one of the
 * directories on the way. Links are followed, and the directories on their way are checked, too. This is like StrictModes of sshd.
 * Access control lists are not checked.
 * @param path absolute
 * @param self our user id
 * @returns undefined when no other user controls it, or when nothing exists there
 */
export function findUntrusted(files: FileSystem, path: string, self: number): Untrusted | undefined {
  const walk = walkLinks(path, 'stays');
  let target: string | undefined;
  for (let step = walk.next(); ; step = walk.next(target)) {
    if (step.done === true) {
      const isCircle = step.value === 'circle';
      return isCircle ? { path, what: 'too many symbolic links', hint: 'put the file itself there' } : undefined;
    }
    const at = step.value.path;
    const entry = files.entry(at);
    if (entry === undefined) return undefined;
    const fault = faultOf(entry, at, self);
    if (fault !== undefined) return fault;
    target = entry.kind === 'symlink' ? files.linkTarget(at) : undefined;
  }
}

function faultOf({ kind, uid, mode }: Entry, path: string, self: number): Untrusted | undefined {
  if (uid !== 0 && uid !== self)
    return {
      path,
      what: `it belongs to the user ${uid}, who could write anything there`,
      hint: `chown root ${path}`,
      isOwner: true,
    };
  // The mode of a link means nothing. In a sticky directory nobody can change the files of others.
  if (kind === 'symlink' || (kind === 'directory' && (mode & STICKY) !== 0)) return undefined;
  if ((mode & WRITABLE_BY_OTHERS) === 0) return undefined;
  return { path, what: 'other users may write to it', hint: `chmod go-w ${path}` };
}

/**
 * Finds out whether another user can read or change an open file, could have written it, or can replace it.
 * A pipe without a name, as `<(...)` makes one, is private.
 * @param path where it was opened, to check the directories on the way
 * @param self our user id
 * @returns undefined when it is private to root and ourselves
 */
export function exposureOf(fd: number, path: string, files: FileSystem, self: number): Exposure | undefined {
  return hasName(fd) ? exposureOfEntry(entryOf(fstatSync(fd)), absolutePath(path), files, self) : undefined;
}

/** As exposureOf, for the entry at an absolute path. */
export function exposureOfEntry(entry: Entry, path: string, files: FileSystem, self: number): Exposure | undefined {
  if (entry.uid !== 0 && entry.uid !== self) return { kind: 'owner', uid: entry.uid };
  if (entry.kind === 'file' && (entry.mode & READ_OR_WRITTEN_BY_OTHERS) !== 0) return { kind: 'mode' };
  const fault = findUntrusted(files, path, self);
  if (fault === undefined) return undefined;
  // The directory may be the home of its owner, so it should not change its owner.
  const hint = fault.isOwner === true ? 'move the file to a directory of root, such as /etc/cfn' : fault.hint;
  return { kind: 'place', path: fault.path, hint };
}

/** proc(5), /proc/pid/fd: a file without a name is shown there as `pipe:[INODE]`. */
function hasName(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('/');
  } catch {
    return true;
  }
}
