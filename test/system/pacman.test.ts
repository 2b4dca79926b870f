import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import {
  configurePacman,
  installedByPacman,
  makePacmanPackages,
  pacmanCalls,
  preparePacman,
  publish,
} from '../support/pacman-packages.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const TOOLS = ['pacman'];
const view = useSandbox({}, TOOLS);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const canRun = process.geteuid?.() === 0 && TOOLS.every(isInstalled);
const CURRENT = ['cfn-dummy=1.1-1', 'cfn-other=2:1.0-1', 'cfn-member=1.0-1', 'cfn-needy=3.0-1', 'cfn-clash=1.0-1'];

const apply = (pacman: ConfigDocument, args: readonly string[] = []) =>
  cfnInit(view(), { packages: { pacman } }, args, { env: ENV });
const prepare = (...packages: string[]) => preparePacman(view(), ...packages);
const installed = () => installedByPacman(view());
const calls = () => pacmanCalls(view());
/** The calls that change something. */
const changes = async () => (await calls()).filter((line) => /^-(?:Sy|S|U)\b/.test(line));
const setLockTimeout = (seconds: string) =>
  view().run(`mkdir -p /etc/cfn && printf 'package-lock-timeout=${seconds}\\n' >/etc/cfn/cfntools.conf`);

beforeAll(async () => {
  if (!canRun) return;
  await makePacmanPackages(view(), [
    'cfn-dummy=1.0-1',
    'cfn-dummy=1.1-1',
    'cfn-dummy=1.2-1',
    'cfn-other=2:1.0-1 group cfn-group provides cfn-virtual',
    'cfn-member=0.9-1 group cfn-group',
    'cfn-member=1.0-1 group cfn-group',
    'cfn-needy=3.0-1 needs cfn-dummy',
    'cfn-clash=1.0-1 conflicts cfn-other',
  ]);
});
beforeEach(async () => {
  if (!canRun) return;
  await publish(view(), ...CURRENT);
  await prepare();
});

