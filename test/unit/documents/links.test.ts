import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const project = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const MADE = new Set(['.git', '.build', 'dist', 'node_modules', 'package-lock.json']);

/** Every file of the project, as a path in it, without what is made. */
function filesBelow(directory: string): string[] {
  return readdirSync(join(project, directory), { withFileTypes: true })
    .filter(({ name }) => !MADE.has(name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    });
}

const files = filesBelow('.');
const pages = files.filter((path) => path.endsWith('.md'));

const withoutCode = (markdown: string): string =>
  markdown.replace(/^( *)```[\s\S]*?^\1```$/gm, '').replace(/`[^`\n]*`/g, 'code');

/** The targets of links and pictures that are not on the network. */
const targetsOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** The anchors that a forge gives to the headings of a page: a second one of the same text ends with -1. */
function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const headings = markdown.replace(/^( *)```[\s\S]*?^\1```$/gm, '').matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) => {
      const anchor = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    }),
  );
}

/** What is wrong with the links of a page: each target that leads nowhere. */
function brokenLinks(path: string, markdown: string): string[] {
  return targetsOf(markdown).filter((target) => {
    const [file = '', anchor] = target.split('#');
    const place = file === '' ? path : normalize(join(dirname(path), file));
    if (file !== '' && !existsSync(join(project, place))) return true;
    const text = file === '' ? markdown : anchor === undefined ? '' : read(place);
    return anchor !== undefined && !anchorsOf(text).has(anchor);
  });
}

test.each(pages)('%s: each link leads to a file and a heading that are there', (path) => {
  expect(brokenLinks(path, read(path))).toEqual([]);
});

test('every file that a comment, a message or a page names below docs/ is there', () => {
  const named = files
    .filter((path) => !path.endsWith('links.test.ts'))
    .flatMap((path) => {
      const matches = read(path).matchAll(/(?<![\w./])docs\/[\w./-]+\.(?:md|svg)\b/g);
      return [...matches].map(([target]) => ({ path, target }));
    });
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ target }) => !existsSync(join(project, target)))).toEqual([]);
});

test.each(pages.filter((path) => path.startsWith('docs/dev/')))('%s: each source that it names is there', (path) => {
  const named = [...read(path).matchAll(/`((?:[\w-]+\/)*[\w.-]+\.(?:ts|sh|py))`/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)))).toEqual([]);
});

test('docs/README.md leads to every page of docs/', () => {
  const listed = targetsOf(read('docs/README.md')).map((target) => normalize(join('docs', target)));
  const wanted = pages.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
  expect(wanted.filter((path) => !listed.includes(path))).toEqual([]);
});

describe('a link', () => {
  test.each([
    ['[a](README.md)', []],
    ['[a](src/)', []],
    ['[a](nothing.md)', ['nothing.md']],
    ['![a](nothing.svg)', ['nothing.svg']],
    ['[a](https://example.com/nothing.md)', []],
    ['`[a](nothing.md)`', []],
    ['```\n[a](nothing.md)\n```', []],
    ['# One: `two`, three\n[a](#one-two-three)', []],
    ['# One\n[a](#two)', ['#two']],
    ['# One\n# One\n[a](#one-1)', []],
    ['[a](docs/reference/support.md#systems)', []],
    ['[a](docs/reference/support.md#nothing)', ['docs/reference/support.md#nothing']],
  ])('%j: broken are %j', (markdown, broken) => {
    expect(brokenLinks('page.md', markdown)).toEqual(broken);
  });
});
