/**
 * Against a stand-in for apk, which plays what apk-tools 2.14 and 3.0 were recorded to say (test/support/apk-stand-in.ts):
 * no real apk installs anything here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ApkState, apkCalls, installedByApk, playApk } from '../support/apk-stand-in.ts';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const REMOTE = ['dummy=1.9-r0', 'dummy=1.10-r0', 'other=2.0-r1', 'lib-2-x=1.0-r0'];
const QUERY = 'info --installed --verbose --';

const apply = (apk: ConfigDocument, args: readonly string[] = []) =>
  cfnInit(view(), { packages: { apk } }, args, { env: ENV });
const play = (state: Partial<ApkState> = {}) => playApk(view(), { remote: REMOTE, ...state });
const installed = () => installedByApk(view());
const calls = () => apkCalls(view());
/** The calls that change something. */
const changes = async () => (await calls()).filter((line) => /^(?:add|update)/.test(line));

describe('apk, played', () => {
  beforeEach(async () => {
    if (process.geteuid?.() === 0) await play();
  });

  test.each<[string, unknown, string]>([
    ['any version: the newest', [], 'dummy=1.10-r0'],
    ['any version, as an empty text', '', 'dummy=1.10-r0'],
    ['an exact version', '1.9-r0', 'dummy=1.9-r0'],
    ['a list of versions: the highest', ['1.9-r0', '1.10-r0'], 'dummy=1.10-r0'],
  ])('%s, in one transaction; the second run is one query', async (_, version, expected) => {
    const packages = { dummy: version, 'lib-2-x': '1.0-r0' };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual([expected, 'lib-2-x=1.0-r0']);
    expect(await changes()).toHaveLength(1);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([`${QUERY} dummy lib-2-x`]);
  });

  test.each<[string, unknown]>([
    ['no version is asked for, be it old', []],
    ['it is one of a list', ['1.10-r0', '1.9-r0']],
  ])('an installed one is enough when %s', async (_, version) => {
    await play({ installed: ['dummy=1.9-r0'] });
    expect(summary(await apply({ dummy: version }))).toBe('1 unchanged');
    expect(await calls()).toEqual([`${QUERY} dummy`]);
  });

  test('200 names are one query, and one transaction where some are missing; those are told', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await play({ installed: names.map((name) => `${name}=1.0-r0`) });
    const packages = Object.fromEntries(names.map((name) => [name, '1.0-r0']));
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([`${QUERY} ${names.join(' ')}`]);
    const { stderr } = await apply({ ...packages, dummy: [], other: [] }, ['-v']);
    expect(stderr).toMatch(/\(installed dummy, other\)/);
    expect(await changes()).toEqual(['add -- dummy other']);
  });

  test.each([
    ['upgrade', '1.9-r0', '1.10-r0'],
    ['downgrade', '1.10-r0', '1.9-r0'],
  ])('%s', async (_, before, version) => {
    await play({ installed: [`dummy=${before}`] });
    expect(summary(await apply({ dummy: version }))).toBe('1 changed');
    expect(await installed()).toEqual([`dummy=${version}`]);
    expect(summary(await apply({ dummy: version }))).toBe('1 unchanged');
  });

  test.each<[string, Partial<ApkState>]>([
    ['was never fetched', { index: [] }],
    ['is older than the version asked for', { index: ['dummy=1.9-r0'] }],
    ['has what is no longer there', { index: ['dummy=1.10-r0', 'other=1.0-r0'] }],
  ])('an index that %s is updated once', async (_, state) => {
    await play(state);
    const first = await apply({ dummy: '1.10-r0', other: [] });
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await installed()).toEqual(['dummy=1.10-r0', 'other=2.0-r1']);
    expect((await changes()).map((line) => line.split(' ')[0])).toEqual(['add', 'update', 'add']);
  });

  test.each<[string, ConfigDocument, RegExp]>([
    ['an unknown package', { other: [], nonsense: [] }, /nonsense \(no such package\)/],
    ['an unknown version', { other: [], dummy: '9' }, /dummy-1\.10-r0: breaks: world\[dummy=9\]/],
    ['a path', { dummy: '/packages/dummy.apk' }, /no URL or path, for dummy/],
  ])('%s is a failure that names it, and nothing is installed', async (_, packages, what) => {
    const { code, stderr } = await apply(packages);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(await installed()).toEqual([]);
  });

  test.each(['2', '2-glibc', '3'] as const)('the lock is waited for, in the words of %s', async (locked) => {
    await play({ locked });
    const running = apply({ dummy: [] });
    await sleep(1_500);
    await view().run('rm /run/apk/locked');
    const { code, stderr } = await running;
    expect({ code, stderr, installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      installed: ['dummy=1.10-r0'],
    });
  });

  test('the lock is not waited for without end', async () => {
    await play({ locked: '2' });
    await view().run(`mkdir -p /etc/cfn && printf 'package-lock-timeout=2\\n' >/etc/cfn/cfntools.conf`);
    const { code, stderr } = await apply({ dummy: [] });
    await view().run('rm /etc/cfn/cfntools.conf');
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-init: another program has held the lock of apk for 2 seconds[^\n]*\n$/),
    });
  });

  test('a repository that is down is tried again, and the package named', async () => {
    await play({ isDown: true });
    const { code, stderr } = await apply({ dummy: [] });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*dummy-1\.10-r0: could not connect to server[^\n]*\n$/),
    });
    expect(await changes()).toHaveLength(3);
  });

  test('one that does not give its index is named, without its password', async () => {
    await play({ isDown: true, index: [] });
    const { code, stderr } = await apply({ dummy: [] });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^cfn-init: apk ended[^\n]*dummy \(no such package\)[^\n]*mirror\.test\/main: could not connect/m,
    );
    expect(stderr).not.toContain('opensesame');
  });

  test('one that comes back in time is no failure', async () => {
    await play({ isDown: true });
    const running = apply({ dummy: [] });
    await sleep(1_000);
    await view().run('rm /run/apk/down');
    expect((await running).code).toBe(0);
    expect(await installed()).toEqual(['dummy=1.10-r0']);
  });

  test('where there is no apk, the error says so', async () => {
    await view().run('rm /usr/local/sbin/apk');
    const { code, stderr } = await apply({ dummy: [] });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: apk is not installed: /) });
  });
});
