import { expect, test } from 'vitest';
import type { PackageRequest } from '../../../../../src/config/config.ts';
import {
  hasVersion,
  type InstalledRpm,
  isMetBy,
  splitArchitecture,
} from '../../../../../src/sections/packages/managers/rpm-database.ts';
import { keepNewest, parseRpmVersion } from '../../../../../src/sections/packages/managers/rpm-version.ts';
import type { World } from '../../../../../src/sections/step.ts';
import { fakeGuest } from '../../../metadata/fake-system.ts';

test.each([
  ['2:2.4.57-5.el9', { epoch: '2', version: '2.4.57', release: '5.el9' }],
  ['2.4.57', { epoch: '0', version: '2.4.57', release: '' }],
  [':1.0-1', { epoch: '0', version: '1.0', release: '1' }],
  ['1.0-rc-1', { epoch: '0', version: '1.0-rc', release: '1' }],
])('the parts of %s', (text, expected) => {
  expect(parseRpmVersion(text)).toEqual(expected);
});

/** A world whose rpm prints `printed` to each question. What it makes of versions, test/system/rpm.test.ts shows. */
function worldOfRpm(printed: string): { world: World; asked: string[][] } {
  const { system, log } = fakeGuest({});
  const asked: string[][] = [];
  const exec: World['system']['exec'] = {
    ...system.exec,
    query: async (command) => {
      asked.push([...command]);
      return { exitCode: 0, stdout: printed, output: printed };
    },
  };
  return { world: { system: { ...system, exec }, log, changes: { has: () => false, names: () => [] } }, asked };
}

test('where no request lists several versions, nothing is asked', async () => {
  const { world, asked } = worldOfRpm('');
  const requests = [
    { name: 'one', versions: [] },
    { name: 'two', versions: ['$(odd)'] },
  ];
  expect(await keepNewest(requests, world)).toEqual(requests);
  expect(asked).toEqual([]);
});

test('several lists are one question, and each keeps the version that rpm calls the newest', async () => {
  const { world, asked } = worldOfRpm('newest 2;newest 1;\n');
  const requests = [
    { name: 'one', versions: ['1.9', '1.10'] },
    { name: 'two', versions: [] },
    { name: 'three', versions: ['1:2-1', '3', '2.*'] },
  ];
  expect(await keepNewest(requests, world)).toEqual([
    { name: 'one', versions: ['1.10'] },
    { name: 'two', versions: [] },
    { name: 'three', versions: ['1:2-1'] },
  ]);
  expect(asked).toHaveLength(1);
});

test.each(['1.0") os.execute("true', "1'0", '1.0\\', '%{lua:x}', '1 0', '1.0\n2', ''])(
  '%j in a list is a failure that names the package, and does not get to rpm',
  async (odd) => {
    const { world, asked } = worldOfRpm('newest 1;\n');
    await expect(keepNewest([{ name: 'one', versions: ['1.0', odd] }], world)).rejects.toThrow(
      `rpm cannot tell which of the versions of one is the newest: ${JSON.stringify(odd)} is not a version`,
    );
    expect(asked).toEqual([]);
  },
);

test('an rpm that cannot compare is a failure with what it says', async () => {
  const { world } = worldOfRpm('error: <lua> scriptlet support not built in\n');
  await expect(keepNewest([{ name: 'one', versions: ['1.0', '2.0'] }], world)).rejects.toMatchObject({
    line: expect.stringMatching(
      /of one is the newest: it printed last: error: <lua> .*: list a single version of each$/,
    ),
  });
});

const HTTPD: InstalledRpm = {
  name: 'httpd',
  epoch: '2',
  version: '2.4.57',
  release: '5.el9',
  architecture: 'x86_64',
  providedVersion: undefined,
};

test.each([
  ['2.4.57', true],
  ['2:2.4.57', true],
  ['2.4.57-5.el9', true],
  ['2:2.4.57-5.el9.x86_64', true],
  ['2.4*', true],
  ['2.4.5', false],
  ['1:2.4.57', false],
  ['2.4.57-5', false],
  ['2.4.57-5.el9.aarch64', false],
  ['2.5*', false],
])('2:2.4.57-5.el9.x86_64 is %s: %s', (wanted, expected) => {
  expect(hasVersion(HTTPD, wanted)).toBe(expected);
});

test.each<[string, PackageRequest['versions'], boolean]>([
  ['any version', [], true],
  ['the version is there', ['2.4.57'], true],
  ['another one is there', ['2.4.60'], false],
])('%s: %s', (_, versions, expected) => {
  expect(isMetBy({ name: 'httpd', versions }, new Map([['httpd', [HTTPD]]]))).toBe(expected);
});

test.each([
  ['glibc.i686', ['glibc', 'i686']],
  ['java-1.8.0-openjdk', ['java-1.8.0-openjdk', undefined]],
  ['python3.11', ['python3.11', undefined]],
])('the architecture of %s', (name, expected) => {
  expect(splitArchitecture(name)).toEqual(expected);
});
