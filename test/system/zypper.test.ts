import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import {
  dummies,
  haveInstalled,
  installedRpms,
  makeRpmRepository,
  serveRepository,
  toolCalls,
  useRepositories,
  whileInstalling,
  whileTroubled,
} from '../support/rpm-packages.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['rpm', 'rpmbuild', 'createrepo_c', 'zypper']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const LOCAL = { id: 'local', url: 'file:///repo' };
const MIRROR = { id: 'mirror', url: 'http://127.0.0.1:8081' };

const apply = (config: ConfigDocument, ...args: string[]) => cfnInit(view(), { packages: config }, args, { env: ENV });
const zypper = (packages: ConfigDocument, ...args: string[]) => apply({ zypper: packages }, ...args);
const installed = () => installedRpms(view());
/** zypper itself calls rpm to install. */
const calls = async () => (await toolCalls(view())).filter((line) => !line.startsWith('rpm --root '));
const verbs = async () =>
  (await calls())
    .filter((line) => line.startsWith('zypper '))
    .map((line) => / (install|refresh|search) ?/.exec(line)?.[1]);

beforeAll(async () => {
  if (isRoot) await makeRpmRepository(view(), dummies);
});

beforeEach(async () => {
  if (!isRoot) return;
  await useRepositories(view(), [LOCAL]);
  await haveInstalled(view());
});

type Row = readonly [what: string, before: readonly string[], packages: ConfigDocument, after: readonly string[]];

