import { expect, test } from 'vitest';
import type { PackageRequest } from '../../../../../src/config/config.ts';
import { dnf, yum } from '../../../../../src/sections/packages/managers/rpm-repositories.ts';
import type { World } from '../../../../../src/sections/step.ts';
import type { ToolResult } from '../../../../../src/system/programs/exec.ts';
import { fakeGuest } from '../../../metadata/fake-system.ts';

interface Machine {
  readonly world: World;
  readonly calls: readonly string[];
  readonly installed: Map<string, string>;
}

/** A machine whose package tool is a stand-in: `act` changes what is installed and prints. */
function machineWith(
  program: string,
  before: Readonly<Record<string, string>>,
  act: (words: readonly string[], installed: Map<string, string>) => [exitCode: number, output: string],
): Machine {
  const { system, log } = fakeGuest({});
  const installed = new Map(Object.entries(before));
  const calls: string[] = [];
  const result = (exitCode: number, output: string): ToolResult => ({ exitCode, stdout: output, output });
  const rpm = (words: readonly string[]): ToolResult => {
    const lines = [...installed]
      .filter(([name]) => words.includes('--all') || words.includes(name))
      .map(([name, version]) => `${name}\t0\t${version}\t1\tnoarch\t${name}=${version}-1 \n`);
    return result(0, lines.join(''));
  };
  const exec: World['system']['exec'] = {
    ...system.exec,
    find: (name) => (name === program || name === 'rpm' ? `/usr/bin/${name}` : undefined),
    query: async ([, ...words]) => rpm(words),
    async tool([name, ...words]) {
      const plain = words.filter((word) => !word.startsWith('-'));
      calls.push([name, ...plain].join(' '));
      return result(...act(plain, installed));
    },
  };
  return {
    world: { system: { ...system, exec }, log, changes: { has: () => false, names: () => [] } },
    calls,
    installed,
  };
}

/** yum 3 of CentOS 7, after its sources: `install` goes up only, and leaves out what it does not know. */
function yum3(words: readonly string[], installed: Map<string, string>): [number, string] {
  const [verb, ...specifications] = words;
  if (verb === 'list') return [0, 'one.noarch  1.0-1  base\none.noarch  2.0-1  base\n'];
  if (verb === 'clean') return [0, ''];
  let done = false;
  const said = specifications.map((word) => {
    const [, name = '', version = '2.0'] = /^([a-z]+)(?:-(.*))?$/.exec(word) ?? [];
    if ((name !== 'one' && name !== 'two') || !['1.0', '2.0'].includes(version)) return `No package ${word} available.`;
    done = true;
    if (verb === 'install' && Number(version) <= Number(installed.get(name)))
      return `Package matching ${word}-1.noarch already installed. Checking for update.`;
    installed.set(name, version);
    return `${name} ${version}`;
  });
  return done ? [0, said.join('\n')] : [1, `${said.join('\n')}\nError: Nothing to do`];
}

const install = async (manager: typeof yum, requests: readonly PackageRequest[], world: World) =>
  manager.apply(await manager.inspect(requests, world), world);
const request = (name: string, ...versions: string[]) => ({ name, versions });

test('yum 3: where install does not go down a version, downgrade does', async () => {
  const { world, calls, installed } = machineWith('yum', { one: '2.0' }, yum3);
  expect(await install(yum, [request('one', '1.0'), request('two')], world)).toEqual(['one', 'two']);
  expect([...installed]).toEqual([
    ['one', '1.0'],
    ['two', '2.0'],
  ]);
  expect(calls).toEqual(['yum install one-1.0 two', 'yum downgrade one-1.0']);
});

test('yum 3: what downgrade does not bring about either is a failure', async () => {
  const { world, calls } = machineWith('yum', { one: '2.0' }, ([verb = '']) => [
    0,
    verb === 'list'
      ? Array.from({ length: 12 }, (_, at) => `one.noarch  1.${at}-1  base\n`).join('')
      : 'Nothing to do\n',
  ]);
  await expect(install(yum, [request('one', '1.0')], world)).rejects.toMatchObject({
    line: expect.stringContaining(
      'of one there is 1.0-1, 1.1-1, 1.2-1, 1.3-1, 1.4-1, ..., 1.7-1, 1.8-1, 1.9-1, 1.10-1, 1.11-1',
    ),
  });
  expect(calls).toEqual(['yum install one-1.0', 'yum downgrade one-1.0', 'yum list one']);
});

