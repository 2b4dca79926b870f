import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { aptCalls, holdLock, installedOf, makeRepository } from '../support/debian-packages.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['apt-get', 'dpkg-deb', 'dpkg-scanpackages', 'python3']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const DUMMIES = ['cfn-dummy', 'cfn-lost', 'cfn-needy', 'cfn-other'];
const OTHER = '/repo/cfn-other_1.0_all.deb';
const DONE = { code: 0, stderr: '', summary: '1 changed' };

const installed = () => installedOf(view(), ...DUMMIES);
async function apply(packages: ConfigDocument) {
  const result = await cfnInit(view(), { packages: { dpkg: packages } }, [], { env: ENV });
  return { code: result.code, stderr: result.stderr, summary: summary(result) };
}

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await makeRepository(view(), [
    'cfn-dummy=1.0-1',
    'cfn-dummy=1.1~rc1',
    'cfn-dummy=1.1-1',
    'cfn-needy=3.0 needs cfn-dummy',
    'cfn-lost=1.0 needs cfn-nowhere',
    'cfn-other=1.0',
  ]);
});

async function prepare(...files: string[]): Promise<void> {
  await view().run(['dpkg', '--purge', '--force-all', ...DUMMIES]);
  if (files.length > 0) await view().run(['dpkg', '--install', ...files]);
  await view().run(['apt-get', 'update'], { env: ENV });
  await aptCalls(view());
}

beforeEach(async () => {
  if (process.geteuid?.() === 0) await prepare();
});

describe('a package file by path', () => {
  test.each([OTHER, `file://${OTHER}`])('%s; the second run is unchanged and calls no apt-get', async (address) => {
    expect(await apply({ any: address })).toEqual(DONE);
    expect({ installed: await installed(), calls: await aptCalls(view()) }).toEqual({
      installed: ['cfn-other=1.0'],
      calls: ['install'],
    });
    expect((await apply({ any: [address] })).summary).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
    expect(view().exists(OTHER)).toBe(true);
  });

  test('with a space in it, and without .deb at its end', async () => {
    await view().run(['mkdir', '-p', '/opt/a b']);
    await view().run(['cp', OTHER, '/opt/a b/other.deb']);
    await view().run(['cp', '/repo/cfn-dummy_1.0-1_all.deb', '/opt/a b/dummy']);
    expect(await apply({ one: '/opt/a b/other.deb', two: '/opt/a b/dummy' })).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-other=1.0']);
    expect(view().exists('/opt/a b/dummy')).toBe(true);
  });

  test('several come in one transaction, and only what was not there counts as changed', async () => {
    await prepare(OTHER);
    const files = { needy: '/repo/cfn-needy_3.0_all.deb', dummy: '/repo/cfn-dummy_1.0-1_all.deb', other: OTHER };
    const { stdout } = await cfnInit(view(), { packages: { dpkg: files } }, [], { env: ENV });
    expect(stdout).toContain('(installed needy, dummy)');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-needy=3.0', 'cfn-other=1.0']);
    expect(await aptCalls(view())).toEqual(['install']);
  });

  test('what it needs comes from apt, whose index is updated when it has to be', async () => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    expect(await apply({ any: '/repo/cfn-needy_3.0_all.deb' })).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.1-1', 'cfn-needy=3.0']);
    expect(await aptCalls(view())).toEqual(['install', 'update', 'install']);
  });

  test('what it needs and apt does not have is named', async () => {
    const { code, stderr } = await apply({ any: '/repo/cfn-lost_1.0_all.deb' });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*packages dpkg: [^\n]*cfn-lost : Depends: cfn-nowhere[^\n]*\n$/),
    });
    expect(await installed()).toEqual([]);
  });

  test.each([
    ['an older one goes in: it was asked for', '/repo/cfn-dummy_1.1-1_all.deb', '1.0-1'],
    ['a newer one goes in', '/repo/cfn-dummy_1.0-1_all.deb', '1.1-1'],
  ])('%s', async (_, before, version) => {
    await prepare(before);
    expect(await apply({ any: `/repo/cfn-dummy_${version}_all.deb` })).toEqual(DONE);
    expect(await installed()).toEqual([`cfn-dummy=${version}`]);
  });

  test.each<[string, ConfigDocument, string]>([
    ['under one name', { any: ['/repo/cfn-dummy_1.1-1_all.deb', '/repo/cfn-dummy_1.0-1_all.deb'] }, 'any'],
    ['under two names', { a: '/repo/cfn-dummy_1.0-1_all.deb', b: '/repo/cfn-dummy_1.1-1_all.deb' }, 'b'],
    ['by the order of dpkg', { a: '/repo/cfn-dummy_1.1~rc1_all.deb', b: '/repo/cfn-dummy_1.1-1_all.deb' }, 'b'],
  ])('of several of one package, %s, the newest; the second run is unchanged', async (_, packages, changed) => {
    const { stdout } = await cfnInit(view(), { packages: { dpkg: packages } }, [], { env: ENV });
    const expected = ['cfn-dummy=1.1-1'];
    expect({ stdout, installed: await installed() }).toEqual({
      stdout: expect.stringContaining(`(installed ${changed})`),
      installed: expected,
    });
    expect(await aptCalls(view())).toEqual(['install']);
    expect((await apply(packages)).summary).toBe('1 unchanged');
    expect({ installed: await installed(), calls: await aptCalls(view()) }).toEqual({ installed: expected, calls: [] });
  });

  test('of a held package is a failure', async () => {
    await prepare('/repo/cfn-dummy_1.0-1_all.deb');
    await view().run(['apt-mark', 'hold', 'cfn-dummy']);
    expect(await apply({ any: '/repo/cfn-dummy_1.1-1_all.deb' })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: held back: cfn-dummy at 1\.0-1: .*apt-mark unhold cfn-dummy/),
    });
    expect((await apply({ any: '/repo/cfn-dummy_1.0-1_all.deb' })).summary).toBe('1 unchanged');
    await view().run(['apt-mark', 'unhold', 'cfn-dummy']);
  });

  test('comes before apt', async () => {
    const packages = { apt: { 'cfn-needy': [] }, dpkg: { any: '/repo/cfn-dummy_1.0-1_all.deb' } };
    const result = await cfnInit(view(), { packages }, [], { env: ENV });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '2 changed' });
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-needy=3.0']);
  });
});

