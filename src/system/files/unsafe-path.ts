/**
 * Steps of a path that are refused because another user could have redirected them. The rule is that of systemd-tmpfiles ("unsafe path
 * transition"): a directory or link of one user must not lead to a file of another user. Two steps that systemd-tmpfiles refuses are
 * allowed here, because runs of cfn-init make such paths:
 *  - from a directory of a user into a directory of root in it (/home/u/app, which `sources` made);
 *  - along a link, if its target belongs to those who can change the link (its owner and the owner of its directory), or is a
 *    directory of root in one of their directories.
 */
import { type Stats, statSync } from 'node:fs';
import { Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';

/** The directory below which all paths lie. */
export interface Root {
  readonly path: string;
  /** The operator allows every step (`allow-unsafe-paths` in cfntools.conf). */
  allowsUnsafePaths: boolean;
  /** True for root, the user who runs this process, and the owner of the root directory. */
  trusts(uid: number): boolean;
}

/** Users who are not trusted and who must own the target of a link. */
export type Owners = readonly number[];

const ROOT = 0;
const WORLD_WRITABLE = 0o002;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** @param path of a directory, whose owner is read when it is first needed */
export function createRoot(path: string): Root {
  let owner: number | undefined;
  return {
    path,
    allowsUnsafePaths: false,
    trusts(uid) {
      if (uid === ROOT || uid === process.geteuid?.()) return true;
      // In an unprivileged container, files of the real root are shown as files of nobody.
      owner ??= statSync(path).uid;
      return uid === owner;
    },
  };
}

/** A place on the way. */
interface Place {
  readonly path: string;
  readonly uid: number;
}

/**
 * Refuses a directory of one user in a directory of another, neither of them trusted, where we run as root.
 * @param places returns the paths for the error: the directory, and the one in it
 * @throws Problem
 */
export function refuseUnsafeDirectory(
  root: Root,
  parent: number,
  child: number,
  places: () => readonly [parent: string, child: string],
): void {
  if (parent === child || root.allowsUnsafePaths || root.trusts(parent) || root.trusts(child)) return;
  // A process without root's rights cannot be misused by another user.
  if (process.geteuid?.() !== ROOT) return;
  const [parentPath, childPath] = places();
  throw new Problem(
    `unsafe path: ${parentPath} belongs to the user ${parent}, and ${childPath} in it to the user ${child}`,
    { hint: `make one user the owner of both, or ${allowing()}` },
  );
}

/** @throws Problem when `..` leads from a directory of one user to one of another: a link of the first may have led here */
export function refuseUnsafeParent(root: Root, from: Place, parent: Place): void {
  if (from.uid === parent.uid || root.allowsUnsafePaths || root.trusts(from.uid)) return;
  throw new Problem(
    `unsafe path: .. leads from ${from.path}, which belongs to the user ${from.uid}, to ${parent.path} of the user ${parent.uid}`,
    { hint: `write the path without .., or ${allowing()}` },
  );
}

/**
 * @param name of a symbolic link
 * @returns the users who must own its target
 * @throws Problem when a stranger made it where everybody may write (the same rule as fs.protected_symlinks of the kernel)
 */
export function ownersOfEnd(root: Root, name: string, directory: Stats, link: Stats): Owners {
  if (root.allowsUnsafePaths) return [];
  if (isPlanted(root, directory, link))
    throw new Problem(`will not follow the symbolic link ${name}, which another user planted`, {
      hint: `remove it, or ${allowing()}`,
    });
  return [directory.uid, link.uid].filter((uid) => !root.trusts(uid));
}

/** True for an entry of a stranger in a directory where everybody may write. */
export function isPlanted(root: Root, directory: Stats, { uid }: Stats): boolean {
  return (directory.mode & WORLD_WRITABLE) !== 0 && uid !== directory.uid && !root.trusts(uid);
}

/** True when only trusted users can rename the entries of the directory. */
export function isSafeDirectory(root: Root, { uid, mode }: Stats): boolean {
  return root.trusts(uid) && ((mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0);
}

/**
 * @param way the owners of the directories on the way to the target, when it is a directory itself
 * @throws Problem when the target of a link does not belong to those who can change the link
 */
export function refuseUnsafeEnd(root: Root, link: string, owners: Owners, end: Place, way: Owners = []): void {
  const other = owners.find((uid) => uid !== end.uid && !(root.trusts(end.uid) && way.includes(uid)));
  if (other === undefined) return;
  throw new Problem(
    `unsafe path: the symbolic link ${link}, which the user ${other} can change, leads to ${end.path} of the user ${end.uid}`,
    { hint: `remove the link, or ${allowing()}` },
  );
}

function allowing(): string {
  return `set allow-unsafe-paths = true in ${paths.settings}`;
}
