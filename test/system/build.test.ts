import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/index.ts';

const project = join(import.meta.dirname, '../..');
const elsewhere = mkdtempSync(join(tmpdir(), 'cfntools-build-'));
afterAll(() => rmSync(elsewhere, { recursive: true, force: true }));

const checksum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('scripts/build', () => {
  it('makes the same bytes in another directory', () => {
    for (const part of ['src', 'scripts', 'package.json', 'tsconfig.json'])
      cpSync(join(project, part), join(elsewhere, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(elsewhere, 'node_modules'));
    execFileSync(process.execPath, [join(elsewhere, 'scripts/lib/build.ts')], { stdio: 'ignore', timeout: 120_000 });
    expect(checksum(join(elsewhere, 'dist/linux-x64/cfntools'))).toBe(
      checksum(join(project, 'dist/linux-x64/cfntools')),
    );
  });

  it.each(commands.map(({ name }) => name))('leaves the link %s beside the binary', (name) => {
    expect(readlinkSync(join(project, 'dist/linux-x64', name))).toBe('cfntools');
  });
});
