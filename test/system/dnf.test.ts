import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, metadata, summary } from '../support/cfn-init.ts';
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

const view = useSandbox({}, ['rpm', 'rpmbuild', 'createrepo_c', 'dnf']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const LOCAL = { id: 'local', url: 'file:///repo' };

const apply = (config: ConfigDocument, ...args: string[]) => cfnInit(view(), { packages: config }, args, { env: ENV });
const dnf = (packages: ConfigDocument, ...args: string[]) => apply({ dnf: packages }, ...args);
const installed = () => installedRpms(view());
const calls = async () => (await toolCalls(view())).map((line) => line.replace(' -y --setopt=exit_on_lock=1', ''));
const transactions = async () => (await calls()).filter((line) => !line.startsWith('rpm '));

/** Newer machines have yum as another name of dnf; on others of these days there is none. */
async function havePrograms(program: string): Promise<void> {
  await view().run(`
    cd /usr/bin; rm -f yum /usr/local/sbin/yum /usr/local/sbin/dnf; [ -e dnf ] || mv dnf.aside dnf
    case ${program} in
    yum) ln -s dnf-3 yum; mv dnf dnf.aside ;;
    none) mv dnf dnf.aside ;;
    esac
    for tool in yum dnf; do
      if [ -e $tool ]; then sed "s/zypper/$tool/g" /usr/local/sbin/zypper >/usr/local/sbin/$tool; chmod 755 /usr/local/sbin/$tool; fi
    done`);
}

beforeAll(async () => {
  if (isRoot) await makeRpmRepository(view(), dummies);
});

beforeEach(async () => {
  if (!isRoot) return;
  await useRepositories(view(), [LOCAL]);
  await haveInstalled(view());
  await havePrograms('dnf');
});

type Row = readonly [what: string, before: readonly string[], packages: ConfigDocument, after: readonly string[]];

const fewRows: readonly Row[] = [
  ['any version: the newest', [], { 'cfn-dummy': [] }, ['cfn-dummy=1.10-2']],
  ['an exact version', [], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  [
    'one up, one down, one new',
    ['cfn-dummy-1.0-1', 'cfn-other-2.0-1'],
    { 'cfn-dummy': '1.9', 'cfn-other': '1.0', 'cfn-needy': [] },
    ['cfn-dummy=1.9-1', 'cfn-needy=3.0-1', 'cfn-other=1.0-1'],
  ],
];
const moreRows: readonly Row[] = [
  ['an exact version and release', [], { 'cfn-dummy': ['1.10-1'] }, ['cfn-dummy=1.10-1']],
  ['an exact epoch, version and release', [], { 'cfn-epoch': '0:5.0-1' }, ['cfn-epoch=5.0-1']],
  ['a pattern of versions', [], { 'cfn-dummy': '1.10*' }, ['cfn-dummy=1.10-2']],
  ['an upgrade', ['cfn-dummy-1.0-1'], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  ['an upgrade of the release', ['cfn-dummy-1.10-1'], { 'cfn-dummy': '1.10-2' }, ['cfn-dummy=1.10-2']],
  ['a downgrade', ['cfn-dummy-1.10-2'], { 'cfn-dummy': '1.9' }, ['cfn-dummy=1.9-1']],
  ['a downgrade over an epoch', ['cfn-epoch-0.5-1'], { 'cfn-epoch': '5.0' }, ['cfn-epoch=5.0-1']],
  ['a name with an architecture', [], { 'cfn-dummy.noarch': '1.9' }, ['cfn-dummy=1.9-1']],
  ['a name that another package provides', [], { 'cfn-editor': [] }, ['cfn-editor-enhanced=8.2-1']],
  ['the path of a file of a package', [], { '/usr/share/cfn-other': [] }, ['cfn-other=2.0-1']],
];

describe.each<[manager: string, program: string, rows: readonly Row[]]>([
  ['yum', 'yum', fewRows],
  ['yum', 'dnf', fewRows],
  ['dnf', 'yum', fewRows],
  ['dnf', 'dnf', [...fewRows, ...moreRows]],
])('%s, where the machine has %s', (manager, program, rows) => {
  beforeEach(async () => {
    if (isRoot) await havePrograms(program);
  });

  test.each(rows)(
    '%s, in one transaction; the second run asks rpm once and nothing else',
    async (_, before, packages, expected) => {
      await haveInstalled(view(), ...before);
      const first = await apply({ [manager]: packages });
      expect({ stderr: first.stderr, code: first.code, summary: summary(first) }).toEqual({
        code: 0,
        stderr: '',
        summary: '1 changed',
      });
      expect(await installed()).toEqual(expected);
      expect(await transactions()).toEqual([expect.stringMatching(new RegExp(`^${program} install `))]);
      expect(summary(await apply({ [manager]: packages }))).toBe('1 unchanged');
      expect(await calls()).toEqual([expect.stringMatching(/^rpm -q /)]);
    },
  );
});

describe('dnf', () => {
  test("lists: the newest by rpm's order, in one transaction; the second run asks rpm what is there and which is the newest", async () => {
    await haveInstalled(view(), 'cfn-dummy-1.9-1');
    const packages = { 'cfn-dummy': ['1.9', '1.10-1', '1.0'], 'cfn-epoch': ['5.0-1', '1:0.5-1'], 'cfn-other': [] };
    expect(summary(await dnf(packages))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.10-1', 'cfn-epoch=1:0.5-1', 'cfn-other=2.0-1']);
    expect(await transactions()).toHaveLength(1);
    expect(summary(await dnf(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([expect.stringMatching(/^rpm -q /), expect.stringMatching(/^rpm --eval /)]);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await haveInstalled(view(), 'cfn-dummy-1.0-1');
    expect(summary(await dnf({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
  });

  test('200 installed packages are looked at by one process', async () => {
    const names = Array.from({ length: 200 }, (_, at) => `cfn-many-${at}`);
    const provides = names.map((name) => `Provides: ${name} = 1`).join('\n');
    const built = await view().run(`cat >/tmp/many.spec <<'S'
Name: cfn-many
Version: 1
Release: 1
Summary: many
License: none
BuildArch: noarch
${provides}
%description
many
%files
S
rpmbuild -bb --quiet --define '_topdir /tmp/rpmbuild' /tmp/many.spec && rpm -U /tmp/rpmbuild/RPMS/noarch/cfn-many-1-1.noarch.rpm`);
    expect(built.code).toBe(0);
    await calls();
    expect(summary(await dnf(Object.fromEntries(names.map((name) => [name, []]))))).toBe('1 unchanged');
    expect(await calls()).toHaveLength(1);
  });

  test('a group, whose second run leaves it to dnf to find nothing to do', async () => {
    await view().run(`cat >/tmp/comps.xml <<'X'
<?xml version="1.0"?><comps><group><id>cfn-tools</id><name>Tools</name><uservisible>true</uservisible><packagelist>
<packagereq type="mandatory">cfn-other</packagereq></packagelist></group></comps>
X
      cp -a /repo /repo-with-group && createrepo_c -q -g /tmp/comps.xml /repo-with-group`);
    await useRepositories(view(), [{ id: 'local', url: 'file:///repo-with-group' }]);
    expect(summary(await dnf({ '@cfn-tools': [], 'cfn-dummy': [] }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.10-2', 'cfn-other=2.0-1']);
    expect(summary(await dnf({ '@cfn-tools': [], 'cfn-dummy': [] }))).toBe('1 unchanged');
    const missing = await dnf({ '@cfn-none': [] });
    expect({ code: missing.code, stderr: missing.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('not found: @cfn-none'),
    });
  });

  test('a pattern of names, and the file of a package in the place of a name', async () => {
    const packages = { 'cfn-ot*': [], '/repo/cfn-dummy-1.9-1.noarch.rpm': [] };
    expect(summary(await dnf(packages))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.9-1', 'cfn-other=2.0-1']);
    expect(summary(await dnf(packages))).toBe('1 unchanged');
  });

  test('services restart on what has changed, and on no other', async () => {
    await haveInstalled(view(), 'cfn-other-2.0-1');
    const packages = { dnf: { 'cfn-other': [], 'cfn-dummy': [], 'cfn-ot*': [] } };
    const result = await apply(packages, '-v');
    expect({ code: result.code, stderr: result.stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/\(installed cfn-dummy\)/),
    });
  });

  test.each<[string, ConfigDocument, RegExp]>([
    [
      'unknown packages and an unknown version',
      { 'cfn-none': [], 'cfn-nil': [], 'cfn-other': '9.9', 'cfn-dummy': [] },
      /not found: cfn-none, cfn-nil, cfn-other-9\.9; of cfn-other there is 1\.0-1, 2\.0-1$/,
    ],
    [
      'a package that needs what is nowhere',
      { 'cfn-lonely': [] },
      /nothing provides cfn-nowhere >= 2 needed by cfn-lonely/,
    ],
    [
      'a package whose script refuses',
      { 'cfn-refuses': [] },
      /the script %prein of cfn-refuses-1\.0-1\.noarch failed$/,
    ],
    [
      'a URL for a version',
      { 'cfn-dummy': 'http://127.0.0.1/x.rpm' },
      /dnf takes versions of cfn-dummy.*: list the package under rpm$/,
    ],
  ])('%s: a failure that names it, and nothing is installed', async (_, packages, what) => {
    const result = await dnf(packages);
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(what)],
    });
    expect(await installed()).toEqual([]);
  });

  test('what a failed tool printed is in the log', async () => {
    await dnf({ 'cfn-refuses': [] });
    expect(view().read('/var/log/cfn-init.log')).toContain('the script speaks');
  });

  test('a script that fails after its package is in is a warning, as it is to rpm', async () => {
    const result = await dnf({ 'cfn-grumbles': [] });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 0,
      complaints: ['cfn-init: warning: dnf: the script %post of cfn-grumbles-1.0-1.noarch failed'],
    });
    expect(await installed()).toEqual(['cfn-grumbles=1.0-1']);
  });

  test('a package that the machine excludes is held back: a failure that says so', async () => {
    await useRepositories(view(), [LOCAL], ['excludepkgs=cfn-dummy-1.10*,cfn-other']);
    const result = await dnf({ 'cfn-other': [], 'cfn-dummy': '1.10' });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(/held back by an exclude or a version lock: cfn-other, cfn-dummy-1\.10$/)],
    });
    expect((await transactions()).filter((line) => line.includes('install'))).toHaveLength(1);
    expect(summary(await dnf({ 'cfn-dummy': '1.9' }))).toBe('1 changed');
  });

  test.each([
    ['no key', ['gpgcheck=1']],
    ['a key that the repository names', ['gpgcheck=1', 'gpgkey=file:///run/key.asc']],
  ])('an unsigned package, gpgcheck and %s: a failure; no check is left out', async (_, lines) => {
    const made = await view().run(`
      export GNUPGHOME=/run/gnupg; mkdir -p -m 700 $GNUPGHOME
      [ -e /run/key.asc ] || { gpg --batch --quiet --passphrase '' --quick-gen-key nobody rsa2048 sign never &&
        gpg --export --armor nobody >/run/key.asc; }`);
    expect(made.code).toBe(0);
    await useRepositories(view(), [{ ...LOCAL, lines }]);
    const result = await dnf({ 'cfn-other': [] });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(/cfn-other-2\.0-1\.noarch\.rpm is not signed$/)],
    });
    expect(await installed()).not.toContain('cfn-other=2.0-1');
  });

  test('an index that is older than the repository is fetched anew, once', async () => {
    await view().run('cp -a /repo /growing && rm /growing/cfn-other-2* && createrepo_c -q /growing');
    await useRepositories(view(), [{ id: 'local', url: 'file:///growing' }]);
    expect((await dnf({ 'cfn-dummy': [] })).code).toBe(0);
    await view().run('cp /repo/cfn-other-2* /growing && rm /growing/cfn-needy* && createrepo_c -q /growing');
    await calls();
    expect((await dnf({ 'cfn-other': '2.0' })).code).toBe(0);
    expect((await transactions()).map((line) => line.split(' ')[1])).toEqual(['install', 'clean', 'install']);
    const missing = await dnf({ 'cfn-needy': [] });
    expect({ code: missing.code, stderr: missing.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('not found: cfn-needy'),
    });
  });

  describe('while another holds the lock', () => {
    const SLOW = ['/usr/bin/dnf -y install cfn-slow', '/usr/bin/rpm -U /repo/cfn-slow-1.0-1.noarch.rpm'];
    test.each(SLOW)('%s: it waits', async (command) => {
      await whileInstalling(view(), command, async () => {
        const { code, stderr, milliseconds } = await dnf({ 'cfn-other': [] });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(milliseconds).toBeGreaterThan(2_000);
      });
      expect(await installed()).toEqual(['cfn-other=2.0-1', 'cfn-slow=1.0-1']);
    });

    test.each(SLOW)('%s: no longer than it may, and ends with 75', async (command) => {
      await view().run('mkdir -p /etc/cfn && echo package-lock-timeout=0 >/etc/cfn/cfntools.conf');
      await whileInstalling(view(), command, async () => {
        const result = await dnf({ 'cfn-other': [] });
        expect({ code: result.code, complaints: complaints(result) }).toEqual({
          code: 75,
          complaints: [expect.stringMatching(/process \d+ \((?:dnf|rpm)\S*\) has held the lock of dnf/)],
        });
      });
      await view().run('rm /etc/cfn/cfntools.conf');
    });
  });

  describe('a repository in trouble', () => {
    const MIRROR = { id: 'mirror', url: 'http://127.0.0.1:8081' };

    test('which nobody answers for: tried three times, then named', async () => {
      await useRepositories(view(), [{ id: 'gone', url: 'http://127.0.0.1:9' }]);
      const result = await dnf({ 'cfn-other': [] });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [expect.stringMatching(/the repository gone cannot be read \(Curl error \(7\)/)],
      });
      expect(await transactions()).toHaveLength(3);
    });

    test.each([
      ['its index', 'repomd.xml'],
      ['its packages', '.rpm'],
    ])('which gives %s only when asked again: it is asked again', async (_, troubled) => {
      await useRepositories(view(), [MIRROR]);
      const { code, stderr } = await whileTroubled(view(), troubled, () => dnf({ 'cfn-other': [] }));
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect((await transactions()).length).toBeGreaterThan(1);
      expect(await installed()).toEqual(['cfn-other=2.0-1']);
    });

    test('which has lost a package that its index names: the address is told', async () => {
      const server = await serveRepository(view(), (path) => (/cfn-other-2/.test(path) ? { status: 404 } : undefined));
      await useRepositories(view(), [MIRROR]);
      const result = await dnf({ 'cfn-other': [] });
      await server.close();
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 1,
        complaints: [
          expect.stringMatching(/cannot be downloaded from http:\/\/127\.0\.0\.1:8081\/cfn-other-2\.0-1\.noarch\.rpm$/),
        ],
      });
    });

    test.each([
      ['skip_if_unavailable=1', 0, 'warning: dnf: repositories left out: gone'],
      ['skip_if_unavailable=0', 1, 'the repository gone cannot be read'],
    ])('beside a good one, with %s', async (line, code, said) => {
      const gone = { id: 'gone', url: 'http://127.0.0.1:9', lines: ['gpgcheck=0', line] };
      await useRepositories(view(), [gone, LOCAL]);
      const result = await dnf({ 'cfn-other': [] });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code,
        complaints: [expect.stringContaining(said)],
      });
    });
  });

  test('two managers in one config; the second run is unchanged', async () => {
    const packages = { dnf: { 'cfn-other': '1.0' }, rpm: { dummy: '/repo/cfn-dummy-1.9-1.noarch.rpm' } };
    const document = metadata({ packages });
    expect(summary(await cfnInit(view(), document, [], { env: ENV }))).toBe('2 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.9-1', 'cfn-other=1.0-1']);
    expect(summary(await cfnInit(view(), document, [], { env: ENV }))).toBe('2 unchanged');
  });

  test('on a machine without dnf and yum it says so', async () => {
    await havePrograms('none');
    const result = await dnf({ 'cfn-other': [] });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(/dnf is not installed/)],
    });
  });
});
