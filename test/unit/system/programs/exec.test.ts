import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ExitCode, Problem } from '../../../../src/errors.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { commandEnvironment } from '../../../../src/system/programs/environment.ts';
import { endTool } from '../../../../src/system/programs/run.ts';

const exec = createExec({ PATH: '/usr/bin:/bin', GREETING: 'hello', LC_ALL: 'de_DE.UTF-8' });

function directory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'cfntools-unit-')));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function script(path: string, text: string, mode = 0o755): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** False for a process that is gone, or has ended and waits for whoever looks after orphans. */
function isAtWork(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('query', () => {
  const bounds = { timeout: 60_000 };

  it.each<[command: [string, ...string[]], exitCode: number, stdout: string, output: string]>([
    [['sh', '-c', 'echo out; echo err >&2; exit 3'], 3, 'out\n', 'out\nerr\n'],
    [['sh', '-c', 'kill -TERM $$'], 143, '', ''],
    [['sh', '-c', 'pwd; echo $LC_ALL; cat'], 0, '/\nC\n', '/\nC\n'],
    [['sh', '-c', 'echo out; sleep 60 &'], 0, 'out\n', 'out\n'],
  ])('with bounds: %j', async (command, exitCode, stdout, output) => {
    expect(await exec.query(command, bounds)).toEqual({ exitCode, stdout, output });
  });

  it.each<[why: string, timeout: number, abort: number, line: string]>([
    ['time is over', 300, 60_000, 'it was ended after 0.3 s'],
    ['it is aborted', 60_000, 300, 'it was ended because this run is stopping'],
  ])('is killed with all that it started when its %s', async (_, timeout, abort, line) => {
    const pid = join(directory(), 'pid');
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), abort);
    const error = await exec
      .query(['sh', '-c', `sleep 60 & echo $! >${pid}; wait`], { timeout, abort: controller.signal })
      .catch((thrown: unknown) => thrown);
    clearTimeout(timer);
    if (!(error instanceof Problem)) throw new Error('no problem');
    expect(error.line).toMatch(new RegExp(`^/usr/bin/sh does not answer: .*: ${line}$`));
    const child = Number(readFileSync(pid, 'utf8'));
    for (let waited = 0; isAtWork(child) && waited < 5000; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isAtWork(child)).toBe(false);
  });
});

it('a query for which the caller gives no bound ends after 30 s, with exit code 75', async () => {
  const real = setTimeout;
  // Milliseconds stand for the seconds of the bound.
  const timer = vi
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation(((run: () => void, delay: number) => real(run, delay === 30_000 ? 300 : delay)) as typeof real);
  onTestFinished(() => timer.mockRestore());
  await expect(exec.query(['sleep', '60'])).rejects.toMatchObject({
    message: expect.stringContaining('sleep does not answer'),
    hint: 'it was ended after 30 s',
    exitCode: 75,
  });
});