const rows: readonly Row[] = [
  ['any version: the newest', [], { 'cfn-dummy': [] }, ['cfn-dummy=1.10-2']],
  ['an exact version', [], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  ['an exact version and release', [], { 'cfn-dummy': ['1.10-1'] }, ['cfn-dummy=1.10-1']],
  ['an exact epoch, version and release', [], { 'cfn-epoch': '1:0.5-1' }, ['cfn-epoch=1:0.5-1']],
  ['an upgrade', ['cfn-dummy-1.0-1'], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  ['a downgrade', ['cfn-dummy-1.10-2'], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  ['a downgrade over an epoch', ['cfn-epoch-0.5-1'], { 'cfn-epoch': '5.0' }, ['cfn-epoch=5.0-1']],
  ['a name that another package provides', [], { 'cfn-editor': [] }, ['cfn-editor-enhanced=8.2-1']],
  ['a provided name in an exact version', [], { 'cfn-editor': '8.2' }, ['cfn-editor-enhanced=8.2-1']],
  [
    'one up, one down, one new',
    ['cfn-dummy-1.0-1', 'cfn-other-2.0-1'],
    { 'cfn-dummy': '1.9', 'cfn-other': '1.0', 'cfn-needy': [] },
    ['cfn-dummy=1.9-1', 'cfn-needy=3.0-1', 'cfn-other=1.0-1'],
  ],
];

describe('zypper', () => {
  test.each(rows)(
    '%s, in one transaction; the second run asks rpm once and nothing else',
    async (_, before, packages, expected) => {
      await haveInstalled(view(), ...before);
      const first = await zypper(packages);
      expect({ stderr: first.stderr, code: first.code, summary: summary(first) }).toEqual({
        code: 0,
        stderr: '',
        summary: '1 changed',
      });
      expect(await installed()).toEqual(expected);
      expect(await verbs()).toEqual(['install']);
      expect(summary(await zypper(packages))).toBe('1 unchanged');
      expect(await calls()).toEqual([expect.stringMatching(/^rpm -q /)]);
    },
  );

  test("lists: the newest by rpm's order, in one transaction; the second run asks rpm what is there and which is the newest", async () => {
    await haveInstalled(view(), 'cfn-dummy-1.9-1');
    const packages = { 'cfn-dummy': ['1.9', '1.10-1', '1.0'], 'cfn-epoch': ['5.0-1', '1:0.5-1'], 'cfn-other': [] };
    expect(summary(await zypper(packages))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.10-1', 'cfn-epoch=1:0.5-1', 'cfn-other=2.0-1']);
    expect(await verbs()).toEqual(['install']);
    expect(summary(await zypper(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([expect.stringMatching(/^rpm -q /), expect.stringMatching(/^rpm --eval /)]);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await haveInstalled(view(), 'cfn-dummy-1.0-1');
    expect(summary(await zypper({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
  });

  test.each<[string, ConfigDocument, RegExp]>([
    [
      'unknown packages and an unknown version',
      { 'cfn-none': [], 'cfn-nil': [], 'cfn-other': '9.9', 'cfn-dummy': [] },
      /not found: (?=.*cfn-none)(?=.*cfn-nil)(?=.*cfn-other=9\.9).*; of cfn-other there is 2\.0-1, 1\.0-1$/,
    ],
    ['a package that needs what is nowhere', { 'cfn-lonely': [] }, /nothing provides '?cfn-nowhere >= 2'? needed by/],
    [
      'a package whose script refuses',
      { 'cfn-refuses': [] },
      /the script %prein of cfn-refuses-1\.0-1\.noarch failed$/,
    ],
    [
      'a path for a version',
      { 'cfn-dummy': '/repo/x.rpm' },
      /zypper takes versions of cfn-dummy.*: list the package under rpm$/,
    ],
    ['a group, which is not a thing of zypper', { '@core': [] }, /not found: @core$/],
  ])('%s: a failure that names it, and nothing is installed', async (_, packages, what) => {
    const result = await zypper(packages);
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(what)],
    });
    expect(await installed()).toEqual([]);
  });

  test('a script that fails after its package is in is a warning, as it is to rpm', async () => {
    const result = await zypper({ 'cfn-grumbles': [] });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 0,
      complaints: ['cfn-init: warning: zypper: the script %post of cfn-grumbles-1.0-1.noarch failed'],
    });
    expect(await installed()).toEqual(['cfn-grumbles=1.0-1']);
  });

  test.each([
    ['that is not installed', [], '2.0'],
    ['that is installed in another version', ['cfn-other-1.0-1'], '2.0'],
  ])(
    'a locked package %s: a failure that names the lock, and no question is waited for',
    async (_, before, version) => {
      await haveInstalled(view(), ...before);
      await view().run(['zypper', '--non-interactive', 'addlock', 'cfn-other'], { env: ENV });
      const result = await zypper({ 'cfn-other': version, 'cfn-dummy': [] });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [expect.stringMatching(/cfn-other-2\.0-1\.noarch is held by a lock of zypper: see zypper locks/)],
      });
      expect(await installed()).not.toContain('cfn-other=2.0-1');
    },
  );

  test('an index that is not signed, with gpgcheck: a failure that names the repository; no key is taken on', async () => {
    await useRepositories(view(), [{ ...LOCAL, lines: ['gpgcheck=1'] }]);
    const result = await zypper({ 'cfn-other': [] });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(/the repository local cannot be read \(Signature verification failed/)],
    });
    expect(await installed()).toEqual([]);
  });

  test('an index that is older than the repository is fetched anew, once', async () => {
    await view().run('cp -a /repo /growing && rm /growing/cfn-other-2* && createrepo_c -q /growing');
    await useRepositories(view(), [{ id: 'local', url: 'file:///growing', lines: ['gpgcheck=0', 'autorefresh=0'] }]);
    expect((await zypper({ 'cfn-dummy': [] })).code).toBe(0);
    await view().run('cp /repo/cfn-other-2* /growing && createrepo_c -q /growing');
    await calls();
    expect((await zypper({ 'cfn-other': '2.0' })).code).toBe(0);
    expect(await verbs()).toEqual(['install', 'refresh', 'install']);
  });

  describe('while another holds the lock', () => {
    const SLOW = [
      '/usr/bin/zypper --non-interactive install cfn-slow',
      '/usr/bin/rpm -U /repo/cfn-slow-1.0-1.noarch.rpm',
    ];

    test.each(SLOW)('%s: it waits', async (command) => {
      await whileInstalling(view(), command, async () => {
        const { code, stderr, milliseconds } = await zypper({ 'cfn-other': [] });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(milliseconds).toBeGreaterThan(2_000);
      });
      expect(await installed()).toEqual(['cfn-other=2.0-1', 'cfn-slow=1.0-1']);
    });

    test.each(SLOW)('%s: no longer than it may, and ends with 75', async (command) => {
      await view().run('mkdir -p /etc/cfn && echo package-lock-timeout=0 >/etc/cfn/cfntools.conf');
      await whileInstalling(view(), command, async () => {
        const result = await zypper({ 'cfn-other': [] });
        expect({ code: result.code, complaints: complaints(result) }).toEqual({
          code: 75,
          complaints: [expect.stringMatching(/process \d+ \((?:zypper|rpm)\S*\) has held the lock of zypper/)],
        });
      });
      await view().run('rm /etc/cfn/cfntools.conf');
    });
  });

  describe('a repository in trouble', () => {
    const GONE = { id: 'gone', url: 'http://127.0.0.1:9' };

    test('which nobody answers for: tried three times, then named', async () => {
      await useRepositories(view(), [GONE]);
      const result = await zypper({ 'cfn-other': [] });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [
          expect.stringMatching(/not found: cfn-other; the repository gone cannot be read \(Failed to connect/),
        ],
      });
    });

    test('which gives its index only when asked again: it is asked again', async () => {
      await useRepositories(view(), [MIRROR]);
      const { code, stderr } = await whileTroubled(view(), 'repomd.xml', () => zypper({ 'cfn-other': [] }));
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect((await verbs()).length).toBeGreaterThan(1);
      expect(await installed()).toEqual(['cfn-other=2.0-1']);
    });

    test('which has lost a package that its index names: the address is told', async () => {
      const server = await serveRepository(view(), (path) => (/cfn-other-2/.test(path) ? { status: 404 } : undefined));
      await useRepositories(view(), [MIRROR]);
      const result = await zypper({ 'cfn-other': [] });
      await server.close();
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [
          expect.stringMatching(/cfn-other-2\.0-1\.noarch\.rpm' not found on medium 'http:\/\/127\.0\.0\.1:8081/),
        ],
      });
    });

    test('beside a good one that has the package: a warning', async () => {
      await useRepositories(view(), [GONE, LOCAL]);
      const result = await zypper({ 'cfn-other': [] });
      expect({ code: result.code, complaints: complaints(result), calls: await verbs() }).toEqual({
        code: 0,
        complaints: [expect.stringMatching(/warning: zypper: the repository gone cannot be read/)],
        calls: ['install'],
      });
      expect(await installed()).toEqual(['cfn-other=2.0-1']);
    });

    test('an upgrade that it does not let happen is a failure, though zypper ends well', async () => {
      await haveInstalled(view(), 'cfn-other-1.0-1');
      await useRepositories(view(), [GONE]);
      const result = await zypper({ 'cfn-other': '2.0' });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [expect.stringMatching(/cfn-other=2\.0.*the repository gone cannot be read/)],
      });
    });
  });

  test('two managers in one config; the second run is unchanged', async () => {
    const packages = { zypper: { 'cfn-other': '1.0' }, rpm: { dummy: '/repo/cfn-dummy-1.9-1.noarch.rpm' } };
    expect(summary(await apply(packages))).toBe('2 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.9-1', 'cfn-other=1.0-1']);
    expect(summary(await apply(packages))).toBe('2 unchanged');
  });
});