describe('pacman', () => {
  test.each<[string, unknown]>([
    ['any version', []],
    ['any version, as an empty text', ''],
    ['an exact version', '1.1-1'],
    ['an exact version without its release', '1.1'],
    ['a list of versions: the one that the repository has', ['1.2-1', '1.1-1', '1.0-1']],
  ])('%s, in one transaction; the second run does not call pacman', async (_, version) => {
    const packages = { 'cfn-dummy': version, 'cfn-other': '2:1.0-1' };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual(['cfn-dummy=1.1-1', 'cfn-other=2:1.0-1']);
    expect(await changes()).toHaveLength(1);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([]);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await prepare('cfn-dummy=1.0-1');
    expect(summary(await apply({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect(await calls()).toEqual([]);
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
  });

  test('200 names do not even call pacman; where its database is elsewhere they are one query', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `cfn-many-${index}`);
    await view().run(`cd /var/lib/pacman/local && for i in $(seq 0 199); do mkdir cfn-many-$i-1.0-1 &&
      printf '%%NAME%%\\ncfn-many-%s\\n\\n%%VERSION%%\\n1.0-1\\n\\n' $i >cfn-many-$i-1.0-1/desc; done`);
    expect(summary(await apply(Object.fromEntries(names.map((name) => [name, '1.0-1']))))).toBe('1 unchanged');
    expect(await calls()).toEqual([]);
    await configurePacman(view(), undefined, 'DBPath = /var/lib/pacman');
    expect(summary(await apply(Object.fromEntries(names.map((name) => [name, '1.0-1']))))).toBe('1 unchanged');
    expect(await calls()).toEqual([`-Q -- ${names.join(' ')}`]);
  });

  test('what a package needs comes with it; only what was asked for and has changed is told', async () => {
    await prepare('cfn-other=2:1.0-1');
    const { code, stderr } = await apply({ 'cfn-needy': [], 'cfn-other': [] }, ['-v']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/\(installed cfn-needy\)/) });
    expect(await installed()).toEqual(['cfn-dummy=1.1-1', 'cfn-needy=3.0-1', 'cfn-other=2:1.0-1']);
  });

  test.each([
    ['upgrade', '1.0-1'],
    ['downgrade', '1.2-1'],
  ])('%s to what the repository has', async (_, before) => {
    await prepare(`cfn-dummy=${before}`);
    expect(summary(await apply({ 'cfn-dummy': '1.1-1' }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.1-1']);
    expect(summary(await apply({ 'cfn-dummy': '1.1-1' }))).toBe('1 unchanged');
  });

  test('a version that no repository has any more comes out of the cache', async () => {
    await prepare('cfn-dummy=1.1-1');
    await view().run('cp /arch/files/cfn-dummy-1.0-1-any.pkg.tar.gz /var/cache/pacman/pkg/');
    expect(summary(await apply({ 'cfn-dummy': '1.0-1' }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1']);
    expect(summary(await apply({ 'cfn-dummy': '1.0-1' }))).toBe('1 unchanged');
  });

  test('a group: its members; those that are there stay as they are', async () => {
    await prepare('cfn-member=0.9-1');
    const first = await apply({ 'cfn-group': [] });
    expect({ stderr: first.stderr, summary: summary(first) }).toEqual({ stderr: '', summary: '1 changed' });
    expect(await installed()).toEqual(['cfn-member=0.9-1', 'cfn-other=2:1.0-1']);
    expect(summary(await apply({ 'cfn-group': [] }))).toBe('1 unchanged');
  });

  test('a name that another package provides', async () => {
    expect(summary(await apply({ 'cfn-virtual': [] }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-other=2:1.0-1']);
    await calls();
    expect(summary(await apply({ 'cfn-virtual': [] }))).toBe('1 unchanged');
    expect(await calls()).toEqual(['-Q -- cfn-virtual']);
  });

  test('databases that were never fetched are fetched once', async () => {
    await view().run('rm -rf /var/lib/pacman/sync');
    expect((await apply({ 'cfn-dummy': [] })).code).toBe(0);
    expect(await changes()).toEqual(['-S --needed -- cfn-dummy', '-Sy', '-S --needed -- cfn-dummy']);
  });

  test('a version that is newer than the database is found after it is fetched anew', async () => {
    await publish(view(), 'cfn-dummy=1.2-1');
    expect((await apply({ 'cfn-dummy': '1.2-1' })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=1.2-1']);
    expect(await changes()).toEqual(['-Sy', '-S --needed -- cfn-dummy=1.2-1']);
  });

  test('a file that has gone from the mirror means an old database', async () => {
    await publish(view(), 'cfn-dummy=1.2-1');
    expect((await apply({ 'cfn-dummy': [] })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=1.2-1']);
    expect(await changes()).toEqual(['-S --needed -- cfn-dummy', '-Sy', '-S --needed -- cfn-dummy']);
  });

  test('what IgnorePkg holds back is installed when it is asked for, and stays otherwise', async () => {
    await prepare('cfn-dummy=1.0-1');
    await configurePacman(view(), undefined, 'IgnorePkg = cfn-dummy');
    expect(summary(await apply({ 'cfn-dummy': [] }))).toBe('1 unchanged');
    expect((await apply({ 'cfn-dummy': '1.1-1' })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-dummy=1.1-1']);
  });

  test.each<[string, ConfigDocument, RegExp]>([
    ['an unknown package', { 'cfn-other': [], 'cfn-nonsense': [] }, /target not found: cfn-nonsense/],
    ['an unknown version', { 'cfn-other': [], 'cfn-dummy': '9.9' }, /cfn-dummy=9\.9 \(there is 1\.1-1\)/],
    ['versions of an unknown package', { 'cfn-nonsense': ['1', '2'] }, /cfn-nonsense=1\|2 \(no repository has it\)/],
    ['packages in conflict', { 'cfn-other': [], 'cfn-clash': [] }, /cfn-clash.* and cfn-other.* in conflict/],
    ['a path', { 'cfn-dummy': '/arch/files/cfn-dummy-1.0-1-any.pkg.tar.gz' }, /no URL or path, for cfn-dummy/],
    ['a URL', { 'cfn-dummy': 'https://example.test/cfn-dummy.pkg.tar.zst' }, /no URL or path, for cfn-dummy/],
  ])('%s: a failure that names them, and nothing is installed', async (_, packages, what) => {
    const { code, stderr } = await apply(packages);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(await installed()).toEqual([]);
    expect((await changes()).filter((line) => line === '-Sy').length).toBeLessThanOrEqual(1);
  });

  test('a file in the way is named', async () => {
    await view().run('mkdir -p /usr/share/cfn-dummy && touch /usr/share/cfn-dummy/version');
    const { code, stderr } = await apply({ 'cfn-dummy': [] });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/cfn-dummy: \/usr\/share\/cfn-dummy\/version exists in filesystem/),
    });
  });

  test('the lock is waited for', async () => {
    await view().run('touch /var/lib/pacman/db.lck');
    const running = apply({ 'cfn-dummy': [] });
    await sleep(2_500);
    await view().run('rm /var/lib/pacman/db.lck');
    const { code, stderr } = await running;
    expect({ code, stderr, installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      installed: ['cfn-dummy=1.1-1'],
    });
  });

  test('the lock is not waited for without end', async () => {
    await setLockTimeout('3');
    await view().run('touch /var/lib/pacman/db.lck');
    const { code, stderr } = await apply({ 'cfn-dummy': [] });
    await view().run('rm /etc/cfn/cfntools.conf');
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-init: another program has held the lock of pacman for 3 seconds[^\n]*\n$/),
    });
  });

  test('a mirror that is down is tried again, then named', async () => {
    await configurePacman(view(), 'http://127.0.0.1:9/arch');
    const { code, stderr } = await apply({ 'cfn-dummy': [] });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*cfn-dummy[^\n]* from 127\.0\.0\.1:9[^\n]*\n$/),
    });
    expect(await changes()).toHaveLength(3);
  });

  test('so is one that does not give its database', async () => {
    await view().run('rm -rf /var/lib/pacman/sync');
    await configurePacman(view(), 'http://127.0.0.1:9/arch');
    const { code, stderr } = await apply({ 'cfn-dummy': [] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cfn-init: pacman ended[^\n]*cfn-dummy[^\n]*'dummies\.db' from 127\.0\.0\.1:9/m);
  });

  test('a mirror that comes back in time is no failure', async () => {
    await configurePacman(view(), 'http://127.0.0.1:8080');
    const running = apply({ 'cfn-dummy': [] });
    await sleep(1_500);
    const file = 'cfn-dummy-1.1-1-any.pkg.tar.gz';
    const server = await serveInView(view(), { [`/${file}`]: { status: 200, body: { file: `/arch/repo/${file}` } } });
    const { code } = await running;
    await server.close();
    expect({ code, installed: await installed() }).toEqual({ code: 0, installed: ['cfn-dummy=1.1-1'] });
  });

  test('where there is no pacman, the error says so', async () => {
    await view().run('mv /usr/bin/pacman /usr/bin/pacman.away; mv /usr/local/sbin/pacman /run/pacman.away');
    const { code, stderr } = await apply({ 'cfn-dummy': [] });
    await view().run('mv /usr/bin/pacman.away /usr/bin/pacman; mv /run/pacman.away /usr/local/sbin/pacman');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: pacman is not installed: /),
    });
  });
});
