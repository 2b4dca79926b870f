import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PackageManagerName } from '../../src/config/config.ts';
import { SUITES } from '../support/debian-suites.ts';

/*
 * docs/reference/support.md and support-packages.md: under each `##` a table of operations (rows) and tools (columns),
 * and under each `###` with a tool's name the rows that say what proves them: `FILE: TEST` in code. FILE is in
 * test/system or has its directory in test. TEST is as the report of the tests shows it (a row of test.each with its
 * values, or the template), behind `DESCRIBE > ` if one likes.
 */

const project = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(project, path), 'utf8');

/** Another manager in the type does not compile until it stands here too. */
const packageManagers: Record<PackageManagerName, true> = {
  dpkg: true,
  rpm: true,
  apt: true,
  yum: true,
  dnf: true,
  zypper: true,
  apk: true,
  pacman: true,
  python: true,
  rubygems: true,
};

interface Proof {
  readonly tool: string;
  readonly operation: string;
  readonly text: string;
}

interface Area {
  readonly title: string;
  readonly tools: readonly string[];
  readonly operations: readonly string[];
  /** `OPERATION, TOOL` to `yes`, `as OTHER-TOOL`, `stand-in` or `-`. */
  readonly cells: ReadonlyMap<string, string>;
  readonly proofs: readonly Proof[];
}

const cellsOf = (row: string): string[] =>
  row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.replaceAll('\\|', '|').trim());
/** The rows of the first table, its head first. */
const tableOf = (text: string): string[][] =>
  (/(?:^\|.*\|$\n?)+/m.exec(text)?.[0] ?? '')
    .split('\n')
    .filter((row) => row !== '' && !/^[|\s:-]+$/.test(row))
    .map(cellsOf);
const bare = (text: string): string => text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');

function parseAreas(markdown: string): Area[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [head = '', ...sections] = text.split(/^### /m);
      const [[, ...tools] = [], ...rows] = tableOf(head).map((row) => row.map(bare));
      const cells = rows.flatMap(([operation, ...row]) =>
        row.map((cell, column): [string, string] => [`${operation}, ${tools[column]}`, cell]),
      );
      const proofs = sections.flatMap((section) =>
        tableOf(section)
          .slice(1)
          .map(([operation = '', text = '']) => ({ tool: firstLine(section), operation: bare(operation), text })),
      );
      const operations = rows.map(([operation = '']) => operation);
      return { title: firstLine(head), tools, operations, cells: new Map(cells), proofs };
    });
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').trim();

interface Title {
  readonly text: string;
  /** Where the values of its place holders stand; undefined for a plain title. */
  readonly values: string | undefined;
}

