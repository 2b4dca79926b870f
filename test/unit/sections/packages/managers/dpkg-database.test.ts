import { describe, expect, test } from 'vitest';
import { parseStatus, splitName } from '../../../../../src/sections/packages/managers/dpkg-database.ts';

const paragraph = (name: string, status: string, architecture: string, version: string): string =>
  [
    `Package: ${name}`,
    `Status: ${status}`,
    'Priority: optional',
    `Architecture: ${architecture}`,
    'Multi-Arch: same',
    `Version: ${version}`,
    'Config-Version: 0.1',
    'Conffiles:',
    ' /etc/x 0123456789abcdef',
    'Description: Version: 9 of it',
    ' Package: other',
    ' .',
    ' Status: install ok installed',
    '',
    '',
  ].join('\n');

const STATUS = [
  paragraph('dpkg', 'install ok installed', 'amd64', '1.21.22'),
  paragraph('libc6', 'install ok installed', 'i386', '2.36-8'),
  paragraph('libc6', 'install ok installed', 'amd64', '2.36-9'),
  paragraph('wine32', 'install ok installed', 'i386', '8.0'),
  paragraph('vim', 'hold ok installed', 'amd64', '2:9.0-1'),
  paragraph('nginx-common', 'install ok installed', 'all', '1.22'),
  paragraph('removed', 'deinstall ok config-files', 'amd64', '1'),
  paragraph('broken', 'install ok half-configured', 'amd64', '1'),
  paragraph('kept-out', 'hold ok not-installed', 'amd64', ''),
].join('');

describe('parseStatus', () => {
  test.each<[string, string | undefined]>([
    ['dpkg', '1.21.22 amd64'],
    ['libc6', '2.36-9 amd64'],
    ['libc6:i386', '2.36-8 i386'],
    ['libc6:amd64', '2.36-9 amd64'],
    ['libc6:any', '2.36-9 amd64'],
    ['libc6:arm64', undefined],
    ['wine32', '8.0 i386'],
    ['wine32:amd64', undefined],
    ['vim', '2:9.0-1 amd64 held'],
    ['nginx-common', '1.22 all'],
    ['nginx-common:amd64', '1.22 all'],
    ['removed', undefined],
    ['broken', undefined],
    ['kept-out', undefined],
    ['other', undefined],
    ['nginx', undefined],
  ])('%s -> %s', (name, expected) => {
    const found = parseStatus(STATUS).get(name);
    const text = found && `${found.version} ${found.architecture}${found.isHeld ? ' held' : ''}`;
    expect(text).toBe(expected);
  });

  test('all names at once, and a database without an end of line or without anything', () => {
    const found = parseStatus(STATUS.trimEnd());
    const names = ['vim', 'libc6:i386', 'broken', 'libc6'];
    expect(names.filter((name) => found.get(name) !== undefined)).toEqual(['vim', 'libc6:i386', 'libc6']);
    expect(parseStatus('').get('vim')).toBeUndefined();
  });
});

test.each<[string, string, string | undefined]>([
  ['libc6', 'libc6', undefined],
  ['libc6:i386', 'libc6', 'i386'],
  ['python3:any', 'python3', undefined],
])('splitName: %s', (name, base, architecture) => {
  expect(splitName(name)).toEqual({ base, architecture });
});
