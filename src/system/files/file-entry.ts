import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import type { Directory } from './directory.ts';
import { fileProblem } from './file-problem.ts';
import type { Attributes } from './staged-file.ts';
import { isPlanted, type Root } from './unsafe-path.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const CHUNK_BYTES = 64 * 1024;

const PERMISSIONS = 0o7777;

export interface Entry extends Attributes {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
}

/** The entry that a stat describes. */
export function entryOf(stats: Stats): Entry {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'other';
  return {
    kind,
    mode: stats.mode & PERMISSIONS,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    modified: stats.mtime,
  };
}

/** What is at a path. */
export interface Look extends Entry {
  /**
   * True for an entry in a directory where everybody may write that belongs to a stranger: not root, not the user who runs this
   * process, and not the owner of the directory.
   */
  readonly isPlanted: boolean;
  /** The target of a symbolic link, as written. */
  readonly target: string | undefined;
  /** True for a regular file with exactly the bytes that it was compared with. */
  readonly isSame: boolean;
}

/**
 * Looks at an entry of an open directory.
 * @param path of the entry, for messages
 * @throws Problem when a file of the same size cannot be read, otherwise the system's error
 */
export function lookAt(root: Root, parent: Directory, name: string, path: string, content?: Uint8Array): Look {
  const stats = lstatSync(parent.at(name));
  const entry = entryOf(stats);
  const isComparable = entry.kind === 'file' && entry.size === content?.length;
  return {
    ...entry,
    isPlanted: isPlanted(root, lstatSync(parent.at('.')), stats),
    target: entry.kind === 'symlink' ? readlinkSync(parent.at(name)) : undefined,
    isSame: isComparable && hasContent(parent.at(name), path, content),
  };
}

function hasContent(at: string, path: string, content: Uint8Array): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fstatSync(fd).isFile()) return false;
    const piece = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const got = readSync(fd, piece, 0, CHUNK_BYTES, position);
      if (got === 0) return position === content.length;
      if (piece.compare(content, position, position + got, 0, got) !== 0) return false;
      position += got;
    }
  } catch (error) {
    // It has just become a link.
    if (errnoOf(error) === 'ELOOP') return false;
    throw fileProblem('cannot read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
