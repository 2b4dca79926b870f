/** What a run of the tests says at its end, seen with a file of tests that has all of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';

const FILE = `
import { describe, expect, test } from 'vitest';
import { prepareMachine } from '${project}/test/support/second-attempt.ts';

let boots = 0;
prepareMachine(() => {
  if (boots++ === 0) throw new Error('no boot');
});
let count = 0;
test('passes the second time', () => expect(count++).toBe(1));
test('fails twice', () => expect(count++).toBe(-1));
test('is skipped', (context) => context.skip('not here'));
describe('a part', () => {
  prepareMachine(() => {
    throw new Error('never');
  });
  test('is not reached', () => {});
});
`;

const CONFIG = `export default { test: { retry: 1, reporters: ['${project}/scripts/lib/summary-reporter.ts'] } };`;

let directory = '';
let lines: readonly string[] = [];
beforeAll(async () => {
  // In the project, where vitest is found.
  mkdirSync(join(project, '.build'), { recursive: true });
  directory = mkdtempSync(join(project, '.build/closing-lines-'));
  writeFileSync(join(directory, 'some.test.ts'), FILE);
  writeFileSync(join(directory, 'vitest.config.mjs'), CONFIG);
  const vitest = [join(project, 'node_modules/.bin/node'), join(project, 'node_modules/vitest/vitest.mjs'), 'run'];
  const { PATH = '' } = process.env;
  const { stdout, stderr } = await run(vitest, { cwd: directory, env: { PATH, HOME: directory } });
  if (stdout === '') throw new Error(stderr);
  lines = stdout.trimEnd().split('\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

test('which parts of the run took how long', () => {
  expect(lines.filter((line) => line.startsWith('time: '))).toEqual([
    expect.stringMatching(/^time: +\d+ to +\d+ s {2}/),
  ]);
});

test('what was tried twice, a preparation as well, and why', () => {
  expect(lines.filter((line) => line.startsWith('tried twice: '))).toEqual([
    'tried twice: the preparation of some.test.ts: Error: no boot',
    'tried twice: the preparation of some.test.ts > a part: Error: never',
    expect.stringMatching(/^tried twice: some\.test\.ts > passes the second time: expected \+?0 to be 1/),
  ]);
});

test('each skip with its reason, each failure, and the sums in the last line', () => {
  expect(lines).toContain('skipped: is skipped: not here');
  expect(lines.filter((line) => line.startsWith('failed: '))).toEqual([
    expect.stringMatching(/^failed: some\.test\.ts > fails twice: expected 2 to be -1/),
  ]);
  expect(lines.at(-1)).toBe('1 passed, 1 failed, 2 skipped');
});