describe('tool', () => {
  it.each<[command: [string, ...string[]], exitCode: number, stdout: string]>([
    [['true'], 0, ''],
    [['false'], 1, ''],
    [['sh', '-c', 'echo out; exit 3'], 3, 'out'],
    [['sh', '-c', 'exit 255'], 255, ''],
    [['sh', '-c', 'kill -TERM $$'], 143, ''],
    [['sh', '-c', 'kill -KILL $$'], 137, ''],
    [['sh', '-c', 'printf "%s|" "$@"', 'x', 'a b', '', '$HOME', '*'], 0, 'a b||$HOME|*|'],
    [['sh', '-c', 'cat; echo $LC_ALL $GREETING'], 0, 'C hello'],
  ])('%j ends with %d', async (command, exitCode, stdout) => {
    expect(await exec.tool(command)).toMatchObject({ exitCode, stdout });
  });

  it('parts stdout from all that was printed', async () => {
    const { stdout, output } = await exec.tool(['sh', '-c', 'echo one; echo two >&2']);
    expect(stdout).toBe('one');
    expect(output.split('\n').sort()).toEqual(['one', 'two']);
  });

  it('keeps the lines of both streams whole in all that was printed, however they are written', async () => {
    const { stdout, output } = await exec.tool([
      'sh',
      '-c',
      'printf "out "; sleep .05; printf "err " >&2; sleep .05; printf "one\\nout "; sleep .05; echo one >&2; sleep .05; printf two',
    ]);
    expect(stdout).toBe('out one\nout two');
    expect(output.split('\n').sort()).toEqual(['err one', 'out one', 'out two']);
  });

  it('does not wait for a daemon that holds its pipes, and has its last words', async () => {
    const begin = performance.now();
    const { stdout, output } = await exec.tool(['sh', '-c', 'sleep 30 & echo $!; printf "last words"']);
    process.kill(Number(stdout.split('\n')[0]));
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(stdout).toMatch(/^\d+\nlast words$/);
    expect(output).toBe(stdout);
  });

  it('adds to the environment, and works in /', async () => {
    const { stdout } = await exec.tool(['sh', '-c', 'echo $EXTRA $GREETING; pwd'], { env: { EXTRA: '1' } });
    expect(stdout).toBe('1 hello\n/');
    expect((await exec.query(['pwd'])).stdout).toBe('/\n');
  });

  it('that is not installed is a problem that names it', async () => {
    const failure = exec.tool(['no-such-tool-at-all']);
    await expect(failure).rejects.toThrow(Problem);
    await expect(failure).rejects.toThrow(/no-such-tool-at-all is not installed/);
  });
});

describe('query', () => {
  it('that is aborted is killed with all that it started', async () => {
    const pids = join(directory(), 'pids');
    const abort = new AbortController();
    const text = `trap '' TERM; sleep 30 & echo $$ $! >${pids}.new; mv ${pids}.new ${pids}; wait; sleep 30`;
    const answer = exec.query(['sh', '-c', text], { abort: abort.signal });
    const refusal = expect(answer).rejects.toMatchObject({ hint: 'it was ended because this run is stopping' });
    await expect.poll(() => existsSync(pids)).toBe(true);
    abort.abort();
    await refusal;
    const [shell = 0, child = 0] = readFileSync(pids, 'utf8').split(' ').map(Number);
    await expect.poll(() => isAtWork(shell) || isAtWork(child)).toBe(false);
  });

  it('that does not answer within its timeout is not waited for', async () => {
    await expect(exec.query(['sleep', '30'], { timeout: 300 })).rejects.toMatchObject({
      line: expect.stringMatching(/sleep does not answer: 30: it was ended after 0\.3 s$/),
      exitCode: ExitCode.deadline,
    });
  });

  it('that answers in time is as one without bounds', async () => {
    const result = await exec.query(['sh', '-c', 'echo out; echo err >&2; exit 3'], { timeout: 30_000 });
    expect(result).toEqual({ exitCode: 3, stdout: 'out\n', output: 'out\nerr\n' });
  });

  it('that was aborted before is not begun', async () => {
    const file = join(directory(), 'begun');
    await expect(exec.query(['touch', file], { abort: AbortSignal.abort() })).rejects.toThrow(Problem);
    expect(existsSync(file)).toBe(false);
  });
});

describe('find', () => {
  it('looks through PATH, and then where administrators have their tools', () => {
    const own = directory();
    script(join(own, 'my-tool'), '#!/bin/sh\n');
    script(join(own, 'no-program'), 'x', 0o644);
    expect(createExec({ PATH: own }).find('my-tool')).toBe(join(own, 'my-tool'));
    expect(createExec({ PATH: own }).find('no-program')).toBeUndefined();
    expect(createExec({ PATH: own }).find('sh')).toMatch(/\/bin\/sh$/);
    expect(createExec({}).find('sh')).toMatch(/\/bin\/sh$/);
    expect(exec.find('my-tool')).toBeUndefined();
    expect(exec.find(join(own, 'my-tool'))).toBe(join(own, 'my-tool'));
    expect(exec.find(own)).toBeUndefined();
  });
});

