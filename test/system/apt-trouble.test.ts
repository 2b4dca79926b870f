import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { addToRepository, aptCalls, holdLock, installedOf, makeRepository } from '../support/debian-packages.ts';
import { serveInView, type ViewAnswers } from '../support/serve-in-view.ts';
import { expectSoon } from '../support/soon.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['apt-get', 'dpkg-deb', 'dpkg-scanpackages', 'python3']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const DUMMIES = ['cfn-dummy', 'cfn-other', 'cfn-fails', 'cfn-conf'];
const GOOD = 'deb [trusted=yes] file:/repo ./';
const WEB = 'deb [trusted=yes] http://user:geheim-1@127.0.0.1:8080 ./';
const REPOSITORY = 'http://127.0.0.1:8080';

const apply = (packages: ConfigDocument, ...args: string[]) =>
  cfnInit(view(), { packages }, args, { env: ENV, timeout: 110_000 });
const installed = () => installedOf(view(), ...DUMMIES);
const writeSources = (...lines: string[]) =>
  view().run(['/bin/bash', '-c', 'printf "%s\\n" "$@" >/etc/apt/sources.list', 'sources', ...lines]);
const logSince = async (mark: number) =>
  (await view().run(['tail', '-c', `+${mark + 1}`, '/var/log/cfn-init.log'])).stdout;
const logMark = async () => Number((await view().run('stat -c %s /var/log/cfn-init.log 2>/dev/null')).stdout || 0);

/** What a repository on the web has: the index as it stands, and cfn-other. */
const mirror = (more: ViewAnswers = {}): ViewAnswers => ({
  ...Object.fromEntries(
    ['/Packages', '/cfn-other_1.0_all.deb'].flatMap((name) =>
      ['', '/.'].map((dot) => [`${dot}${name}`, { status: 200, body: { file: `/repo${name}` } }] as const),
    ),
  ),
  ...more,
});
const everyDeb = (answer: ViewAnswers[string]): ViewAnswers =>
  mirror({ '/cfn-other_1.0_all.deb': answer, '/./cfn-other_1.0_all.deb': answer });

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await makeRepository(view(), [
    'cfn-dummy=1.0-1',
    'cfn-dummy=1.1-1',
    'cfn-other=1.0',
    { name: 'cfn-fails', version: '1.0', scripts: { postinst: 'echo "no room for it"; [ -e /run/works ]' } },
    { name: 'cfn-conf', version: '1.0', conffile: 'old\n' },
    { name: 'cfn-conf', version: '2.0', conffile: 'new\n' },
  ]);
});

beforeEach(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run(['dpkg', '--purge', '--force-all', ...DUMMIES]);
  await view().run('rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /run/works /etc/cfn/cfntools.conf');
  await writeSources(GOOD);
  await view().run(['apt-get', 'update'], { env: ENV });
  await aptCalls(view());
});

describe('a lock that another program holds', () => {
  const LOCKS = ['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock'];
  let holder: string | undefined;

  afterEach(async () => {
    if (holder !== undefined) await view().run(`kill ${holder}`);
    holder = undefined;
  });

  test.each(LOCKS)('%s: it is waited for', async (lock) => {
    await view().run('rm -rf /var/lib/apt/lists/*_*');
    holder = await holdLock(view(), lock, 3);
    const result = await apply({ apt: { 'cfn-other': [] } });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await installed()).toEqual(['cfn-other=1.0']);
    expect(result.milliseconds).toBeGreaterThan(1_500);
  });

  test.each(LOCKS)('%s: only as long as package-lock-timeout says; exit code 75, and who holds it', async (lock) => {
    await view().run(
      'rm -rf /var/lib/apt/lists/*_*; mkdir -p /etc/cfn; echo package-lock-timeout=3 >/etc/cfn/cfntools.conf',
    );
    holder = await holdLock(view(), lock);
    const { code, stderr, milliseconds } = await apply({ apt: { 'cfn-other': [] } });
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: `cfn-init: process ${holder} (python3) has held the lock of apt-get for 3 seconds: packages apt: wait for it, or set package-lock-timeout in /etc/cfn/cfntools.conf\n`,
    });
    await expectSoon(milliseconds, 20_000);
    expect(await installed()).toEqual([]);
  });

  test('nothing waits for what is installed already', async () => {
    await apply({ apt: { 'cfn-other': [] } });
    for (const lock of LOCKS) {
      holder = await holdLock(view(), lock);
      const { code, stderr } = await apply({ apt: { 'cfn-other': [] } });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // It was held all the time.
      expect((await view().run(`kill ${holder}`)).code).toBe(0);
      holder = undefined;
    }
  });
});

