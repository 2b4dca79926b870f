import type { Stats } from 'node:fs';
import type { Attributes } from './staged-file.ts';

const PERMISSIONS = 0o7777;

export interface Entry extends Attributes {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
}

/** What a stat says, in our words. */
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
