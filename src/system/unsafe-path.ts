/**
 * Which steps of a path are refused, since another user could have made them lead elsewhere. The idea is that of
 * systemd-tmpfiles ("unsafe path transition"): what one user owns must not lead to what is another's. Two steps that it
 * refuses are allowed here, because runs of ours make such paths:
 *  - from a user's directory into a directory of root's that lies in it (/home/u/app, which `sources` made);
 *  - along a link to what belongs to its own maker, and to the owner of the directory that it lies in.
 */
import { type Stats, statSync } from 'node:fs';
import { Problem } from '../errors.ts';
import { paths } from '../paths.ts';

/** The directory that paths are taken below. */
export interface Root {
  readonly path: string;
  /** The operator allows every step (`allow-unsafe-paths` in cfntools.conf). */
  allowsUnsafePaths: boolean;
  /** True for users who need no trick: root, ourselves, and the owner of the root directory. */
  trusts(uid: number): boolean;
}

/** Users, none of them trusted, who must own what a link leads to. */
export type Owners = readonly number[];

const ROOT = 0;
const WORLD_WRITABLE = 0o002;

/** @param path of a directory, looked at when it is first needed */
export function createRoot(path: string): Root {
  let owner: number | undefined;
  return {
    path,
    allowsUnsafePaths: false,
    trusts(uid) {
      if (uid === ROOT || uid === process.geteuid?.()) return true;
      // In an unprivileged container all that belongs to the real root is shown as nobody's.
      owner ??= statSync(path).uid;
      return uid === owner;
    },
  };
}

/** @throws Problem when a directory of one user lies in one of another, neither of them trusted */
export function refuseUnsafeDirectory(
  root: Root,
  parent: { readonly path: string; readonly uid: number },
  child: { readonly path: string; readonly uid: number },
): void {
  if (parent.uid === child.uid || root.allowsUnsafePaths || root.trusts(parent.uid) || root.trusts(child.uid)) return;
  throw new Problem(
    `unsafe path: ${parent.path} belongs to the user ${parent.uid}, and ${child.path} in it to the user ${child.uid}`,
    { hint: `give both to one user, or ${allowing()}` },
  );
}

/**
 * @param name of a symbolic link
 * @returns who must own what it leads to
 * @throws Problem when it was planted: made by a stranger where everybody may write (as the kernel's
 * fs.protected_symlinks)
 */
export function ownersOfEnd(root: Root, name: string, directory: Stats, link: Stats): Owners {
  if (root.allowsUnsafePaths) return [];
  if ((directory.mode & WORLD_WRITABLE) !== 0 && link.uid !== directory.uid && !root.trusts(link.uid))
    throw new Problem(`will not follow the symbolic link ${name}, which another user planted`, {
      hint: `remove it, or ${allowing()}`,
    });
  return [directory.uid, link.uid].filter((uid) => !root.trusts(uid));
}

/** @throws Problem when what a link leads to does not belong to those who decide where it leads */
export function refuseUnsafeEnd(link: string, owners: Owners, end: { path: string; uid: number }): void {
  const other = owners.find((uid) => uid !== end.uid);
  if (other === undefined) return;
  throw new Problem(
    `unsafe path: the symbolic link ${link} of the user ${other} leads to ${end.path}, which belongs to the user ${end.uid}`,
    { hint: `remove the link, or ${allowing()}` },
  );
}

function allowing(): string {
  return `set allow-unsafe-paths = true in ${paths.settings}`;
}
