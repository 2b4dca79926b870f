import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { isRoot } from '../support/use-machine.ts';

const project = join(import.meta.dirname, '../..');
const elsewhere = mkdtempSync(join(tmpdir(), 'cfntools-build-'));
afterAll(() => rmSync(elsewhere, { recursive: true, force: true }));

const NOBODY = '65534:65534';
/** Another user, who may read wherever the project lies. */
const asNobody = [
  'setpriv',
  ...['--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'],
] as const;
const checksum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('scripts/build', () => {
  // Of the machine that builds, nothing may get into the binary.
  it('makes the same bytes in another directory, for another user, with other settings', () => {
    for (const part of ['src', 'scripts', 'package.json', 'tsconfig.json'])
      cpSync(join(project, part), join(elsewhere, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(elsewhere, 'node_modules'));
    const env = { ...process.env, HOME: '/nowhere', TZ: 'Asia/Tokyo', LC_ALL: 'C', http_proxy: 'http://127.0.0.1:9' };
    if (isRoot) execFileSync('chown', ['-R', NOBODY, elsewhere]);
    const [program, ...args] = [...(isRoot ? asNobody : []), process.execPath, join(elsewhere, 'scripts/lib/build.ts')];
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env, timeout: 120_000 });
    expect(checksum(join(elsewhere, 'dist/linux-x64/cfntools'))).toBe(
      checksum(join(project, 'dist/linux-x64/cfntools')),
    );
  });

  it.each(commands.map(({ name }) => name))('leaves the link %s beside the binary', (name) => {
    expect(readlinkSync(join(project, 'dist/linux-x64', name))).toBe('cfntools');
  });
});
