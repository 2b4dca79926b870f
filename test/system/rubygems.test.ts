import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { gemCalls, installedGems, makeGemSource, prepareGems, useGemSource } from '../support/ruby-gems.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const TOOLS = ['gem', 'ruby'];
const view = useSandbox({}, TOOLS);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const canRun = process.geteuid?.() === 0 && TOOLS.every(isInstalled);
const LIST = 'list --local --no-verbose';

const apply = (rubygems: ConfigDocument, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  cfnInit(view(), { packages: { rubygems } }, args, { env: { ...ENV, ...env } });
const prepare = (...gems: string[]) => prepareGems(view(), ...gems);
const installed = () => installedGems(view());
const calls = () => gemCalls(view());
const installs = async () => (await calls()).filter((line) => line.startsWith('install'));

beforeAll(async () => {
  if (!canRun) return;
  await makeGemSource(view(), [
    'cfn-dummy:1.0.0',
    'cfn-dummy:1.9.0',
    'cfn-dummy:1.10.0',
    'cfn-dummy:2.0.0.rc1',
    'cfn-other:1.0',
    'cfn-needy:3.0 cfn-other',
  ]);
});
beforeEach(async () => {
  if (canRun) await prepare();
});

describe('rubygems', () => {
  test.each<[string, unknown, string[]]>([
    ['any version: the newest that is released', [], ['1.10.0']],
    ['any version, as an empty text', '', ['1.10.0']],
    ['an exact version', '1.9.0', ['1.9.0']],
    ['an exact version before its release', ['2.0.0.rc1'], ['2.0.0.rc1']],
    ['a list of versions: all of them, side by side', ['1.9.0', '1.0.0'], ['1.0.0', '1.9.0']],
  ])('%s, in one transaction; the second run is one query', async (_, version, expected) => {
    const packages = { 'cfn-dummy': version, 'cfn-other': [] };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual([...expected.map((one) => `cfn-dummy-${one}`), 'cfn-other-1.0']);
    expect(await installs()).toHaveLength(1);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual([LIST]);
  });

  test('an installed one is enough when no version is asked for, be it old', async () => {
    await prepare('cfn-dummy:1.0.0');
    expect(summary(await apply({ 'cfn-dummy': [], rake: [] }))).toBe('1 unchanged');
    expect(await calls()).toEqual([LIST]);
    expect(await installed()).toEqual(['cfn-dummy-1.0.0']);
  });

  test('what came with Ruby itself is installed', async () => {
    expect(summary(await apply({ json: [], bundler: [] }))).toBe('1 unchanged');
  });

  test('200 names are one query', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `cfn-many-${index}`);
    await view().run(`cd "$(/usr/bin/gem env gemdir)" && mkdir -p specifications && cd specifications && for i in $(seq 0 199); do
      printf 'Gem::Specification.new { |s| s.name = "cfn-many-%s"; s.version = "1.0"; s.summary = "d" }' $i \\
        >cfn-many-$i-1.0.gemspec; done`);
    expect(summary(await apply(Object.fromEntries(names.map((name) => [name, '1.0']))))).toBe('1 unchanged');
    expect(await calls()).toEqual([LIST]);
  });

  test('what a gem needs comes with it', async () => {
    expect((await apply({ 'cfn-needy': [] })).code).toBe(0);
    expect(await installed()).toEqual(['cfn-needy-3.0', 'cfn-other-1.0']);
  });

  test.each([
    ['upgrade', '1.9.0', '1.10.0'],
    ['downgrade', '1.10.0', '1.9.0'],
  ])('%s: the version asked for stands beside the other', async (_, before, version) => {
    await prepare(`cfn-dummy:${before}`);
    expect(summary(await apply({ 'cfn-dummy': version }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy-1.10.0', 'cfn-dummy-1.9.0']);
    expect(summary(await apply({ 'cfn-dummy': version }))).toBe('1 unchanged');
  });

  test('only what has changed is said to have changed', async () => {
    await prepare('cfn-dummy:1.0.0');
    // 1.0 is 1.0.0 to gem alone, so it is asked for both.
    const { stderr } = await apply({ 'cfn-dummy': '1.0', 'cfn-other': [] }, ['-v']);
    expect(stderr).toMatch(/\(installed cfn-other\)/);
    expect(await installs()).toEqual(['install --no-document --conservative cfn-dummy:1.0 cfn-other']);
    expect(summary(await apply({ 'cfn-dummy': '1.0' }))).toBe('1 unchanged');
  });

  test.each<[string, ConfigDocument, RegExp]>([
    ['an unknown gem', { 'cfn-nonsense': [] }, /'cfn-nonsense'/],
    ['an unknown version', { 'cfn-dummy': '9.9' }, /'cfn-dummy' \(= 9\.9\)/],
    ['a path', { 'cfn-dummy': '/gems/gems/cfn-dummy-1.0.0.gem' }, /no URL or path, for cfn-dummy/],
    ['a URL', { 'cfn-dummy': 'https://example.test/cfn-dummy-1.0.0.gem' }, /no URL or path, for cfn-dummy/],
  ])('%s is a failure that names it', async (_, packages, what) => {
    const { code, stderr } = await apply(packages);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(await installed()).toEqual([]);
  });

  test('a source that is down is tried again, then named, without its password', async () => {
    await useGemSource(view(), 'http://me:opensesame@127.0.0.1:9/');
    const { code, stderr } = await apply({ 'cfn-other': [] });
    await useGemSource(view());
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*cfn-other[^\n]*http:\/\/127\.0\.0\.1:9\/ [^\n]*refused[^\n]*\n$/),
    });
    expect(stderr).not.toContain('opensesame');
    expect(await installs()).toHaveLength(3);
  });

  test('a source that comes back in time is no failure', async () => {
    await useGemSource(view(), 'http://127.0.0.1:8080/');
    const files = ['specs.4.8.gz', 'latest_specs.4.8.gz', 'prerelease_specs.4.8.gz', 'gems/cfn-other-1.0.gem'];
    files.push('quick/Marshal.4.8/cfn-other-1.0.gemspec.rz');
    const running = apply({ 'cfn-other': [] });
    await sleep(2_000);
    const answers = files.map((name) => [`/${name}`, { status: 200, body: { file: `/gems/${name}` } }]);
    const server = await serveInView(view(), Object.fromEntries(answers));
    const { code } = await running;
    await server.close();
    await useGemSource(view());
    expect({ code, installed: await installed() }).toEqual({ code: 0, installed: ['cfn-other-1.0'] });
  });

  test("the caller's settings and proxies reach gem", async () => {
    await view().run(`printf '#!/bin/sh\\nenv >/run/gem.env\\nexec /usr/bin/gem "$@"\\n' >/usr/local/bin/gem &&
      chmod 755 /usr/local/bin/gem`);
    const env = { PATH: `/usr/local/bin:${ENV.PATH}`, http_proxy: 'http://127.0.0.1:3128', GEM_HOME: '/run/gem-home' };
    await apply({ 'cfn-other': [] }, [], env);
    await view().run('rm /usr/local/bin/gem');
    const seen = view().read('/run/gem.env').split('\n');
    for (const name of ['http_proxy', 'GEM_HOME'] as const) expect(seen).toContain(`${name}=${env[name]}`);
  });

  test('a gem file that happens to be in the current directory is not installed', async () => {
    await view().run(`mkdir -p /srv/planted && cd $_ && cp /gems/gems/cfn-dummy-2.0.0.rc1.gem . &&
      ruby -rrubygems/package -e 'Gem::Package.build(Gem::Specification.new { |gem|
        gem.name, gem.version, gem.summary, gem.authors, gem.files = "cfn-dummy", "9.0", "planted", ["nobody"], [] }, true)'`);
    const { code } = await cfnInit(view(), { packages: { rubygems: { 'cfn-dummy': [] } } }, [], {
      cwd: '/srv/planted',
      env: ENV,
    });
    expect({ code, installed: await installed() }).toEqual({ code: 0, installed: ['cfn-dummy-1.10.0'] });
  });

  test('without gem the error says what brings it', async () => {
    await view().run('mv /usr/bin/gem /usr/bin/gem.away; mv /usr/local/sbin/gem /run/gem.away');
    const { code, stderr } = await apply({ 'cfn-other': [] });
    await view().run('mv /usr/bin/gem.away /usr/bin/gem; mv /run/gem.away /usr/local/sbin/gem');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cfn-init: gem is not installed: packages rubygems: [^\n]*ruby under apt[^\n]*\n$/,
      ),
    });
  });
});
