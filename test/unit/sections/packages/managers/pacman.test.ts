import { expect, test } from 'vitest';
import {
  isPacmanLocked,
  parseFailingMirror,
  parsePacmanErrors,
} from '../../../../../src/sections/packages/managers/pacman.ts';
import {
  isDatabaseElsewhere,
  isVersion,
  parseDatabase,
  parseInformation,
  parseQuery,
  versionOfFile,
} from '../../../../../src/sections/packages/managers/pacman-database.ts';

test('pacman -Q: a name that is provided stands for its provider', () => {
  const said = 'bash 5.2-1\ngawk 5.3-1\n';
  const absent = "error: package 'nonsense' was not found\n";
  expect(Object.fromEntries(parseQuery(['bash', 'nonsense', 'awk'], said, said + absent))).toEqual({
    bash: '5.2-1',
    awk: '5.3-1',
  });
  expect(Object.fromEntries(parseQuery(['bash', 'awk', 'odd'], said, said))).toEqual({ bash: '5.2-1', gawk: '5.3-1' });
});

test('pacman -Si: several repositories may have a package', () => {
  const entry = (repository: string, version: string): string =>
    `Repository      : ${repository}\nName            : bash\nVersion         : ${version}\nDescription     : x\n\n`;
  expect(Object.fromEntries(parseInformation(entry('testing', '5.3-1') + entry('core', '5.2-1')))).toEqual({
    bash: ['5.3-1', '5.2-1'],
  });
});

test.each([
  ['1.0-1', '1.0-1', true],
  ['1.0-1', '1.0', true],
  ['2:1.0-1', '2:1.0', true],
  ['2:1.0-1', '1.0', false],
  ['1.0-2', '1.0-1', false],
  ['1.0.1-1', '1.0', false],
])('%s is what %s asks for: %s', (present, wanted, expected) => expect(isVersion(present, wanted)).toBe(expected));

test.each([
  ['/c/gtk-doc-1.33-2-any.pkg.tar.zst', 'gtk-doc', '1.33-2'],
  ['/c/gtk-doc-1.33-2-any.pkg.tar.zst', 'gtk', undefined],
  ['/c/x-2:1.0-1.1-x86_64.pkg.tar', 'x', '2:1.0-1.1'],
])('%s, of %s, is %s', (path, name, expected) => expect(versionOfFile(path, name)).toBe(expected));

test.each<[string, string | undefined, string | undefined]>([
  [
    "error: failed retrieving file 'core.db' from mirror.test : Failed to connect to mirror.test port 80\nerror: failed to synchronize all databases (download library error)",
    'mirror.test',
    "failed retrieving file 'core.db' from mirror.test : Failed to connect to mirror.test port 80; failed to synchronize all databases (download library error)",
  ],
  [
    "error: failed retrieving file 'x-1-1-any.pkg.tar.zst' from mirror.test : The requested URL returned error: 404",
    undefined,
    "failed retrieving file 'x-1-1-any.pkg.tar.zst' from mirror.test : The requested URL returned error: 404",
  ],
  [
    'error: failed to commit transaction (conflicting files)\nx: /usr/bin/x exists in filesystem\nErrors occurred, no packages were upgraded.',
    undefined,
    'failed to commit transaction (conflicting files); x: /usr/bin/x exists in filesystem',
  ],
  ['warning: x is up to date', undefined, undefined],
])('%j', (output, mirror, errors) => {
  expect({ mirror: parseFailingMirror(output), errors: parsePacmanErrors(output) }).toEqual({ mirror, errors });
});

test("the names of the database's directories", () => {
  const directories = ['gtk-doc-1.33-2', 'x-2:1.0-1.1', 'ALPM_DB_VERSION'];
  expect(Object.fromEntries(parseDatabase(directories))).toEqual({ 'gtk-doc': '1.33-2', x: '2:1.0-1.1' });
});

test.each([
  ['', false],
  ['[options]\n#DBPath = /var/lib/pacman/\n[core]\nInclude = /etc/pacman.d/mirrorlist\n', false],
  ['[options]\nDBPath = /srv/pacman\n', true],
  ['[options]\n  RootDir=/srv\n', true],
  ['[options]\nInclude = /etc/pacman.d/options\n[core]\n', true],
])('%j: the database is elsewhere: %s', (text, expected) => expect(isDatabaseElsewhere(text)).toBe(expected));

/** As pacman 6.0.2 printed it. */
test.each<[string, string, boolean]>([
  [
    'held',
    "error: failed to init transaction (unable to lock database)\nerror: could not lock database: File exists\n  if you're sure a package manager is not already\n  running, you can remove /var/lib/pacman/db.lck\n",
    true,
  ],
  [
    'held, in the words of -Sy',
    ':: Synchronizing package databases...\nerror: failed to synchronize all databases (unable to lock database)\n',
    true,
  ],
  [
    'not to be made',
    'error: failed to init transaction (unable to lock database)\nerror: could not lock database: Read-only file system\n',
    false,
  ],
  ['not at fault', 'error: target not found: nonsense\n', false],
])('a lock that is %s', (_, output, expected) => {
  expect(isPacmanLocked(output)).toBe(expected);
});