test('yum 3: what it leaves out is a failure, though it ends well', async () => {
  const { world, calls } = machineWith('yum', {}, yum3);
  await expect(install(yum, [request('two'), request('none'), request('one', '9.9')], world)).rejects.toMatchObject({
    line: 'yum left packages out: packages yum: not found: none, one-9.9; of one there is 1.0-1, 2.0-1',
  });
  expect(calls.slice(0, 3)).toEqual([
    'yum install two none one-9.9',
    'yum clean expire-cache',
    'yum install two none one-9.9',
  ]);
});

test.each([
  ['an epoch and a release', 'bind', '32:9.11.4-26.P2.el7', 'bind-32:9.11.4-26.P2.el7.*'],
  ['an epoch alone', 'bind', '32:9.11.4', 'bind-32:9.11.4-*'],
  ['an epoch, and an architecture in the name', 'bind.x86_64', '32:9.11.4', 'bind-32:9.11.4-*.x86_64'],
  ['an epoch, and an architecture in the version', 'bind', '32:9.11.4-1.x86_64', 'bind-32:9.11.4-1.x86_64'],
  ['no epoch', 'bind', '9.11.4-26.P2.el7', 'bind-9.11.4-26.P2.el7'],
])('yum 3 knows a version with %s', async (_, name, version, word) => {
  const { world, calls } = machineWith('yum', {}, ([verb]) => [1, verb === 'list' ? '' : 'Error: odd\n']);
  await expect(install(yum, [request(name, version)], world)).rejects.toThrow('yum');
  expect(calls[0]).toBe(`yum install ${word}`);
});

const FILE = '/opt/one-1.0-1.noarch.rpm';
const IN_PLACE = `Examining ${FILE}: one-1.0-1.noarch\n${FILE}: does not update installed package.\nError: Nothing to do\n`;

test('yum 3: a package file that is in place is no failure', async () => {
  const { world } = machineWith('yum', { one: '1.0' }, () => [1, IN_PLACE]);
  expect(await install(yum, [request(FILE)], world)).toEqual([]);
});

test.each([
  'Cannot open: /opt/two.rpm. Skipping.',
  'Cannot add package /opt/two.rpm to transaction. Not a compatible architecture: ppc',
  'Cannot install package two-1.0-1.noarch. It is obsoleted by installed package three',
  'No package two available.',
])('yum 3: beside a package file that is in place, it says %j: a failure', async (said) => {
  const { world } = machineWith('yum', { one: '1.0' }, () => [1, `${said}\n${IN_PLACE}`]);
  await expect(install(yum, [request(FILE), request('two')], world)).rejects.toThrow('yum ended with exit code 1');
});

test('dnf under the name of dnf5 alone', async () => {
  const { world, calls } = machineWith('dnf5', {}, (words, installed) => {
    installed.set(words[1] ?? '', '1.0');
    return [0, 'Complete!\n'];
  });
  expect(await install(dnf, [request('one')], world)).toEqual(['one']);
  expect(calls).toEqual(['dnf5 install one']);
});

test('a tool that ends well and does not bring in the version is a failure', async () => {
  const { world } = machineWith('dnf', { one: '1.0' }, () => [0, 'Nothing to do.\n']);
  await expect(install(dnf, [request('one', '2.0')], world)).rejects.toThrow('dnf did not install one-2.0');
});

test('an address with a login is fetched by ourselves, and the tool gets the file', async () => {
  const { world, calls } = machineWith('dnf', {}, () => [0, '']);
  const urls: string[] = [];
  const http: World['system']['http'] = {
    ...world.system.http,
    download: async ({ url, write }) => {
      urls.push(url);
      write(Buffer.from('rpm'));
    },
  };
  const address = 'https://joe:5ecre7@h/one.rpm';
  await install(dnf, [request(address), request('https://h/two.rpm')], { ...world, system: { ...world.system, http } });
  expect(urls).toEqual([address]);
  expect(calls[0]).toMatch(/^dnf install \/\S+-one\.rpm https:\/\/h\/two\.rpm$/);
});
