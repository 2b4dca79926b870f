import { describe, expect, test } from 'vitest';
import { Contents, type Leaf } from '../../../../src/sections/sources/contents.ts';

const file: Leaf = { kind: 'file', staged: '0', mode: 0o644 };
const link: Leaf = { kind: 'symlink', staged: '1', target: 'x' };

/** `a/` is a directory, `a@` a link, `a` a file. */
function collect(...names: readonly string[]): { contents: Contents; refusals: (string | undefined)[] } {
  const contents = new Contents();
  const refusals = names.map((name) => {
    if (name.endsWith('/')) return contents.addDirectory(name.slice(0, -1), 0o700);
    const leaf = name.endsWith('@') ? link : file;
    const place = name.replace('@', '');
    const refusal = contents.refuseLeaf(place, leaf.kind);
    if (refusal === undefined) contents.addLeaf(place, leaf);
    return refusal;
  });
  return { contents, refusals };
}

function places(contents: Contents): string[] {
  return [...contents.tree].flatMap(([place, { leaves }]) => [
    `${place}/`,
    ...[...leaves.keys()].map((name) => `${place}/${name}`),
  ]);
}

test('parents come before their children', () => {
  const { contents } = collect('a/b/c', 'd', 'a/e@', 'a/');
  expect(places(contents)).toEqual(['/', '/d', 'a/', 'a/e', 'a/b/', 'a/b/c']);
  expect(contents.tree.get('a')?.mode).toBe(0o700);
  expect(contents.tree.get('a/b')?.mode).toBeUndefined();
});

test.each([
  [['a@', 'a/b'], 'goes through "a", which is a symlink in the archive'],
  [['a', 'a/b/c'], 'goes through "a", which is a file in the archive'],
  [['a@', 'a/'], 'goes through "a", which is a symlink in the archive'],
  [['a/b', 'a@'], 'is a directory elsewhere in the archive'],
  [['a/', 'a'], 'is a directory elsewhere in the archive'],
  [['a', 'a@'], 'is a file elsewhere in the archive'],
  [['a@', 'a'], 'is a symlink elsewhere in the archive'],
  [['a', 'a'], undefined],
  [['a@', 'a@'], undefined],
  [['a/', 'a/'], undefined],
])('%j: %s', (names, refusal) => {
  expect(collect(...names).refusals.at(-1)).toBe(refusal);
});

describe('stripTop', () => {
  test.each([
    [
      ['top/', 'top/a', 'top/b/c'],
      ['/', '/a', 'b/', 'b/c'],
    ],
    [['top/a'], ['/', '/a']],
    [['top/'], ['/']],
    [
      ['top/a', 'other/b'],
      ['/', 'top/', 'top/a', 'other/', 'other/b'],
    ],
    [
      ['top/a', 'file'],
      ['/', '/file', 'top/', 'top/a'],
    ],
    [['file'], ['/', '/file']],
    [[], ['/']],
  ])('%j', (names, left) => {
    const { contents } = collect(...names);
    contents.stripTop();
    expect(places(contents)).toEqual(left);
  });
});
