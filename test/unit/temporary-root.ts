import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createFileSystem, type FileSystem } from '../../src/system/files/file-system.ts';

/** Who runs the tests: files are given to nobody else, so that they also pass for an ordinary user. */
export const us = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

/** A file system door on an empty directory that goes away with the test. */
export function temporaryRoot(): { readonly root: string; readonly files: FileSystem } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'cfntools-unit-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return { root, files: createFileSystem(root) };
}
