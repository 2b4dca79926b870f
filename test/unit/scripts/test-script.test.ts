import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { project } from '../../support/binary.ts';
import { run } from '../../support/process.ts';

const directory = mkdtempSync(join(tmpdir(), 'test-script-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The script installs the npm packages when they are not those of package-lock.json, which must not happen below a test. */
const lock = createHash('sha256')
  .update(readFileSync(join(project, 'package-lock.json')))
  .digest('hex');
const installed = join(project, 'node_modules/.cfntools-lock');
beforeEach((context) => {
  if (!existsSync(installed) || readFileSync(installed, 'utf8').trim() !== lock) {
    context.skip('needs npm packages that scripts/test has installed');
  }
});

/** Runs scripts/test where whatever asks for packages leaves a file `asked`. */
function testScript(args: readonly string[]) {
  for (const name of ['dpkg-query', 'apt-get']) {
    writeFileSync(join(directory, name), `#!/bin/sh\necho "$0 $*" >>'${directory}/asked'\nexit 1\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return run([join(project, 'scripts/test'), ...args], {
    env: { PATH: `${directory}:${process.env['PATH']}`, HOME: directory, CFNTOOLS_BIN: '/nonexistent' },
  });
}

test('a file of unit tests is run without a look at packages, types, style or the build', async () => {
  const { code, stdout, stderr } = await testScript(['unit/time']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/test\/unit\/time\.test\.ts[\s\S]*\n[1-9][0-9]* passed, 0 failed, 0 skipped\n$/);
  expect(existsSync(join(directory, 'asked'))).toBe(false);
});

test('what is in no path is said, and nothing is run', async () => {
  const { code, stdout, stderr } = await testScript(['unit/none-of-this-name']);
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: 'test: no file of test/ has this in its path: unit/none-of-this-name\n',
  });
});
