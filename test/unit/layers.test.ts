import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const project = resolve(import.meta.dirname, '../..');

/** A file for each room of src/, and what that room must not import. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  'signing/planted.ts': [
    '../system/programs/exec.ts',
    '../heat/describe.ts',
    '../config/config.ts',
    'node:fs',
    'execa',
  ],
  'secrets/planted.ts': ['../system/programs/exec.ts', '../config/config.ts', '../logging/log.ts', 'node:fs'],
  'config/planted.ts': [
    '../system/programs/exec.ts',
    '../sections/step.ts',
    '../heat/describe.ts',
    '../logging/log.ts',
    'node:fs',
    'ini',
  ],
  'system/planted.ts': ['../config/config.ts', '../sections/step.ts', '../hup/pass.ts', '../context.ts', 'commander'],
  'system/programs/planted.ts': ['../../config/config.ts', '../../sections/step.ts', '../../context.ts'],
  'system/http/planted.ts': ['../../heat/describe.ts', '../../metadata/nova.ts', '../../context.ts'],
  'system/files/planted.ts': ['../../config/config.ts', '../../hup/pass.ts', '../../context.ts'],
  'system/accounts/planted.ts': ['../../sections/step.ts', '../../config/config.ts', '../../context.ts'],
  'system/archive/planted.ts': ['../../sections/step.ts', '../../config/config.ts', '../../context.ts'],
  'logging/planted.ts': ['../sections/step.ts', '../apply/report.ts', '../config/config.ts', 'node:fs', 'execa'],
  'heat/planted.ts': ['../metadata/nova.ts', '../sections/step.ts', '../hup/pass.ts', 'node:http', 'undici'],
  'metadata/planted.ts': ['../sections/step.ts', '../apply/report.ts', '../hup/pass.ts', 'node:fs', 'undici'],
  'sections/planted.ts': ['../apply/report.ts', '../heat/describe.ts', '../hup/pass.ts', 'node:fs', 'execa'],
  'sections/files/planted.ts': ['../users/users.ts', '../../apply/report.ts', '../../context.ts', 'node:fs'],
  'sections/packages/managers/planted.ts': ['../../files/files.ts', '../../../hup/pass.ts', 'node:child_process'],
  'sections/services/managers/planted.ts': ['../../packages/packages.ts', '../../../metadata/nova.ts', 'node:net'],
  'apply/planted.ts': ['../metadata/nova.ts', '../heat/describe.ts', '../sections/files/files.ts', 'node:fs'],
  'hup/planted.ts': ['../apply/run-steps.ts', '../commands/cfn-init.ts', '../sections/files/files.ts', 'node:fs'],
  'commands/planted.ts': ['../sections/files/files.ts', '../signing/signature-v4.ts', 'node:fs', 'undici'],
};

/** What each of them may import. */
const ALLOWED = ['./own.ts'];

/** The ways to import something; `TARGET` stands for what. */
const WAYS: Readonly<Record<string, string>> = {
  values: "import * as planted from 'TARGET';\nexport const used = planted;\n",
  'a type': "import type * as planted from 'TARGET';\nexport type Used = typeof planted;\n",
  'effects alone': "import 'TARGET';\n",
  'to export': "export * from 'TARGET';\n",
  'to export a type': "export type * from 'TARGET';\n",
  'when it is needed': "export const used = () => import('TARGET');\n",
  'by a template text': 'export const used = () => import(`TARGET`);\n',
  'by a variable': "const target = 'TARGET';\nexport const used = () => import(target);\n",
  'in a type': "export type Used = typeof import('TARGET');\n",
  'by require': "export const used = require('TARGET');\n",
  'by the process': "export const used = process.getBuiltinModule('TARGET');\n",
};

let scratch: string;
/** The files in which something was reported. */
let reported: ReadonlySet<string>;

const roomOf = (file: string): string => file.slice(0, file.lastIndexOf('/'));

interface Plant {
  readonly file: string;
  readonly way: string;
  readonly target: string;
}

const plants: readonly Plant[] = Object.entries(FORBIDDEN).flatMap(([file, targets]) =>
  targets.flatMap((target, index) =>
    Object.keys(WAYS).map((way, number) => ({
      file: `src/${roomOf(file)}/planted-${index}-${number}.ts`,
      way,
      target,
    })),
  ),
);

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'layers-'));
  for (const name of ['biome.json', 'package.json', 'scripts/lint'])
    cpSync(join(project, name), join(scratch, name), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(scratch, 'node_modules'));
  for (const room of new Set(Object.keys(FORBIDDEN).map(roomOf))) {
    mkdirSync(join(scratch, 'src', room), { recursive: true });
    writeFileSync(join(scratch, 'src', room, 'own.ts'), 'export const own = 1;\n');
    for (const target of ALLOWED) writeFileSync(join(scratch, 'src', room, 'fair.ts'), `export * from '${target}';\n`);
  }
  for (const { file, way, target } of plants)
    writeFileSync(join(scratch, file), (WAYS[way] as string).replaceAll('TARGET', target));
  // Two types, each of which needs the other.
  writeFileSync(
    join(scratch, 'src/config/egg.ts'),
    "import type { Hen } from './hen.ts';\nexport type Egg = Hen | 1;\n",
  );
  writeFileSync(
    join(scratch, 'src/config/hen.ts'),
    "import type { Egg } from './egg.ts';\nexport type Hen = Egg | 2;\n",
  );
  writeFileSync(join(scratch, 'src/sections/web.ts'), "export const page = () => fetch('http://localhost/');\n");
  reported = lint(scratch);
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The files in which the linter finds an import that is not allowed. */
function lint(directory: string): ReadonlySet<string> {
  const biome = join(project, 'node_modules/@biomejs/biome/bin/biome');
  const words = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', 'src'];
  const { stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: directory,
    encoding: 'utf8',
    timeout: 50_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { diagnostics } = JSON.parse(stdout || `{"diagnostics": "${stderr}"}`) as {
    diagnostics: readonly { category: string; location: { path: string } }[];
  };
  const walls = diagnostics.filter(({ category }) =>
    /^(?:plugin|lint\/style\/(?:noRestrictedImports|noRestrictedGlobals|noCommonJs)|lint\/suspicious\/noImportCycles)$/.test(
      category,
    ),
  );
  return new Set(walls.map(({ location }) => location.path));
}

describe('what a room must not import is reported', () => {
  test.each(Object.keys(FORBIDDEN).map((file) => [roomOf(file)]))('%s', (room) => {
    const missed = plants
      .filter(({ file }) => roomOf(file) === `src/${room}` && !reported.has(file))
      .map(({ way, target }) => `${target} ${way}`);
    expect(missed).toEqual([]);
  });

  test('in a cycle of types', () => {
    expect([...reported].filter((file) => /config\/(?:egg|hen)\.ts$/.test(file)).length).toBeGreaterThan(0);
  });

  test('as a global', () => {
    expect(reported).toContain('src/sections/web.ts');
  });
});

test('what a room has itself is not reported', () => {
  expect([...reported].filter((file) => /\/(?:own|fair)\.ts$/.test(file))).toEqual([]);
});

test('each room has its walls', () => {
  const rooms = readdirSync(join(project, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const walled = new Set(Object.keys(FORBIDDEN).map((file) => file.split('/')[0]));
  expect(rooms.filter((room) => !walled.has(room))).toEqual([]);
});
