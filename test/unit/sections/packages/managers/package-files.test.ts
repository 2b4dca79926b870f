import { expect, test } from 'vitest';
import type { PackageManager } from '../../../../../src/sections/packages/manager.ts';
import { dpkg } from '../../../../../src/sections/packages/managers/dpkg.ts';
import { rpm } from '../../../../../src/sections/packages/managers/rpm.ts';
import type { World } from '../../../../../src/sections/step.ts';
import { fakeGuest } from '../../../metadata/fake-system.ts';

/** What a query prints. A file `/opt/NAME-VERSION.*` is that package; x 2 is installed. */
const QUERIES: Readonly<Record<string, (words: readonly string[]) => string | undefined>> = {
  'dpkg-deb': ([, , path = '']) => {
    const [, name, version] = /(\w+)-(\d)/.exec(path) ?? [];
    return `Package: ${name}\nVersion: ${version}\nArchitecture: all\n`;
  },
  dpkg: ([, , one = '', , other = '']) => (one > other ? '' : undefined),
  rpm: (words) => {
    const rpms = words.flatMap((word) => (/^(?:\/opt\/)?(\w+)-(\d)\.rpm$/.exec(word) ? [word.slice(5, 8)] : []));
    if (words.includes('--whatprovides')) rpms.push('x-2');
    if (words.includes('--eval')) return 'newest 2;';
    return rpms.map((text) => `${text[0]}\t0\t${text[2]}\t1\tnoarch\t${text[0]}=${text[2]}-1 \n`).join('');
  },
};

test.each<[string, PackageManager, string]>([
  ['dpkg', dpkg as PackageManager, 'deb'],
  ['rpm', rpm as PackageManager, 'rpm'],
])('%s: a file of an older version is not installed beside what is missing', async (_, manager, ending) => {
  const { system, log, write } = fakeGuest({});
  write('/var/lib/dpkg/status', 'Package: x\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n\n');
  system.files.makeDirectory('/var/lib/dpkg/updates');
  const [older, newer, other] = ['x-1', 'x-2', 'y-1'].map((name) => `/opt/${name}.${ending}`) as [
    string,
    string,
    string,
  ];
  for (const path of [older, newer, other]) write(path, 'a package');
  const installed: string[] = [];
  const exec: World['system']['exec'] = {
    ...system.exec,
    find: (name) => (name === 'apt-get' ? undefined : name),
    query: async ([program, ...words]) => {
      const stdout = QUERIES[program]?.(words);
      return { exitCode: stdout === undefined ? 1 : 0, stdout: stdout ?? '', output: stdout ?? '' };
    },
    tool: async (words) => {
      installed.push(...words.filter((word) => word.startsWith('/opt/')));
      return { exitCode: 0, stdout: '', output: '' };
    },
  };
  const world: World = { system: { ...system, exec }, log, changes: { has: () => false, names: () => [] } };
  const requests = [
    { name: 'both', versions: [older, other] },
    { name: 'new', versions: [newer] },
  ];
  const plan = await manager.inspect(requests, world);
  expect(plan.missing.map(({ name }) => name)).toEqual(['both']);
  expect(await manager.apply(plan, world)).toEqual(['both']);
  expect(installed).toEqual([other]);
});
