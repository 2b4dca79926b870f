import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { binary, project } from '../support/binary.ts';
import { run } from '../support/process.ts';

// A judge of published templates that lies beside the project where the project is developed.
const shared = join(project, '../shared');
const judge = join(shared, 'oracle/oracle.py');
const cases = join(shared, 'corpus/cases');

/** Cases in which the judge is wrong, and why. */
const MISJUDGED: Readonly<Record<string, string>> = {
  'aws-cloudformation+cfn-lint__test.fixtures.templates.quickstart.nist_application.yaml__rAutoScalingConfigApp':
    'a reference that was not resolved stands where the address of an archive should: nobody can fetch that',
};

/** What it says where an apt package was not installed because it is there: it hides dpkg-query, but not dpkg's database. */
const NOT_ASKED_FOR = /^package apt (\S+) not asked for$/;

interface Verdict {
  readonly bad: readonly string[];
  readonly out: string;
}

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('the templates of the corpus are applied as the contract says', { timeout: 900_000 }, async (context) => {
  if (!existsSync(judge) || !existsSync(cases)) context.skip('needs the corpus and its oracle beside the project');
  if (process.geteuid?.() !== 0) context.skip('needs root');
  const out = join(directory, 'verdicts.json');
  const command = ['/usr/bin/python3', judge, 'run', '--tool', binary('cfn-init'), '--cases', cases, '--out', out];
  await run(command, { cwd: directory, timeout: 890_000 });
  const verdicts = Object.entries(JSON.parse(readFileSync(out, 'utf8')) as Record<string, Verdict>);
  expect(verdicts.length).toBeGreaterThan(100);
  const failing = verdicts
    .filter(([name]) => !(name.replace(/\.json$/, '') in MISJUDGED))
    .map(([name, { bad }]) => ({ name, bad: bad.filter((one) => !isInstalled(NOT_ASKED_FOR.exec(one)?.[1])) }))
    .filter(({ bad }) => bad.length > 0)
    .map(({ name, bad }) => `${name}: ${bad.join('; ')}`);
  expect(failing).toEqual([]);
});

function isInstalled(name: string | undefined): boolean {
  if (name === undefined) return false;
  const { stdout } = spawnSync('dpkg-query', ['--show', '--showformat=${db:Status-Status}', name], {
    encoding: 'utf8',
  });
  return stdout === 'installed';
}
