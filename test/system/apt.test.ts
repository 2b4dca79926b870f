import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { aptCalls, installedOf, makeRepository } from '../support/debian-packages.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['apt-get', 'dpkg-deb', 'dpkg-scanpackages']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const DUMMIES = ['cfn-dummy', 'cfn-mta1', 'cfn-mta2', 'cfn-mailer', 'cfn-needy', 'cfn-other', 'cfn-plus+', 'cfn-rival'];

const apply = (apt: ConfigDocument, ...args: string[]) => cfnInit(view(), { packages: { apt } }, args, { env: ENV });
const installed = () => installedOf(view(), ...DUMMIES);

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await makeRepository(view(), [
    'cfn-dummy=1.0-1',
    'cfn-dummy=1.1-1',
    'cfn-dummy=2:0.5',
    'cfn-needy=3.0 needs cfn-dummy',
    'cfn-other=1.0',
    'cfn-plus+=1.0',
    { name: 'cfn-mta1', version: '1.0', fields: { Provides: 'cfn-mta' } },
    { name: 'cfn-mta2', version: '1.0', fields: { Provides: 'cfn-mta' } },
    { name: 'cfn-mailer', version: '1.0', fields: { Provides: 'cfn-sends-mail' } },
    { name: 'cfn-rival', version: '1.0', fields: { Conflicts: 'cfn-other' } },
  ]);
});

/** The dummies that are given are installed, and no other; apt has an index. */
async function prepare(...files: string[]): Promise<void> {
  await view().run(['dpkg', '--purge', '--force-all', ...DUMMIES]);
  if (files.length > 0) await view().run(['dpkg', '--install', ...files.map((name) => `/repo/${name}_all.deb`)]);
  await view().run(['apt-get', 'update'], { env: ENV });
  await aptCalls(view());
}

