import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { installedOf, makeRepository } from '../support/debian-packages.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['apt-get', 'dpkg-deb', 'dpkg-scanpackages']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const DUMMIES = ['cfn-dummy', 'cfn-needy', 'cfn-other'];

const apply = (apt: ConfigDocument, ...args: string[]) => cfnInit(view(), { packages: { apt } }, args, { env: ENV });
const installed = () => installedOf(view(), ...DUMMIES);

/** The verbs that apt-get was called with since the last look. */
async function aptCalls(): Promise<string[]> {
  const { stdout } = await view().run('cat /run/apt-get.calls 2>/dev/null; rm -f /run/apt-get.calls');
  return stdout.split('\n').flatMap((line) => /\b(update|install)\b/.exec(line)?.[1] ?? (line === '' ? [] : [line]));
}

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await makeRepository(view(), [
    'cfn-dummy=1.0-1',
    'cfn-dummy=1.1-1',
    'cfn-dummy=2:0.5',
    'cfn-needy=3.0 needs cfn-dummy',
    'cfn-other=1.0',
  ]);
});

/** The dummies that are given are installed, and no other; apt has an index. */
async function prepare(...files: string[]): Promise<void> {
  await view().run(['dpkg', '--purge', '--force-all', ...DUMMIES]);
  if (files.length > 0) await view().run(['dpkg', '--install', ...files.map((name) => `/repo/${name}_all.deb`)]);
  await view().run(['apt-get', 'update'], { env: ENV });
  await aptCalls();
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
    expect(await aptCalls()).toEqual(['install', 'update', 'install']);
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
    expect(await aptCalls()).toEqual(['install']);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await aptCalls()).toEqual([]);
  });

  test('what a package needs comes with it', async () => {
    expect((await apply({ 'cfn-needy': [] })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=2:0.5', 'cfn-needy=3.0']);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await prepare('cfn-dummy_1.0-1');
    expect(summary(await apply({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
    expect(await aptCalls()).toEqual([]);
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

  test.each<[string, ConfigDocument, string]>([
    ['an unknown package', { 'cfn-other': [], 'cfn-nonsense': [] }, 'cfn-nonsense'],
    ['an unknown version', { 'cfn-dummy': '9.9' }, 'cfn-dummy'],
  ])('%s is a failure that names it', async (_, packages, name) => {
    const { code, stderr } = await apply(packages);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^cfn-init: [^\\n]*${name}[^\\n]*\\n$`)),
    });
    expect((await aptCalls()).filter((verb) => verb === 'update')).toHaveLength(1);
  });

  test('under --compat heat it is a warning', async () => {
    const { code, stderr } = await apply({ 'cfn-nonsense': [] }, '--compat', 'heat');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: [^\n]*cfn-nonsense/m),
    });
  });

  test('while another program installs, it waits for the lock', async () => {
    const built = await view().run(`
      mkdir -p /tmp/slow/DEBIAN && cd /tmp/slow/DEBIAN
      printf '%s\\n' 'Package: cfn-slow' 'Version: 1' 'Architecture: all' 'Maintainer: n <n@example.test>' \\
        'Description: slow' >control
      printf '#!/bin/sh\\ntouch /run/slow\\nsleep 3\\n' >preinst && chmod 755 preinst
      dpkg-deb --build /tmp/slow /run/slow.deb`);
    expect(built.code).toBe(0);
    const slow = view().run(['/usr/bin/apt-get', 'install', '-y', '/run/slow.deb'], { env: ENV });
    for (let waited = 0; !view().exists('/run/slow') && waited < 20_000; waited += 50) await sleep(50);
    const { code, milliseconds } = await apply({ 'cfn-other': [] });
    expect({ code, installed: await installed(), slow: (await slow).code }).toEqual({
      code: 0,
      installed: ['cfn-other=1.0'],
      slow: 0,
    });
    expect(milliseconds).toBeGreaterThan(2_000);
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

describe('dpkg', () => {
  beforeEach(async () => {
    if (process.geteuid?.() === 0) await prepare();
  });
  const dpkg = (packages: ConfigDocument, ...args: string[]) =>
    cfnInit(view(), { packages: { dpkg: packages } }, args, { env: ENV });

  test.each(['/repo/cfn-other_1.0_all.deb', 'file:///repo/cfn-other_1.0_all.deb'])(
    'by %s; the second run is unchanged',
    async (address) => {
      expect(summary(await dpkg({ any: address }))).toBe('1 changed');
      expect(await installed()).toEqual(['cfn-other=1.0']);
      expect(summary(await dpkg({ any: [address] }))).toBe('1 unchanged');
      expect(view().exists('/repo/cfn-other_1.0_all.deb')).toBe(true);
    },
  );

  test('by http; the downloaded file does not stay', async () => {
    await serveInView(view(), { '/a/p.deb?x=1': { status: 200, body: { file: '/repo/cfn-other_1.0_all.deb' } } });
    const packages = { any: 'http://127.0.0.1:8080/a/p.deb?x=1' };
    const first = await dpkg(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual(['cfn-other=1.0']);
    expect(summary(await dpkg(packages))).toBe('1 unchanged');
    expect((await view().run('find /var/cache/heat-cfntools /tmp -name "p.deb*"')).stdout).toBe('');
    const missing = await dpkg({ any: 'http://127.0.0.1:8080/nothing.deb' });
    expect({ code: missing.code, stderr: missing.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*404/),
    });
  });

  test('what it needs comes from apt', async () => {
    expect((await dpkg({ any: '/repo/cfn-needy_3.0_all.deb' })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=2:0.5', 'cfn-needy=3.0']);
  });

  test('an older file than what is installed goes in: it was asked for', async () => {
    await prepare('cfn-dummy_1.1-1');
    expect((await dpkg({ any: '/repo/cfn-dummy_1.0-1_all.deb' })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
  });

  test('comes before apt', async () => {
    const packages = { apt: { 'cfn-needy': [] }, dpkg: { any: '/repo/cfn-dummy_1.0-1_all.deb' } };
    const result = await cfnInit(view(), { packages }, [], { env: ENV });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '2 changed' });
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-needy=3.0']);
  });

  test.each<[string, string, RegExp]>([
    ['a file that is not there', '/repo/nothing.deb', /\/repo\/nothing\.deb/],
    ['a file that is no package', '/etc/passwd', /passwd/],
    ['a version', '1.0', /cfn-other/],
  ])('%s is a failure', async (_, address, what) => {
    const { code, stderr } = await dpkg({ 'cfn-other': address });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(await installed()).toEqual([]);
  });
});
