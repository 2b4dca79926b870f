import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { project } from '../../support/binary.ts';

interface Override {
  readonly includes: readonly string[];
  readonly linter: {
    readonly rules: {
      readonly style?: {
        readonly noRestrictedImports?: {
          readonly options: { readonly patterns: readonly { readonly group: readonly string[] }[] };
        };
      };
    };
  };
}

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const ROOMS = readdirSync(join(project, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** What lint lets the files of a room import: other rooms, in whole or in part. */
function allowedByLint(room: string): string[] {
  const { overrides } = JSON.parse(read('biome.json')) as { overrides: readonly Override[] };
  const override = overrides.find(({ includes }) => includes.includes(`src/${room}/**`));
  const patterns = override?.linter.rules.style?.noRestrictedImports?.options.patterns ?? [];
  const targets = patterns.flatMap(({ group }) => group).map((pattern) => /^!(?:\.\.\/)+([a-z]+)\//.exec(pattern)?.[1]);
  return ROOMS.filter((other) => other !== room && targets.includes(other));
}

/** The rows of the table of rooms: a directory, and what its last cell names. */
function rowsOfDesign(): Map<string, string[]> {
  const rows = [...read('docs/dev/design.md').matchAll(/^\| `([a-z]+)\/` \|.*\|([^|]*)\|$/gm)];
  return new Map(
    rows.map(([, room = '', cell = '']) => [room, ROOMS.filter((other) => new RegExp(`\\b${other}\\b`).test(cell))]),
  );
}

test('design.md has every room of src/', () => {
  expect([...rowsOfDesign().keys()].sort()).toEqual(ROOMS);
});

test.each(ROOMS)('design.md: %s may import what lint lets it import', (room) => {
  expect(rowsOfDesign().get(room)).toEqual(allowedByLint(room));
});

test('the lists of lint are found', () => {
  expect(allowedByLint('config')).toEqual(['secrets']);
  expect(allowedByLint('apply')).toContain('sections');
});