describe('a repository', () => {
  test('that cannot be reached is tried again, then named, without its password', async () => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    await writeSources(WEB);
    const mark = await logMark();
    const { code, stderr } = await apply({ apt: { 'cfn-other': [] } });
    expect({ code, complaints: complaints({ stderr } as never) }).toEqual({
      code: 1,
      complaints: [
        expect.stringMatching(
          /^cfn-init: warning: the repository http:\/\/127\.0\.0\.1:8080 could not be read: .*refused/,
        ),
        `cfn-init: not available: no package cfn-other: packages apt: could not be read: ${REPOSITORY}`,
      ],
    });
    expect(await aptCalls(view())).toEqual(['update', 'update', 'update']);
    expect(await logSince(mark)).not.toContain('geheim-1');
  }, 120_000);

  test('that has gone since its index was fetched is tried again, then named, without its password', async () => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    await writeSources(WEB);
    const server = await serveInView(view(), mirror());
    await view().run(['apt-get', 'update'], { env: ENV });
    await server.close();
    await aptCalls(view());
    const { code, stderr } = await apply({ apt: { 'cfn-other': [] } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/cannot fetch http:\/\/127\.0\.0\.1:8080\/\.\/cfn-other_1\.0_all\.deb: .*refused/),
    });
    expect(await aptCalls(view())).toEqual(['install', 'install', 'install']);
  }, 120_000);

  test('that answers with an error at first is enough', async () => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    await writeSources(WEB);
    const broken = await serveInView(view(), { '*': { status: 500 } });
    const running = apply({ apt: { 'cfn-other': [] } });
    for (let waited = 0; broken.requests().length < 2 && waited < 20_000; waited += 50) await sleep(50);
    await broken.close();
    const sound = await serveInView(view(), mirror());
    const { code, stderr } = await running;
    await sound.close();
    expect({ code, stderr, installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      installed: ['cfn-other=1.0'],
    });
  }, 120_000);

  test.each<[string, string, RegExp]>([
    ['cannot be reached', 'deb [trusted=yes] http://127.0.0.1:8081/third-party ./', /refused/],
    ['has no index', 'deb http://127.0.0.1:8080/third-party stable main', /does not have a Release file|404/],
  ])('that %s does not keep another from being used, and is warned of', async (_, line, reason) => {
    await view().run('rm -rf /var/lib/apt/lists/*');
    const server = await serveInView(view(), {});
    await writeSources(line, GOOD);
    const result = await apply({ apt: { 'cfn-other': [] } });
    await server.close();
    expect({ code: result.code, summary: summary(result), calls: await aptCalls(view()) }).toEqual({
      code: 0,
      summary: '1 changed',
      calls: ['update', 'install'],
    });
    expect(result.stderr).toMatch(
      /^cfn-init: warning: the repository http:\/\/127\.0\.0\.1:808\d\/third-party could not be read/,
    );
    expect(result.stderr).toMatch(reason);
  });

  test.each<[string, ViewAnswers, RegExp]>([
    ['has gone', everyDeb({ status: 404 }), /404/],
    ['is cut short', everyDeb({ status: 200, body: 'x' }), /unexpected size/],
    ['is another than the index says', everyDeb({ status: 200, body: { file: '/run/wrong' } }), /Hash Sum mismatch/],
  ])('whose package %s: the index is updated once, then the package is named', async (_, answers, reason) => {
    await writeSources(WEB);
    await view().run('head -c $(stat -c %s /repo/cfn-other_1.0_all.deb) /dev/zero >/run/wrong');
    const server = await serveInView(view(), answers);
    const { code, stderr } = await apply({ apt: { 'cfn-other': [] } });
    await server.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(reason) });
    expect(stderr).toContain('cannot fetch http://127.0.0.1:8080/./cfn-other_1.0_all.deb');
    expect(stderr).not.toContain('geheim-1');
    expect((await aptCalls(view())).filter((verb) => verb === 'update').length).toBeLessThanOrEqual(2);
  });

  test('whose packages have been replaced since the last update: it is updated, and the newer one comes', async () => {
    await addToRepository(view(), ['cfn-late=1.0']);
    await view().run(['apt-get', 'update'], { env: ENV });
    await view().run('rm /repo/cfn-late_1.0_all.deb');
    await addToRepository(view(), ['cfn-late=1.1']);
    await aptCalls(view());
    const { code, stderr } = await apply({ apt: { 'cfn-late': [] } });
    expect({ code, stderr, calls: await aptCalls(view()) }).toEqual({
      code: 0,
      stderr: '',
      calls: ['install', 'update', 'install'],
    });
    expect(await installedOf(view(), 'cfn-late')).toEqual(['cfn-late=1.1']);
  });
});

