import { describe, expect, test } from 'vitest';
import { isNamedTar, unpackedName } from '../../../../src/system/archive/read.ts';
import { shownUrl } from '../../../../src/url.ts';

describe('shownUrl', () => {
  test.each([
    ['https://h/a.tgz?X-Amz-Signature=abc', 'https://h/a.tgz'],
    ['https://user:pass@h:8080/a#x', 'https://h:8080/a'],
    ['file:///a?b', 'file:///a'],
    ['/srv/a?b#c.tgz', '/srv/a?b#c.tgz'],
    ['/srv/a@b', '/srv/a@b'],
    ['./a@b', './a@b'],
    ['../a:c@b', '../a:c@b'],
    ['joe:5ecre7@h:1/a', 'h:1/a'],
    ['.joe:5ecre7@h:1', 'h:1'],
  ])('%s', (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
  });
});

describe('unpackedName', () => {
  test.each([
    ['https://h/dir/notes.txt.gz?sig=1', 'notes.txt'],
    ['https://h/a%20b.bz2', 'a b'],
    ['https://h/data.XZ', 'data'],
    ['/srv/a%20b.zst', 'a%20b'],
    ['https://h/download', 'download'],
    ['https://h/.gz', '.gz'],
    ['https://h/100%.gz', '100%'],
  ])('%s', (url, name) => {
    expect(unpackedName(url)).toBe(name);
  });

  test.each(['https://h/dir/', 'https://h/..', 'https://h/a%2Fb.gz', 'https://h/%00.gz', 'https://h/...gz'])(
    '%s has none',
    (url) => {
      expect(() => unpackedName(url)).toThrow('the URL has no name');
    },
  );
});

describe('isNamedTar', () => {
  test.each([
    ['https://h/a.tar', true],
    ['https://h/a.tar.gz?x=1', true],
    ['https://h/a.TGZ', true],
    ['https://h/a.tbz2', true],
    ['https://h/a.gz', false],
    ['https://h/guitar', false],
  ])('%s', (url, said) => {
    expect(isNamedTar(url)).toBe(said);
  });
});