describe('a package file by URL', () => {
  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    await serveInView(view(), {
      '/a/p.deb?x=1': { status: 200, body: { file: OTHER } },
      '/b/p.deb': { status: 200, body: { file: '/repo/cfn-dummy_1.0-1_all.deb' } },
      '/latest': { status: 302, headers: { Location: '/b/p.deb' } },
      '/page.deb?signature=geheim': { status: 200, body: '<html>Log in first</html>' },
    });
  });
  const URL = 'http://127.0.0.1:8080';

  test('the downloaded file does not stay; the second run is unchanged and calls no apt-get', async () => {
    const packages = { any: `${URL}/a/p.deb?x=1` };
    expect(await apply(packages)).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-other=1.0']);
    await aptCalls(view());
    expect((await apply(packages)).summary).toBe('1 unchanged');
    expect(await aptCalls(view())).toEqual([]);
    expect((await view().run('find /var/cache/heat-cfntools -type f -name "*.deb*"')).stdout).toBe('');
  });

  test('a redirect is followed', async () => {
    expect(await apply({ any: `${URL}/latest` })).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
  });

  test('two of the same file name, in one transaction', async () => {
    expect(await apply({ one: `${URL}/a/p.deb?x=1`, two: [`${URL}/b/p.deb`] })).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-other=1.0']);
    expect(await aptCalls(view())).toEqual(['install']);
  });

  test('an older one of the package that a path gives too gives way; the second run is unchanged', async () => {
    const packages = { old: `${URL}/b/p.deb`, new: '/repo/cfn-dummy_1.1-1_all.deb' };
    expect(await apply(packages)).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.1-1']);
    expect((await apply(packages)).summary).toBe('1 unchanged');
    expect(await installed()).toEqual(['cfn-dummy=1.1-1']);
  });

  test.each<[string, string, RegExp]>([
    [
      'that is not there',
      `${URL}/nothing.deb?signature=geheim`,
      /404.*127\.0\.0\.1:8080\/nothing\.deb|nothing\.deb.*404/,
    ],
    [
      'that is no package',
      `${URL}/page.deb?signature=geheim`,
      /not a Debian package: http:\/\/127\.0\.0\.1:8080\/page\.deb:/,
    ],
  ])('%s is a failure with its URL, without the query', async (_, address, what) => {
    const { code, stderr } = await apply({ any: address, other: OTHER });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(stderr).not.toContain('geheim');
    expect(await installed()).toEqual([]);
  });
});

test.each<[string, string, RegExp]>([
  ['a file that is not there', '/repo/nothing.deb', /no such package file: \/repo\/nothing\.deb/],
  ['a file that is no package', '/etc/passwd', /not a Debian package: \/etc\/passwd/],
  ['a version', '1.0', /cfn-other/],
])('%s is a failure', async (_, address, what) => {
  const { code, stderr } = await apply({ 'cfn-other': address });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
  expect(stderr).toMatch(what);
  expect(await installed()).toEqual([]);
});

describe('where there is no apt-get', () => {
  beforeAll(async () => {
    if (process.geteuid?.() === 0) await view().run('rm /usr/local/sbin/apt-get /usr/bin/apt-get');
  });

  test('dpkg installs it; the second run is unchanged', async () => {
    expect(await apply({ any: OTHER, dummy: '/repo/cfn-dummy_1.0-1_all.deb' })).toEqual(DONE);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-other=1.0']);
    expect((await apply({ any: OTHER, dummy: '/repo/cfn-dummy_1.0-1_all.deb' })).summary).toBe('1 unchanged');
  });

  test('what it lacks is a failure that names it', async () => {
    const { code, stderr } = await apply({ any: '/repo/cfn-needy_3.0_all.deb' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/could not install cfn-needy: /) });
  });

  test.each([
    ['it is waited for', 300, 3, { code: 0, stderr: '' }],
    ['only as long as package-lock-timeout says', 2, 30, { code: 75, stderr: expect.stringContaining('process ') }],
  ])("dpkg's lock: %s", async (_, bound, seconds, expected) => {
    await view().run(`mkdir -p /etc/cfn; echo package-lock-timeout=${bound} >/etc/cfn/cfntools.conf`);
    const holder = await holdLock(view(), '/var/lib/dpkg/lock-frontend', seconds);
    const { code, stderr } = await apply({ any: OTHER });
    await view().run(`kill ${holder}`);
    expect({ code, stderr }).toEqual(expected);
  });
});