describe('dpkg in trouble', () => {
  test('a package whose script fails is named, and what it said is in the log', async () => {
    const mark = await logMark();
    const { code, stderr } = await apply({ apt: { 'cfn-fails': [], 'cfn-other': [] } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cfn-init: [^\n]*could not install cfn-fails: [^\n]*post-installation script[^\n]*\n$/,
      ),
    });
    expect(await logSince(mark)).toContain('no room for it');
    await view().run('touch /run/works');
    expect(summary(await apply({ apt: { 'cfn-fails': [], 'cfn-other': [] } }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-fails=1.0', 'cfn-other=1.0']);
  });

  test('an interrupted dpkg is brought to its end first', async () => {
    // Killed in its work: a half-configured package, and a journal that is not yet in the database.
    await view().run(['dpkg', '--unpack', '/repo/cfn-dummy_1.0-1_all.deb']);
    await view().run(`awk -v RS= '/^Package: cfn-dummy\\n/' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001`);
    const refused = await view().run(['/usr/bin/apt-get', '-y', 'install', 'cfn-other'], { env: ENV });
    expect(refused.stderr).toContain('dpkg was interrupted');
    const mark = await logMark();
    const { code, stderr } = await apply({ apt: { 'cfn-other': [] } });
    expect({ code, stderr, installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      installed: ['cfn-dummy=1.0-1', 'cfn-other=1.0'],
    });
    expect(await logSince(mark)).toContain('dpkg was interrupted earlier, running dpkg --configure -a');
  });

  test('what is installed is seen while dpkg has yet to write its journal', async () => {
    await view().run(['dpkg', '--install', '/repo/cfn-other_1.0_all.deb', '/repo/cfn-dummy_1.0-1_all.deb']);
    await view().run(
      `awk -v RS= '/^Package: cfn-dummy\\n/' /var/lib/dpkg/status | sed 's/^Version: .*/Version: 1.1-1/' >/var/lib/dpkg/updates/0001`,
    );
    expect(summary(await apply({ apt: { 'cfn-other': '1.0', 'cfn-dummy': '1.1-1' } }))).toBe('1 unchanged');
    await view().run('rm /var/lib/dpkg/updates/0001');
  });

  test('a configuration file that was changed stays, and nobody is asked', async () => {
    await view().run(['dpkg', '--install', '/repo/cfn-conf_1.0_all.deb']);
    await view().run('echo mine >/etc/cfn-conf.conf');
    const { code, stderr } = await apply({ apt: { 'cfn-conf': '2.0' } });
    expect({ code, stderr, conf: view().read('/etc/cfn-conf.conf'), installed: await installed() }).toEqual({
      code: 0,
      stderr: '',
      conf: 'mine\n',
      installed: ['cfn-conf=2.0'],
    });
  });
});