/** The titles of the tests of a file as they stand there. Skipped ones do not count. */
function titlesOf(source: string): Title[] {
  const literal = String.raw`\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|\`((?:\\.|[^\`\\])*)\`)`;
  const call = new RegExp(String.raw`(?<![\w.'])test(?:${literal}|\.(?:each|for)\b([^]*?)[\])]${literal})`, 'g');
  return [...source.matchAll(call)].map(([, one, two, template, table, ...titles]) => {
    const text = [one, two, template, ...titles].find((title) => title !== undefined) ?? '';
    const hasTexts = table !== undefined && /['"`\d]/.test(table);
    const values = hasTexts ? table : table !== undefined || template !== undefined ? source : undefined;
    return { text: text.replace(/\\(.)/g, '$1'), values };
  });
}

const PLACE_HOLDER = /%[sdifjop#]|\$\{[^}]*\}|\$[\w.]+/g;

/** Whether a file has a test of this title: word for word, or a template with values of its table. */
function hasTest(source: string, wanted: string): boolean {
  return titlesOf(source).some(({ text, values }) => {
    if (text === wanted) return true;
    if (values === undefined) return false;
    const literals = text.split(PLACE_HOLDER).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const filled = new RegExp(`^${literals.join('(.+)')}$`).exec(wanted);
    return filled?.slice(1).every((value) => isValueIn(values, value)) === true;
  });
}

/** A number, a text in quotes, or what %j made of more. */
function isValueIn(source: string, value: string): boolean {
  if (/^-?\d+$/.test(value)) return source.replace(/(?<=\d)_(?=\d)/g, '').includes(value);
  if (/^[[{"]/.test(value)) return true;
  const text = source.replace(/\\(.)/g, '$1');
  return ["'", '"', '`'].some((quote) => text.includes(quote + value + quote));
}

/** What is wrong with the proof of one operation; nothing when it holds. */
function complaintsAbout({ tool, operation, text }: Proof, cells: Area['cells']): string[] {
  const place = `${tool}: ${operation}`;
  const cell = cells.get(`${operation}, ${tool}`);
  const named = [...text.matchAll(/`([^`]*\.test\.ts[^`]*)`/g)].map(([, name = '']) => name);
  const other = /^as (\S+)$/.exec(cell ?? '')?.[1];
  if (cell === undefined) return [`${place}: not in the table above`];
  if (other !== undefined) {
    if (cells.get(`${operation}, ${other}`) !== 'yes') return [`${place}: ${other} does not say yes`];
    return text.startsWith(`${cell}: `) ? [] : [`${place}: no "${cell}: reason"`];
  }
  if (cell === '-' && !/^- \S.{10,}/.test(text)) return [`${place}: not supported, but no "- reason"`];
  if (!['-', 'yes', 'stand-in'].includes(cell)) return [`${place}: the table says ${JSON.stringify(cell)}`];
  if (cell !== '-' && named.length === 0) return [`${place}: no test is named`];
  return named.flatMap((name) => {
    const [, file = '', title = ''] = /^([\w./-]+\.test\.ts): (.+)$/.exec(name) ?? [];
    const path = file.includes('/') ? `test/${file}` : `test/system/${file}`;
    if (file === '' || !existsSync(join(project, path))) return [`${place}: no file for ${name}`];
    const source = read(path);
    if (cell === 'stand-in' && !source.includes('stand-in')) return [`${place}: ${file} says nothing of a stand-in`];
    const tails = title.split(' > ').map((_, index, parts) => parts.slice(index).join(' > '));
    return tails.some((tail) => hasTest(source, tail)) ? [] : [`${place}: no test ${title} in ${file}`];
  });
}

describe('docs/reference/support.md and support-packages.md', () => {
  const areas = ['support.md', 'support-packages.md'].flatMap((page) => parseAreas(read(`docs/reference/${page}`)));
  const columns = (title: string): readonly string[] => areas.find((area) => area.title === title)?.tools ?? [];

  test('has every package manager of the metadata', () => {
    expect([...columns('Packages')].sort()).toEqual(Object.keys(packageManagers).sort());
  });

  test('has every init system', () => {
    const source = read('src/sections/services/init-system.ts');
    const managers = [...source.matchAll(/import\('\.\/managers\/(\w+)(?:-offline)?\.ts'\)/g)].map(([, name]) => name);
    expect([...columns('Services')].sort()).toEqual([...new Set(managers)].sort());
  });

  test('has every release of Debian that the deb is tried on', () => {
    const [systems] = areas.find((area) => area.title === 'Systems')?.operations ?? [];
    expect(systems?.match(/[a-z]{3,}(?=[),]|$)/g)).toEqual(SUITES);
  });

  test('has both kinds of account tools', () => {
    expect(columns('Users and groups')).toEqual(['shadow-utils', 'busybox']);
  });

  test.each(areas.map((area): [string, Area] => [area.title, area]))(
    '%s: each cell is proven by a test, or says why not',
    (_, { tools, operations, cells, proofs }) => {
      const wrong = proofs.flatMap((proof) => complaintsAbout(proof, cells));
      const missing = tools
        .flatMap((tool) => operations.map((operation): [string, string] => [tool, operation]))
        .filter(([tool, operation]) => !proofs.some((proof) => proof.tool === tool && proof.operation === operation))
        .map(([tool, operation]) => `${tool}: ${operation}: no row says what proves it`);
      expect([...wrong, ...missing]).toEqual([]);
    },
  );
});

describe('a test is found', () => {
  const source = `
    describe('section', () => {
      test('plain, with (parens)', () => {});
      test("it's quoted", () => {});
      test.each<[string, number]>([['one uid', 70_000], ['other', f(2)]])('%s is %d', () => {});
      test.each([
        ['a', 'b'],
      ])(
        '$0 differs', () => {});
      test.skip('skipped', () => {});
      test('after all', () => {});
      test.each([['upgrade', ['tests']]])('%s', () => {});
    });
    describe.each([['of an area']])('%s', () => {});`;

  test.each([
    ['plain, with (parens)', true],
    ["it's quoted", true],
    ['%s is %d', true],
    ['one uid is 70000', true],
    ['another uid is 70000', false],
    ['skipped', false],
    ['after all', true],
    ['section', false],
    ['of an area', false],
    ['plain', false],
    ['upgrade', true],
    ['downgrade', false],
  ])('%s: %s', (title, expected) => {
    expect(hasTest(source, title)).toBe(expected);
  });
});
