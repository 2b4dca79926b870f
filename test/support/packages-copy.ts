import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { project } from './binary.ts';

const PARTS = [
  '.npmrc',
  'LICENSE',
  'README.md',
  'docs',
  'examples',
  'package-lock.json',
  'package.json',
  'packaging',
  'scripts',
  'src',
  'tsconfig.json',
];

/**
 * Call it at the top of a test file. @returns what copies what is built from to a directory of another name and depth, which
 * is gone after the tests of the file. What npm has installed is shared.
 */
export function useCopies(): () => string {
  const copies: string[] = [];
  afterAll(() => {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  });
  return () => {
    const top = mkdtempSync(join(tmpdir(), 'cfntools-copy-'));
    copies.push(top);
    const copy = join(top, 'some/where/else');
    for (const part of PARTS) cpSync(join(project, part), join(copy, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
    mkdirSync(join(copy, '.build'));
    const arm64 = join(project, '.build/node-arm64');
    if (existsSync(arm64)) symlinkSync(arm64, join(copy, '.build/node-arm64'));
    return copy;
  };
}
