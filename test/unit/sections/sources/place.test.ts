import { describe, expect, test } from 'vitest';
import {
  isGithubArchive,
  isWithin,
  leadsOut,
  parentOf,
  pathOf,
  placeOf,
} from '../../../../src/sections/sources/place.ts';

describe('placeOf', () => {
  test.each([
    ['a', 'a'],
    ['./a//b/', 'a/b'],
    ['a/../b', 'b'],
    ['.', ''],
    ['', ''],
    ['a/..', ''],
    ['..a/b..', '..a/b..'],
    ['/etc/passwd', undefined],
    ['..', undefined],
    ['a/../../b', undefined],
    ['a\0b', undefined],
  ])('%j', (name, place) => {
    expect(placeOf(name)).toBe(place);
  });
});

test.each([
  ['', undefined],
  ['a', ''],
  ['a/b/c', 'a/b'],
])('parentOf %j', (place, parent) => {
  expect(parentOf(place)).toBe(parent);
});

test.each([
  ['/opt/app', '', '/opt/app'],
  ['/opt/app', 'a/b', '/opt/app/a/b'],
  ['/', 'a', '/a'],
  ['/', '', '/'],
])('pathOf %s %j', (destination, place, path) => {
  expect(pathOf(destination, place)).toBe(path);
});

test.each([
  ['/opt/app', '/opt/app', true],
  ['/opt/app/x', '/opt/app', true],
  ['/opt/apple', '/opt/app', false],
  ['/etc', '/', true],
  ['/opt', '/opt/app', false],
])('isWithin %s %s', (path, directory, within) => {
  expect(isWithin(path, directory)).toBe(within);
});

describe('isGithubArchive', () => {
  test.each([
    ['https://github.com/owner/repo/tarball/main', true],
    ['http://github.com/owner/repo/zipball/v1.0/', true],
    ['https://github.com/owner/repo/tarball', true],
    ['https://api.github.com/repos/owner/repo/tarball/feature/x', true],
    ['https://api.github.com/repos/owner/repo/zipball', true],
    ['https://codeload.github.com/owner/repo/legacy.tar.gz/refs/heads/main', true],
    ['https://codeload.github.com/owner/repo/tar.gz/refs/tags/v1', true],
    ['https://codeload.github.com/owner/repo/zip/main', true],
    ['http://127.0.0.1:18080/github.com/owner/repo/tarball/main', true],
    ['https://github.com/owner/repo/archive/main.tar.gz', false],
    ['https://github.com/owner/repo/releases/download/v1/a.tar.gz', false],
    ['https://notgithub.com/owner/repo/tarball/main', false],
    ['https://h/a.tgz?from=github.com/o/r/tarball/main', false],
  ])('%s', (url, is) => {
    expect(isGithubArchive(url)).toBe(is);
  });
});

describe('leadsOut', () => {
  const links: Readonly<Record<string, string>> = {
    'd1/d2/top': '../..',
    current: 'releases/1',
    out: '/etc',
    loop: 'loop',
    home: '/opt/app/releases',
  };
  const linkAt = (place: string): string | undefined => links[place];

  test.each([
    ['l', 'file', false],
    ['l', 'not/there', false],
    ['a/b/l', '../../c', false],
    ['a/b/l', '../..', false],
    ['a/b/l', '../../..', true],
    ['l', '..', true],
    ['l', '../app/x', true],
    ['l', '/opt/app/x', false],
    ['l', '/opt/app', false],
    ['l', '/opt/./app//x', false],
    ['l', '/opt/app/..', true],
    ['l', '/opt/apple', true],
    ['l', '/opt/x/../app', true],
    ['l', '/etc/passwd', true],
    ['l', '/', true],
    // As text it stays inside, but the link on the way leads further up.
    ['l', 'd1/d2/top/../x', true],
    ['l', 'd1/d2/top/x', false],
    ['l', 'current/../../x', false],
    ['l', 'current/../../../x', true],
    ['l', 'out/passwd', true],
    ['out/l', 'x', true],
    ['home/l', '../../x', true],
    ['home/l', '../x', false],
    ['l', 'home/../x', false],
    ['l', 'loop', false],
  ])('%s -> %s', (place, target, out) => {
    expect(leadsOut(place, target, '/opt/app', linkAt)).toBe(out);
  });

  test.each([
    ['a/l', '../../../../etc', false],
    ['l', '/etc', false],
  ])('nothing is outside of /: %s -> %s', (place, target, out) => {
    expect(leadsOut(place, target, '/', () => undefined)).toBe(out);
  });
});
