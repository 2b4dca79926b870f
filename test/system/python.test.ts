import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { installedByPip, makePythonIndex, pipCalls, preparePython, useIndex } from '../support/python-packages.ts';
import { serveInView } from '../support/serve-in-view.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const TOOLS = ['pip3', 'git'];
const view = useSandbox({}, TOOLS);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const canRun = process.geteuid?.() === 0 && TOOLS.every(isInstalled);
const MARK = '/usr/lib/python3.11/EXTERNALLY-MANAGED';

const apply = (python: ConfigDocument, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  cfnInit(view(), { packages: { python } }, args, { env: { ...ENV, ...env } });
const prepare = (...requirements: string[]) => preparePython(view(), ...requirements);
const installed = () => installedByPip(view());
const calls = () => pipCalls(view());
const verbs = async () => (await calls()).map((line) => line.split(' ')[0]);

beforeAll(async () => {
  if (!canRun) return;
  await makePythonIndex(view(), [
    'cfn-dummy==1.0',
    'cfn-dummy==1.9',
    'cfn-dummy==1.10',
    'cfn-dummy==2.0rc1',
    'cfn-other==1.0 more cfn-extra',
    'cfn-extra==1.0',
    'cfn-needy==3.0 needs cfn-dummy<1.10',
    'cfn-made==0.5 source',
  ]);
  await view().run(`
    cd /pypi/source/cfn-made && git init -q -b main . && git add . &&
      git -c user.name=n -c user.email=n@example.test commit -qm made && git tag v0.5
    git clone -q . /run/clone && cd /run/clone && echo '# mended' >>cfn_made.py &&
      git -c user.name=n -c user.email=n@example.test commit -qam mended &&
      git -c user.name=n -c user.email=n@example.test tag -am mended mended && git push -q origin mended`);
});
beforeEach(async () => {
  if (canRun) await prepare();
});

describe('python', () => {
  test.each<[string, unknown, string]>([
    ['any version: the newest that is released', [], '1.10'],
    ['any version, as an empty text', '', '1.10'],
    ['an exact version', '1.9', '1.9'],
    ['an exact version before its release', ['2.0rc1'], '2.0rc1'],
    ['a list of versions: the highest', ['1.9', '1.10', '1.0'], '1.10'],
    ['a version with a star', '1.0.*', '1.0'],
    ['a condition', '<1.10', '1.9'],
  ])('%s, in one transaction; the second run is unchanged', async (_, version, expected) => {
    const packages = { 'cfn-dummy': version, 'cfn-other': '1.0' };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual([`cfn_dummy==${expected}`, 'cfn_other==1.0']);
    expect((await verbs()).filter((verb) => verb === 'install')).toHaveLength(1);
    const second = await apply(packages);
    expect({ code: second.code, summary: summary(second) }).toEqual({ code: 0, summary: '1 unchanged' });
  });

  test.each<[string, unknown]>([
    ['an installed one is enough when no version is asked for, be it old', []],
    ['one of a list of versions', ['1.10', '1.0']],
    ['the version', '1.0'],
  ])('installed is %s: one query, and nothing else', async (_, version) => {
    await prepare('cfn-dummy==1.0', 'cfn-other');
    expect(summary(await apply({ 'cfn-dummy': version, 'cfn-other': [] }))).toBe('1 unchanged');
    expect(await calls()).toEqual(['list --format=freeze']);
    expect(await installed()).toEqual(['cfn_dummy==1.0', 'cfn_other==1.0']);
  });

  test('200 names are one query, and one transaction where some are missing', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `cfn-many-${index}`);
    for (const name of names)
      await view().run(`mkdir -p /usr/local/lib/python3.11/dist-packages/${name}-1.0.dist-info && cd "$_" &&
        printf 'Metadata-Version: 2.1\\nName: ${name}\\nVersion: 1.0\\n' >METADATA`);
    const packages = Object.fromEntries(names.map((name) => [name, '1.0']));
    expect(summary(await apply(packages))).toBe('1 unchanged');
    expect(await calls()).toEqual(['list --format=freeze']);
    const some = await apply({ ...packages, 'cfn-dummy': [], 'cfn-other': [] }, ['-v']);
    expect(some.stderr).toMatch(/\(installed cfn-dummy, cfn-other\)/);
    expect(await calls()).toEqual(['list --format=freeze', 'install -- cfn-dummy cfn-other', 'list --format=freeze']);
  });

  test('names are compared as pip does it (PEP 503)', async () => {
    await prepare('cfn-dummy==1.0');
    expect(summary(await apply({ 'CFN.dummy': [] }))).toBe('1 unchanged');
    expect(summary(await apply({ Cfn_Dummy: '1.9' }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn_dummy==1.9']);
  });

  test('extras: what they need is brought in, the second run is unchanged', async () => {
    await prepare('cfn-other');
    expect(summary(await apply({ 'cfn-other[more]': [] }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn_extra==1.0', 'cfn_other==1.0']);
    expect(summary(await apply({ 'cfn-other[more]': [] }))).toBe('1 unchanged');
    await prepare();
    expect((await apply({ 'cfn-other[more]': '1.0' })).code).toBe(0);
    expect(await installed()).toEqual(['cfn_extra==1.0', 'cfn_other==1.0']);
  });

  test.each([
    ['upgrade', '1.9', '1.10'],
    ['downgrade', '1.10', '1.9'],
  ])('%s', async (_, before, version) => {
    await prepare(`cfn-dummy==${before}`);
    expect(summary(await apply({ 'cfn-dummy': version }))).toBe('1 changed');
    expect(await installed()).toEqual([`cfn_dummy==${version}`]);
    expect(summary(await apply({ 'cfn-dummy': version }))).toBe('1 unchanged');
  });

  test('only what has changed is said to have changed', async () => {
    await prepare('cfn-dummy==1.0');
    // 1.0.0 is 1.0 to pip alone, so it is asked to install both.
    const { stderr } = await apply({ 'cfn-dummy': '1.0.0', 'cfn-other': [] }, ['-v']);
    expect(stderr).toMatch(/\(installed cfn-other\)/);
    expect(await calls()).toContain('install -- cfn-dummy==1.0.0 cfn-other');
    expect(summary(await apply({ 'cfn-dummy': '1.0.0' }))).toBe('1 unchanged');
  });

  test.each<[string, ConfigDocument, RegExp]>([
    ['an unknown package', { 'cfn-other': [], 'cfn-nonsense': [] }, /cfn-nonsense/],
    ['an unknown version', { 'cfn-other': [], 'cfn-dummy': '9.9' }, /cfn-dummy==9\.9 \(from versions: .*1\.10/],
    ['versions that contradict each other', { 'cfn-needy': [], 'cfn-dummy': '1.10' }, /cfn-dummy==1\.10.*conflict/],
    ['a list with something that is no version', { 'cfn-dummy': ['1.0', 'newest!'] }, /1\.0, newest!.*cfn-dummy/],
  ])('%s is a failure that names it, and nothing is installed', async (_, packages, what) => {
    const { code, stderr } = await apply(packages);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(await installed()).toEqual([]);
  });
});

describe("python, where it is the distribution's own (PEP 668)", () => {
  test('pip is told to go on, and the log says why', async () => {
    const { code, stderr } = await apply({ 'cfn-other': [] }, ['-v']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/belongs to the distribution \(PEP 668\).*--break-system-packages/),
    });
    expect(await calls()).toEqual(['list --format=freeze', 'install -- cfn-other', 'list --format=freeze']);
  });

  test('where the mark is not found beforehand, pip is told after it has refused', async () => {
    await view().run(`cp --remove-destination "$(readlink -f /usr/bin/python3)" /usr/bin/python3`);
    const { code, stderr } = await apply({ 'cfn-other': [] }, ['-v']);
    await view().run('ln -sf python3.11 /usr/bin/python3');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/belongs to the distribution/) });
    expect((await calls()).filter((line) => line.startsWith('install'))).toEqual([
      'install -- cfn-other',
      'install -- cfn-other',
    ]);
  });

  test('elsewhere pip never sees that option', async () => {
    await view().run(`mv ${MARK} ${MARK}.away`);
    const { code } = await apply({ 'cfn-other': [] });
    await view().run(`mv ${MARK}.away ${MARK}`);
    expect({ code, installed: await installed() }).toEqual({ code: 0, installed: ['cfn_other==1.0'] });
    expect((await calls()).filter((line) => line.startsWith('install'))).toEqual(['install -- cfn-other']);
    expect(view().read('/run/pip.env')).not.toContain('BREAK_SYSTEM_PACKAGES');
  });
});

describe('python by URL or path', () => {
  const wheel = '/pypi/files/cfn_dummy-1.9-py3-none-any.whl';
  const archive = '/pypi/source/cfn_made-0.5.tar.gz';

  test.each<[string, string, string, string]>([
    ['the URL of a wheel', 'http://127.0.0.1:8080/cfn_dummy-1.9-py3-none-any.whl', 'cfn-dummy', 'cfn_dummy==1.9'],
    ['the URL of a source archive', 'http://127.0.0.1:8080/a/cfn_made-0.5.tar.gz', 'cfn-made', 'cfn_made==0.5'],
    ['the path of a wheel', wheel, 'cfn-dummy', 'cfn_dummy==1.9'],
    ['a file: URL', `file://${wheel}`, 'cfn-dummy', 'cfn_dummy==1.9'],
    ['the path of a source archive, by a name of its own', archive, 'any-name', 'cfn_made==0.5'],
    ['the path of a directory', '/pypi/source/cfn-made', 'cfn-made', 'cfn_made==0.5'],
    ['a git repository', 'git+file:///pypi/source/cfn-made', 'cfn-made', 'cfn_made==0.5'],
    ['a tag of a git repository', 'git+file:///pypi/source/cfn-made@v0.5', 'cfn-made', 'cfn_made==0.5'],
  ])('%s; the second run finds by one query that it came from there', async (_, address, name, expected) => {
    const server = await serveInView(view(), {
      '/cfn_dummy-1.9-py3-none-any.whl': { status: 200, body: { file: wheel } },
      '/a/cfn_made-0.5.tar.gz': { status: 200, body: { file: archive } },
    });
    const first = await apply({ [name]: address, 'cfn-other': [] });
    await server.close();
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual([expected, 'cfn_other==1.0']);
    await calls();
    expect(summary(await apply({ [name]: [address], 'cfn-other': [] }))).toBe('1 unchanged');
    expect((await verbs()).filter((verb) => verb !== 'hash')).toEqual(['inspect']);
  });

  test('a wheel and a repository behind a login, which no process has among its arguments', async () => {
    const login = Buffer.from('joe:5ec/re7').toString('base64');
    // A static repository, for any client with the login; it looks around at each request.
    const script = `
import glob, http.server
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            try: open('/run/seen.arguments', 'ab').write(open(path, 'rb').read() + b'\\n')
            except OSError: pass
        if self.headers.get('Authorization') == 'Basic ${login}': return super().do_GET()
        self.send_response(401)
        self.send_header('WWW-Authenticate', 'Basic realm="x"')
        self.end_headers()
http.server.ThreadingHTTPServer(('127.0.0.1', 8082), Handler).serve_forever()`;
    await view().run(`rm -rf /run/www && mkdir /run/www && cd /run/www && cp ${wheel} . &&
      git clone -q --bare /pypi/source/cfn-made made.git && git -C made.git update-server-info`);
    await view().run([
      '/bin/bash',
      '-c',
      'cd /run/www; setsid python3 -c "$0" </dev/null &>/run/www.out & disown',
      script,
    ]);
    await view().run('for _ in {1..100}; do (: </dev/tcp/127.0.0.1/8082) 2>/dev/null && break; sleep 0.1; done');
    const packages = {
      'cfn-dummy': 'http://joe:5ec%2Fre7@127.0.0.1:8082/cfn_dummy-1.9-py3-none-any.whl',
      'cfn-made': 'git+http://joe:5ec%2Fre7@127.0.0.1:8082/made.git@v0.5',
    };
    const first = await apply(packages);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await installed()).toEqual(['cfn_dummy==1.9', 'cfn_made==0.5']);
    expect(summary(await apply(packages))).toBe('1 unchanged');
    const seen = view().read('/run/seen.arguments');
    expect(seen).toMatch(/git\0/);
    expect(seen).not.toMatch(/5ec(?:\/|%2F)re7/);
  });

  test('a file where cfn-init is called, in the place of a name', async () => {
    const document = { packages: { python: { './cfn_dummy-1.9-py3-none-any.whl': [] } } };
    const run = () => cfnInit(view(), document, [], { env: ENV, cwd: '/pypi/files' });
    const first = await run();
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed',
    });
    expect(await installed()).toEqual(['cfn_dummy==1.9']);
    expect(summary(await run())).toBe('1 unchanged');
  });

  test('an older pip that knows no inspect', async () => {
    await view().run('touch /run/old-pip');
    expect(summary(await apply({ 'cfn-dummy': wheel, 'cfn-other': '1.0' }))).toBe('1 changed');
    await calls();
    expect(summary(await apply({ 'cfn-dummy': wheel, 'cfn-other': '1.0' }))).toBe('1 unchanged');
    expect(await verbs()).toEqual(['inspect', 'list', 'freeze']);
  });

  test('another file under the same path is installed', async () => {
    const path = '/run/cfn_made.tar.gz';
    await view().run(`cp ${archive} ${path}`);
    expect(summary(await apply({ 'cfn-made': path }))).toBe('1 changed');
    await view().run(`cd /run && rm -rf unpacked && mkdir unpacked && tar -C unpacked -xzf ${archive} &&
      sed -i s/0.5/0.6/ unpacked/*/setup.py && tar -C unpacked -czf ${path} cfn_made-0.5`);
    expect(summary(await apply({ 'cfn-made': path }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn_made==0.6']);
  });

  describe('of which another source has the same version', () => {
    const repository = 'git+file:///pypi/source/cfn-made';
    const server = 'http://127.0.0.1:8081';
    const file = 'cfn_dummy-1.9-py3-none-any.whl';
    const mended = `/run/mended/${file}`;
    const content = () => view().run('cat /usr/local/lib/python3*/dist-packages/cfn_[dm]*.py');
    const installs = async () => (await calls()).filter((line) => line.startsWith('install'));

    beforeAll(async () => {
      if (!canRun) return;
      await view().run(`mkdir -p /run/mended && cp ${wheel} /run/mended && cd /run/mended && python3 -c '
import zipfile
with zipfile.ZipFile("${mended}") as old: texts = {name: old.read(name) for name in old.namelist()}
texts["cfn_dummy.py"] += b"# mended\\n"
with zipfile.ZipFile("${mended}", "w") as new:
    for name, text in texts.items(): new.writestr(name, text)'`);
      const files = {
        [`/a/${file}`]: { status: 200, body: { file: wheel } },
        [`/b/${file}`]: { status: 200, body: { file: mended } },
      };
      await serveInView(view(), files, { port: 8081 });
    });

    test.each<[string, string, string, string]>([
      ['another tag', 'cfn-made', `${repository}@v0.5`, `${repository}@mended`],
      ['another tag, to an older pip that knows no inspect', 'cfn-made', `${repository}@v0.5`, `${repository}@mended`],
      ['a tag after none, by a name of its own', 'any-name', repository, `${repository}@mended`],
      ['another URL', 'cfn-dummy', `${server}/a/${file}`, `${server}/b/${file}`],
      ['another path, by a name of its own', 'any-name', wheel, mended],
    ])('%s: it is installed; then nothing changes', async (what, name, first, second) => {
      if (what.includes('older pip')) await view().run('touch /run/old-pip');
      expect(summary(await apply({ [name]: first }))).toBe('1 changed');
      expect((await content()).stdout).not.toContain('mended');
      await calls();
      expect(summary(await apply({ [name]: first }))).toBe('1 unchanged');
      expect(await installs()).toEqual([]);
      expect(summary(await apply({ [name]: second }))).toBe('1 changed');
      expect((await content()).stdout).toContain('mended');
      await calls();
      expect(summary(await apply({ [name]: second }))).toBe('1 unchanged');
      expect(await installs()).toEqual([]);
    });

    test('another file under the same path: it is installed; then nothing changes', async () => {
      const path = `/run/a+b@c/${file}`;
      await view().run(`mkdir /run/a+b@c && cp ${wheel} ${path}`);
      expect(summary(await apply({ 'cfn-dummy': path }))).toBe('1 changed');
      expect(summary(await apply({ 'cfn-dummy': path.replace('/run/', '/run//') }))).toBe('1 unchanged');
      await view().run(`cp ${mended} ${path}`);
      await calls();
      expect(summary(await apply({ 'cfn-dummy': path }))).toBe('1 changed');
      expect((await installs()).at(-1)).toBe(`install --force-reinstall --no-deps -- ${path}`);
      expect((await content()).stdout).toContain('mended');
      expect(summary(await apply({ 'cfn-dummy': path }))).toBe('1 unchanged');
      expect(await installs()).toEqual([]);
    });
  });

  test('from an index to a URL: the version is there, so nothing has changed', async () => {
    await prepare('cfn-dummy==1.9');
    expect(summary(await apply({ 'cfn-dummy': wheel }))).toBe('1 unchanged');
  });

  test.each<[string, string, RegExp]>([
    ['a path that is not there', '/pypi/files/nothing-1.0-py3-none-any.whl', /nothing-1\.0/],
    ['a URL that is not there', 'http://127.0.0.1:8080/nothing-1.0.tar.gz', /404.*nothing-1\.0/],
  ])('%s is a failure that names it', async (_, address, what) => {
    const server = await serveInView(view(), {});
    const { code, stderr } = await apply({ 'cfn-dummy': address });
    await server.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
  });
});

describe('python and its surroundings', () => {
  test('an index that is down is tried again, then named, without its password', async () => {
    await useIndex(view(), 'http://me:opensesame@127.0.0.1:9/simple');
    const { code, stderr } = await apply({ 'cfn-other': [] });
    await useIndex(view());
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cfn-init: [^\n]*http:\/\/127\.0\.0\.1:9\/simple cannot be reached \(Connection refused\)[^\n]*cfn-other[^\n]*\n$/,
      ),
    });
    expect(stderr).not.toContain('opensesame');
    expect((await calls()).filter((line) => line.startsWith('install'))).toHaveLength(3);
  });

  test('an index that comes back in time is no failure', async () => {
    await useIndex(view(), 'http://127.0.0.1:8080/simple');
    const running = apply({ 'cfn-other': [] });
    await sleep(3_000);
    const server = await serveInView(view(), {
      '/simple/cfn-other/': {
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: { file: '/pypi/simple/cfn-other/index.html' },
      },
      '/files/cfn_other-1.0-py3-none-any.whl': {
        status: 200,
        body: { file: '/pypi/files/cfn_other-1.0-py3-none-any.whl' },
      },
    });
    const { code } = await running;
    await server.close();
    await useIndex(view());
    expect({ code, installed: await installed() }).toEqual({ code: 0, installed: ['cfn_other==1.0'] });
  });

  test("the caller's PIP_ variables and proxies reach pip, and it does not complain about root", async () => {
    const env = { PIP_NO_CACHE_DIR: '1', PIP_RETRIES: '2', https_proxy: 'http://127.0.0.1:3128', no_proxy: 'x' };
    await apply({ 'cfn-other': [] }, [], env);
    const seen = view().read('/run/pip.env').split('\n');
    for (const [name, value] of Object.entries({ ...env, PIP_ROOT_USER_ACTION: 'ignore' }))
      expect(seen).toContain(`${name}=${value}`);
  });

  test("the system's own pip goes before that of PATH", async () => {
    await view().run(`mkdir -p /run/venv/bin && printf '#!/bin/sh\\nexit 9\\n' >/run/venv/bin/pip3 && chmod 755 "$_"`);
    expect((await apply({ 'cfn-other': [] }, [], { PATH: `/run/venv/bin:${ENV.PATH}` })).code).toBe(0);
    expect(await installed()).toEqual(['cfn_other==1.0']);
  });

  describe('called as a module of Python', () => {
    const MODULES = '/usr/lib/python3/dist-packages';
    /** What a module that somebody put in front of Python does. */
    const plant = (directory: string): string =>
      ['pip', 'pip/_vendor', 'packaging', 'sys', 'json', 'os']
        .map(
          (name) => `mkdir -p ${directory}/${name}; echo 'open("/run/planted", "a").write("${name}")' >$_/__init__.py`,
        )
        .join('\n');
    const fromPlanted = (python: ConfigDocument, env: Readonly<Record<string, string>> = {}) =>
      cfnInit(view(), { packages: { python } }, [], { cwd: '/srv/planted', env: { ...ENV, ...env } });
    beforeEach(async () => {
      if (canRun) await view().run(`for f in /usr/bin/pip*; do mv $f $f.away; done\n${plant('/srv/planted')}`);
    });
    afterEach(async () => {
      if (canRun)
        await view().run(`rm -rf /srv/planted /run/planted /srv/elsewhere
          for f in /usr/bin/pip*.away; do mv $f \${f%.away}; done
          [ ! -e ${MODULES}/pip.away ] || mv ${MODULES}/pip.away ${MODULES}/pip
          rm -rf /root/.local/lib/python3*`);
    });

    test.each<[name: string, prepare: string, env: Record<string, string>]>([
      ["the distribution's", 'true', {}],
      ["the distribution's, whatever PYTHONPATH has", plant('/srv/elsewhere'), { PYTHONPATH: '/srv/elsewhere' }],
      ["the distribution's, with PYTHONPATH=.", 'true', { PYTHONPATH: '.', PYTHONHOME: '/srv/planted' }],
      [
        "the user's own",
        `d=/root/.local/lib/python3.11/site-packages; mkdir -p $d; cp -a ${MODULES}/pip $d; mv ${MODULES}/pip ${MODULES}/pip.away`,
        {},
      ],
      [
        'that of PYTHONPATH',
        `mkdir -p /srv/elsewhere; cp -a ${MODULES}/pip $_; mv ${MODULES}/pip ${MODULES}/pip.away`,
        { PYTHONPATH: '/srv/elsewhere' },
      ],
    ])('%s: nothing of the current directory is run', async (_, prepare, env) => {
      await view().run(prepare);
      const packages = { 'cfn-dummy': ['1.9', '1.10'], 'cfn-other': [] };
      const { code, stderr } = await fromPlanted(packages, env);
      expect({ code, stderr, planted: view().exists('/run/planted') }).toEqual({ code: 0, stderr: '', planted: false });
      expect(await installed()).toEqual(['cfn_dummy==1.10', 'cfn_other==1.0']);
      expect(summary(await fromPlanted(packages, env))).toBe('1 unchanged');
    });
  });

  test('without pip the error says which package brings it', async () => {
    const hide = 'for f in /usr/bin/pip* /usr/lib/python3/dist-packages/pip; do mv $f $f.away; done';
    await view().run(hide);
    const { code, stderr } = await apply({ 'cfn-other': [] });
    await view().run('for f in /usr/bin/pip*.away /usr/lib/python3/dist-packages/pip.away; do mv $f ${f%.away}; done');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: pip is not installed: packages python: [^\n]*python3-pip[^\n]*\n$/),
    });
  });
});