describe('a PATH with entries that are no absolute directories', () => {
  it.each(['.', '', 'bin', './bin'])('%j is not searched, nor handed on', async (entry) => {
    const here = process.cwd();
    const own = directory();
    onTestFinished(() => process.chdir(here));
    process.chdir(own);
    for (const place of ['.', 'bin']) {
      mkdirSync(join(own, place), { recursive: true });
      script(join(own, place, 'planted'), '#!/bin/sh\necho planted\n');
    }
    const odd = createExec({ PATH: `${entry}:/usr/bin:/bin:${entry}` });
    expect(odd.find('planted')).toBeUndefined();
    expect(odd.find('bin/planted')).toBeUndefined();
    await expect(odd.tool(['planted'])).rejects.toThrow(Problem);
    await expect(odd.query(['planted'])).rejects.toThrow(Problem);
    const { stdout } = await odd.tool(['sh', '-c', 'echo $PATH; planted']);
    expect(stdout.split(':').filter((directory) => !directory.startsWith('/'))).toEqual([]);
    const env = commandEnvironment({ PATH: `${entry}:/usr/bin:/bin:${entry}` }, undefined);
    expect(env['PATH']).toBe('/usr/bin:/bin');
    await expect(odd.command(['planted'], { env })).rejects.toThrow(Problem);
    expect((await odd.command('planted', { env })).exitCode).toBe(127);
  });
});

