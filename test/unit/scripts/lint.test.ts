import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { project } from '../../support/binary.ts';
import { run } from '../../support/process.ts';

const directory = mkdtempSync(join(tmpdir(), 'lint-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

const lint = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run([process.execPath, join(project, 'scripts/lib/lint.ts'), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });

/** Writes a file. @returns its path */
function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('shell', () => {
  beforeEach(async (context) => {
    const { code } = await run(['sh', '-c', 'command -v shellcheck && command -v shfmt']);
    if (code !== 0) context.skip('needs the Debian packages shellcheck and shfmt');
  });

  test.each([
    { what: 'a script without an extension', name: 'unquoted', text: '#!/bin/sh\nrm $1\n', says: 'SC2086' },
    { what: 'a file that is sourced', name: 'x.sh', text: '# A.\n# shellcheck shell=bash\nrm $1\n', says: 'SC2086' },
    { what: 'three blanks', name: 'blanks', text: '#!/bin/sh\nif true; then\n   echo\nfi\n', says: '+  echo' },
  ])('$what: the fault is printed, exit code 1', async ({ name, text, says }) => {
    const { code, stdout } = await lint([file(name, text)]);
    expect({ code, says: stdout.includes(says) ? says : stdout }).toEqual({ code: 1, says });
  });

  test('--write formats it', async () => {
    const path = file('written', '#!/bin/sh\nif true; then\n   echo\nfi\n');
    expect(await lint(['--write', path])).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe('#!/bin/sh\nif true; then\n  echo\nfi\n');
  });
});

describe('shell, where shellcheck and shfmt are missing', () => {
  const says = 'shell scripts are not checked: shellcheck and shfmt missing (Debian packages of these names)\n';
  test.each([
    { env: {}, code: 0 },
    { env: { CI: 'true' }, code: 1 },
  ])('$env: a line says so, exit code $code', async ({ env, code }) => {
    const path = file('unseen', '#!/bin/sh\nrm $1\n');
    expect(await lint([path], { ...env, PATH: directory })).toMatchObject({ code, stdout: says });
  });
});

describe('Python', () => {
  test.each([
    { what: 'an import that is not used', text: 'import os\n', says: '1: F401 `os` imported but unused' },
    { what: 'double quotes', text: 'a = \'a\'\nb = "b"\n', says: '2: is not formatted: npm run format' },
    { what: 'no Python', text: 'def\n', says: '1: invalid-syntax ' },
  ])('$what: the fault is printed, exit code 1', async ({ text, says }) => {
    const path = file('faulty.py', text);
    const { code, stdout } = await lint([path]);
    expect({ code, says: stdout.startsWith(`${path}:${says}`) ? says : stdout }).toEqual({ code: 1, says });
  });

  test('--write formats it', async () => {
    const path = file('written.py', 'a = "a"\n');
    expect(await lint(['--write', path])).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe("a = 'a'\n");
  });
});

test('what is as it should be prints nothing, exit code 0', async () => {
  expect(await lint([file('good.py', "a = 'a'\n")])).toMatchObject({ code: 0, stdout: '', stderr: '' });
});