describe('apt', () => {
  beforeEach(async () => {
    if (process.geteuid?.() === 0) await prepare();
  });

  test('an index that was never fetched is updated once, and the package is installed', async () => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    const result = await apply({ 'cfn-other': [], 'cfn-dummy': [] });
    expect({ code: result.code, stderr: result.stderr, summary: summary(result) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual(['cfn-dummy=2:0.5', 'cfn-other=1.0']);
    expect(await aptCalls(view())).toEqual(['update', 'install']);
  });

  test.each<[string, unknown, string]>([
    ['any version: the newest', [], 'cfn-dummy=2:0.5'],
    ['any version, as an empty text', '', 'cfn-dummy=2:0.5'],
    ['any version, as a list of an empty text', [''], 'cfn-dummy=2:0.5'],
    ['an exact version', '1.0-1', 'cfn-dummy=1.0-1'],
    ['an exact version in a list', ['1.1-1'], 'cfn-dummy=1.1-1'],
  ])('%s, in one transaction; the second run does not call apt-get', async (_, version, expected) => {
    const packages = { 'cfn-dummy': version, 'cfn-other': [] };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual([expected, 'cfn-other=1.0']);
    expect(await aptCalls(view())).toEqual(['install']);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
  });

  test('what a package needs comes with it', async () => {
    expect((await apply({ 'cfn-needy': [] })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=2:0.5', 'cfn-needy=3.0']);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await prepare('cfn-dummy_1.0-1');
    expect(summary(await apply({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
    expect(await aptCalls(view())).toEqual([]);
  });

  test.each([
    ['upgrade', 'cfn-dummy_1.0-1', '1.1-1'],
    ['downgrade', 'cfn-dummy_1.1-1', '1.0-1'],
    ['downgrade over an epoch', 'cfn-dummy_0.5', '1.0-1'],
  ])('%s', async (_, before, version) => {
    await prepare(before === 'cfn-dummy_0.5' ? 'cfn-dummy_2:0.5' : before);
    expect((await apply({ 'cfn-dummy': version })).code).toBe(0);
    expect(await installed()).toEqual([`cfn-dummy=${version}`]);
    expect(summary(await apply({ 'cfn-dummy': version }))).toBe('1 unchanged');
  });

  test.each<[string, string | undefined, readonly string[], string]>([
    ['the newest that there is comes', undefined, ['1.0-1', '9.9', '1.1-1'], '1.1-1'],
    ['the newest counts the epoch', undefined, ['1.1-1', '2:0.5'], '2:0.5'],
    ['an installed one is enough', 'cfn-dummy_1.0-1', ['1.1-1', '1.0-1'], '1.0-1'],
    ['another installed one is replaced', 'cfn-dummy_2:0.5', ['1.0-1', '1.1-1'], '1.1-1'],
    ['a star stands for anything', 'cfn-dummy_2:0.5', ['1.*'], '1.1-1'],
  ])('of a list of versions: %s', async (_, before, versions, expected) => {
    await prepare(...(before === undefined ? [] : [before]));
    const first = await apply({ 'cfn-dummy': versions });
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await installed()).toEqual([`cfn-dummy=${expected}`]);
    await aptCalls(view());
    expect(summary(await apply({ 'cfn-dummy': versions }))).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
  });

  test('a repository that is pinned above 1000 is one like others', async () => {
    await view().run(`printf 'Package: *\\nPin: origin ""\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/own`);
    const exact = await apply({ 'cfn-dummy': '1.0-1', 'cfn-other': [] });
    const unavailable = await apply({ 'cfn-dummy': '9.9' });
    await view().run('rm /etc/apt/preferences.d/own');
    expect({ code: exact.code, stderr: exact.stderr, installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      installed: ['cfn-dummy=1.0-1', 'cfn-other=1.0'],
    });
    expect(unavailable.stderr).toContain('no version 9.9 of cfn-dummy (there is: 2:0.5, 1.1-1, 1.0-1)');
  });

  test('all that is not available is named, with the versions that there are, after one update; nothing is installed', async () => {
    const { code, stderr } = await apply({ 'cfn-other': [], 'cfn-nil': [], 'cfn-dummy': '9.9', 'cfn-nought': '1' });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'cfn-init: not available: no package cfn-nil; no version 9.9 of cfn-dummy (there is: 2:0.5, 1.1-1, 1.0-1); ' +
        'no package cfn-nought: packages apt: check the names and /etc/apt/sources.list\n',
    });
    expect(await aptCalls(view())).toEqual(['update']);
    expect(await installed()).toEqual([]);
  });

  test.each<[string, string]>([
    ['cfn-dummy-', 'no package cfn-dummy-'],
    ['cfn-dummy+', 'no package cfn-dummy+'],
    ['cfn.dummy', 'no package cfn.dummy'],
    ['cfn-dum.*', 'not the name of a Debian package'],
    ['cfn-dummy/stable', 'not the name of a Debian package'],
    ['cfn-dummy=1.0-1', 'not the name of a Debian package'],
    ['?installed', 'not the name of a Debian package'],
    ['cfn-dummy^', 'not the name of a Debian package'],
  ])('the name %s is no order and no pattern for apt-get: nothing is removed or installed', async (name, what) => {
    await prepare('cfn-dummy_1.0-1');
    const { code, stderr } = await apply({ [name]: [], 'cfn-other': [] });
    expect({ code, installed: await installed() }).toEqual({ code: 1, installed: ['cfn-dummy=1.0-1'] });
    expect(stderr).toContain(what);
  });

  test('a name that ends in + is one where there is such a package', async () => {
    expect(summary(await apply({ 'cfn-plus+': [] }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-plus+=1.0']);
    expect(summary(await apply({ 'cfn-plus+': '1.0' }))).toBe('1 unchanged');
  });

  test('a name with an architecture', async () => {
    const { stdout } = await view().run(['dpkg', '--print-architecture']);
    const packages = { [`cfn-other:${stdout.trim()}`]: [] };
    expect(summary(await apply(packages))).toBe('1 changed');
    await aptCalls(view());
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
  });

  test.each<[string, string, readonly string[], readonly string[]]>([
    ['its only provider comes', 'cfn-sends-mail', [], ['cfn-mailer=1.0']],
    ['one of several providers that is installed is enough', 'cfn-mta', ['cfn-mta2_1.0'], ['cfn-mta2=1.0']],
  ])('a virtual package: %s; the second run does not call apt-get', async (_, name, before, expected) => {
    await prepare(...before);
    const first = await apply({ [name]: [] });
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: before.length === 0 ? '1 changed' : '1 unchanged',
    });
    expect(await installed()).toEqual(expected);
    await aptCalls(view());
    expect(summary(await apply({ [name]: [] }))).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
  });

  test('a virtual package that several provide is a failure that names them', async () => {
    const { code, stderr } = await apply({ 'cfn-mta': [] });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/cfn-mta is provided by .*cfn-mta1/) });
    expect(stderr).toContain('cfn-mta2');
  });

  test('what had to go for a package is told', async () => {
    await prepare('cfn-other_1.0');
    const { code, stderr } = await apply({ 'cfn-rival': [] });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'cfn-init: warning: apt-get removed conflicting packages: cfn-other\n',
    });
  });

  describe('a held package', () => {
    const hold = (name: string, verb = 'hold') => view().run(['apt-mark', verb, name]);

    test('is enough where no version, or its own, is asked for', async () => {
      await prepare('cfn-dummy_1.0-1');
      await hold('cfn-dummy');
      expect(summary(await apply({ 'cfn-dummy': [] }))).toBe('1 unchanged');
      expect(summary(await apply({ 'cfn-dummy': '1.0-1' }))).toBe('1 unchanged');
      expect(await aptCalls(view())).toEqual([]);
    });

    test('of which another version is asked for is a failure, and stays', async () => {
      await prepare('cfn-dummy_1.0-1');
      await hold('cfn-dummy');
      const { code, stderr } = await apply({ 'cfn-dummy': '1.1-1' });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr:
          'cfn-init: held back: cfn-dummy at 1.0-1: packages apt: apt-mark unhold cfn-dummy, or ask for the version that is installed\n',
      });
      expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
      await hold('cfn-dummy', 'unhold');
      expect(summary(await apply({ 'cfn-dummy': '1.1-1' }))).toBe('1 changed');
    });

    test('that is not installed is not installed', async () => {
      await hold('cfn-other');
      const { code, stderr } = await apply({ 'cfn-other': [] });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('apt-mark unhold cfn-other') });
      expect(await installed()).toEqual([]);
    });
  });

  test('only what has changed is said to have changed', async () => {
    await prepare('cfn-dummy_1.0-1', 'cfn-mta1_1.0');
    const { stdout } = await apply({ 'cfn-dummy': '1.1-1', 'cfn-mta1': [], 'cfn-mta': [], 'cfn-other': [] });
    expect(stdout).toContain('(installed cfn-dummy, cfn-other)');
  });

  test('services restart on what has really changed', async () => {
    await view().run(
      `printf '#!/bin/sh\\necho "$0 $1" | sed s,.*/,, >>/run/services.calls\\n' >/etc/init.d/cfn-one
      chmod 755 /etc/init.d/cfn-one; cp /etc/init.d/cfn-one /etc/init.d/cfn-two`,
    );
    await prepare('cfn-dummy_1.0-1', 'cfn-other_1.0');
    const services = {
      sysvinit: {
        'cfn-one': { ensureRunning: true, packages: { apt: ['cfn-dummy'] } },
        'cfn-two': { ensureRunning: true, packages: { apt: ['cfn-other'] } },
      },
    };
    const document = { packages: { apt: { 'cfn-dummy': '1.1-1', 'cfn-other': [] } }, services };
    expect((await cfnInit(view(), document, [], { env: ENV })).code).toBe(0);
    const calls = view().read('/run/services.calls');
    expect(calls).toContain('cfn-one restart');
    expect(calls).not.toContain('cfn-two restart');
  });

  test('in two configs of one set: each is a step, and the second run changes nothing', async () => {
    const document = JSON.stringify({
      'AWS::CloudFormation::Init': {
        configSets: { default: ['base', 'web'] },
        base: { packages: { apt: { 'cfn-other': [] } } },
        web: { packages: { apt: { 'cfn-dummy': '1.0-1', 'cfn-other': [] } } },
      },
    });
    expect(summary(await cfnInit(view(), document, [], { env: ENV }))).toBe('2 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-other=1.0']);
    await aptCalls(view());
    expect(summary(await cfnInit(view(), document, [], { env: ENV }))).toBe('2 unchanged');
    expect(await aptCalls(view())).toEqual([]);
  });

  test('under --compat heat it is a warning', async () => {
    const { code, stderr } = await apply({ 'cfn-nonsense': [] }, '--compat', 'heat');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: [^\n]*cfn-nonsense/m),
    });
  });

  test("the caller's PATH and proxies reach apt-get, and it asks nobody", async () => {
    await view().run(
      `cd /usr/local/bin
      printf '#!/bin/sh\\nenv >/run/apt-get.env\\nexec /usr/bin/apt-get "$@"\\n' >apt-get && chmod 755 apt-get`,
    );
    const env = { PATH: `/usr/local/bin:${ENV.PATH}`, http_proxy: 'http://127.0.0.1:3128', no_proxy: 'x' };
    await cfnInit(view(), { packages: { apt: { 'cfn-other': [] } } }, [], { env });
    await view().run('rm /usr/local/bin/apt-get');
    const seen = view().read('/run/apt-get.env');
    for (const line of [
      `PATH=${env.PATH}`,
      'http_proxy=http://127.0.0.1:3128',
      'no_proxy=x',
      'DEBIAN_FRONTEND=noninteractive',
    ])
      expect(seen).toContain(`${line}\n`);
  });
});

test('a URL in the place of a version is told where it belongs', async () => {
  const { code, stderr } = await cfnInit(view(), { packages: { apt: { hello: ['ftp://h/x'] } } }, [], { env: ENV });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cfn-init: [^\n]* is not a version of hello: [^\n]*\.deb files under dpkg\n$/);
});