describe('command', () => {
  it.each<[command: string | string[], exitCode: number, output: string]>([
    ['echo $GREETING | tr a-z A-Z', 0, 'HELLO\n'],
    ['exit 3', 3, ''],
    ['false; echo on', 0, 'on\n'],
    ['echo out; echo err >&2', 0, 'out\nerr\n'],
    ['no-such-tool-at-all', 127, expect.stringContaining('no-such-tool-at-all') as unknown as string],
    ['cat', 0, ''],
    ['kill -TERM $$', 143, ''],
    ['kill -KILL $$', 137, ''],
    [['echo', '$GREETING', '*', 'a  b'], 0, '$GREETING * a  b\n'],
    [['false'], 1, ''],
    [['sh', '-c', 'exit 42'], 42, ''],
    [['sh', '-c', 'kill -INT $$'], 130, ''],
  ])('%j ends with %d', async (command, exitCode, output) => {
    expect(await exec.command(command, {})).toEqual({ exitCode, output });
  });

  it('has just the environment that it is given', async () => {
    const { output } = await exec.command(['/usr/bin/env'], { env: { ONLY: 'this', NOT: undefined } });
    expect(output).toBe('ONLY=this\n');
  });

  it('works in a directory', async () => {
    const cwd = directory();
    expect((await exec.command('pwd', { cwd })).output).toBe(`${cwd}\n`);
  });

  it.each<[command: string | string[], options: object, says: RegExp]>([
    [['no-such-tool-at-all'], {}, /no-such-tool-at-all.*no such program/],
    [['/nowhere/program', 'x'], {}, /\/nowhere\/program.*no such program/],
    [['/etc/passwd'], {}, /\/etc\/passwd is not executable/],
    ['true', { cwd: '/nowhere' }, /cwd does not exist/],
  ])('%j that cannot start is a problem', async (command, options, says) => {
    const failure = exec.command(command, options);
    await expect(failure).rejects.toThrow(Problem);
    await expect(failure).rejects.toHaveProperty('line', expect.stringMatching(says));
  });

  it('does not wait for a daemon that holds its pipes', async () => {
    const begin = performance.now();
    const { exitCode, output } = await exec.command('sleep 30 & echo $!; echo done', {});
    const [pid, text] = output.split('\n');
    process.kill(Number(pid));
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect({ exitCode, text }).toEqual({ exitCode: 0, text: 'done' });
  });

  it.each([
    [0o077, '0077'],
    [undefined, process.umask().toString(8).padStart(4, '0')],
  ])('umask %s is %s, and ours stays', async (umask, shown) => {
    const before = process.umask();
    expect((await exec.command('umask', umask === undefined ? {} : { umask })).output).toBe(`${shown}\n`);
    expect(process.umask()).toBe(before);
  });

  it('that is too long to start is a problem', async () => {
    await expect(exec.command(`: ${'x'.repeat(200_000)}`, {})).rejects.toThrow(Problem);
    await expect(exec.command('true', { env: { A: 'a\0b' } })).rejects.toThrow(Problem);
  });

  it('has no timer when its timeout is Infinity, which no timer of Node takes', async () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => timer.mockRestore());
    expect(await exec.command('exit 3', { timeout: Number.POSITIVE_INFINITY })).toEqual({ exitCode: 3, output: '' });
    expect(timer.mock.calls.map(([, delay]) => delay ?? 0).filter((delay) => delay > 86_400_000)).toEqual([]);
  });

  it('past its timeout is ended with all that it started, whatever they think of SIGTERM', async () => {
    const stubborn = `sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo $!; sleep 300 & echo $!; exec sleep 300`;
    const { exitCode, output, cut } = await exec.command(stubborn, { timeout: 300 });
    expect({ exitCode, cut }).toEqual({ exitCode: 143, cut: 'timeout' });
    const pids = output.trim().split('\n').map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) await expect.poll(() => isAtWork(pid)).toBe(false);
  });

  it('is ended when it is aborted, also before it began', async () => {
    const controller = new AbortController();
    const running = exec.command('sleep 300; sleep 300', { abort: controller.signal });
    setTimeout(() => controller.abort(), 100);
    expect(await running).toEqual({ exitCode: 143, output: '', cut: 'abort' });
    expect((await exec.command('sleep 300', { abort: controller.signal })).cut).toBe('abort');
  });

  it('in time is left alone, and so is the daemon that it leaves', async () => {
    const { output, ...rest } = await exec.command('sleep 30 & echo $!', { timeout: 10_000 });
    expect(rest).toEqual({ exitCode: 0 });
    process.kill(Number(output)); // throws when it is gone
  });

  it('takes all that it printed before it ended', async () => {
    const { output } = await exec.command('i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done', {});
    expect(output.split('\n')).toHaveLength(501);
    expect(output).toMatch(/line 499\n$/);
  });
});

describe('commandEnvironment', () => {
  const machine = {
    HOME: '/root',
    PATH: '/bin',
    LANG: 'C',
    SHELL: '/bin/zsh',
    USER: 'root',
    OTHER: 'x',
    GONE: undefined,
  };

  it("is the machine's own when none is wanted", () => {
    expect(commandEnvironment(machine, undefined)).toEqual(machine);
  });

  it.each<[wanted: Record<string, string>, expected: Record<string, string>]>([
    [{}, { HOME: '/root', PATH: '/bin', LANG: 'C', SHELL: '/bin/zsh', USER: 'root' }],
    [{ A: '1' }, { A: '1', HOME: '/root', PATH: '/bin', LANG: 'C', SHELL: '/bin/zsh', USER: 'root' }],
    [
      { HOME: '/h', PATH: '' },
      { HOME: '/h', PATH: '', LANG: 'C', SHELL: '/bin/zsh', USER: 'root' },
    ],
  ])('is replaced by %j', (wanted, expected) => {
    expect(commandEnvironment(machine, wanted)).toEqual(expected);
  });

  it.each([undefined, '', '.', 'bin:'])('has a PATH of its own where the machine has %j', (path) => {
    expect(commandEnvironment({ PATH: path }, undefined)['PATH']).toBe(commandEnvironment({}, undefined)['PATH']);
    expect(commandEnvironment({ PATH: path }, { A: '1' })['PATH']).toMatch(/^\/usr\/local\/sbin:/);
  });

  const credentials = {
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_SESSION_TOKEN: 'x',
    AWS_SECURITY_TOKEN: 'x',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'x',
    EC2_SECRET_KEY: 'x',
    OS_PASSWORD: 'x',
    OS_TOKEN: 'x',
    OS_AUTH_TOKEN: 'x',
    OS_PASSCODE: 'x',
    OS_APPLICATION_CREDENTIAL_ID: 'x',
    OS_APPLICATION_CREDENTIAL_SECRET: 'x',
    ST_KEY: 'x',
    MYSQL_PWD: 'x',
    PGPASSWORD: 'x',
    VAULT_TOKEN: 'x',
    deploy_api_key: 'x',
    SMTP_PASS: 'x',
    CREDENTIALS_DIRECTORY: 'x',
  };
  const harmless = {
    OS_AUTH_URL: 'x',
    AWS_DEFAULT_REGION: 'x',
    http_proxy: 'http://user:word@proxy:3128',
    PWD: '/',
    OLDPWD: '/',
    SSH_ASKPASS: 'x',
    SSH_AUTH_SOCK: 'x',
    KEYMAP: 'x',
    TOKENIZERS_PARALLELISM: 'x',
    PASSENGER_ROOT: 'x',
    NODE_OPTIONS: '--no-warnings',
  };

  it("of another user has that user's names, and none of the machine's credentials", () => {
    const user = { name: 'web', home: '/srv/web', isOther: true };
    expect(commandEnvironment({ ...machine, ...credentials, ...harmless }, undefined, user)).toEqual({
      ...machine,
      ...harmless,
      HOME: '/srv/web',
      USER: 'web',
      LOGNAME: 'web',
    });
    const wanted = { OS_PASSWORD: 'for this command' };
    expect(commandEnvironment({ ...machine, ...credentials }, wanted, user)).toEqual({
      ...wanted,
      HOME: '/srv/web',
      PATH: '/bin',
      LANG: 'C',
      SHELL: '/bin/zsh',
      USER: 'web',
    });
  });

  it('of our own user keeps the credentials', () => {
    const user = { name: 'toor', home: '/root', isOther: false };
    expect(commandEnvironment({ ...machine, ...credentials }, undefined, user)).toEqual({
      ...machine,
      ...credentials,
      USER: 'toor',
      LOGNAME: 'toor',
    });
  });

  it('has defaults where the machine has nothing', () => {
    const { HOME, PATH, LANG, SHELL, USER, ...others } = commandEnvironment({}, undefined);
    for (const value of [HOME, PATH, LANG, SHELL, USER]) expect(value).toMatch(/./);
    expect(PATH?.split(':')).toEqual(expect.arrayContaining(['/usr/bin', '/bin', '/usr/sbin', '/sbin']));
    expect(others).toEqual({});
  });
});

it('a tool that has ended when the run is aborted, and whose pipes are still read, is no bug', async () => {
  const said: string[] = [];
  const end = endTool('apt-get', 'ask', (text) => said.push(text));
  const exited = new Promise<void>((resolve) => setTimeout(resolve, 50));
  // No process has this number: it is above the most that the kernel gives.
  await end(2 ** 22 + 1, 'abort', exited);
  expect(said).toEqual([`waiting for apt-get (process ${2 ** 22 + 1}) to end, 60 s at most`]);

  const abort = new AbortController();
  const bound = createExec({ PATH: '/usr/bin:/bin' }, { signal: abort.signal, note: (text) => said.push(text) });
  const ended = bound.tool(['sh', '-c', 'sleep 30 & echo $!'], { onAbort: 'ask' });
  setTimeout(() => abort.abort(new Error('ended by SIGTERM')), 50);
  await expect(ended).rejects.toThrow('ended by SIGTERM');
});
