import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, metadata, summary } from '../support/cfn-init.ts';
import type { RunOptions } from '../support/process.ts';
import { useMachine, useSandbox } from '../support/use-machine.ts';

const machine = useMachine();
let count = 0;

function newDirectory(): string {
  const directory = join(machine().shared, `dir-${count++}`);
  mkdirSync(directory);
  return directory;
}

const apply = (commands: ConfigDocument, options: RunOptions = {}) => cfnInit(machine(), { commands }, [], options);

/** What a command prints, told apart by the file it prints to. */
async function output(entry: ConfigDocument, options: RunOptions = {}): Promise<string> {
  const file = join(newDirectory(), 'out');
  const command = entry['command'];
  const written = Array.isArray(command) ? ['sh', '-c', '"$@" >"$0"', file, ...command] : `{ ${command}\n} >${file}`;
  const { code, stderr } = await apply({ x: { ...entry, command: written } }, options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return readFileSync(file, 'utf8');
}

describe('order', () => {
  test('is by name, not by place in the document', async () => {
    const file = join(newDirectory(), 'out');
    const names = ['b', '10-x', '2-x', 'B', '01', 'a', '-'];
    const { code, stdout } = await apply(
      Object.fromEntries(names.map((name) => [name, { command: `echo "${name}" >>${file}` }])),
    );
    const order = [...names].sort();
    expect({ code, order: readFileSync(file, 'utf8').trim().split('\n') }).toEqual({ code: 0, order });
    const steps = stdout.split('\n').filter((line) => line.startsWith('commands'));
    expect(steps.map((line) => /changed\s+(\S+)/.exec(line)?.[1])).toEqual(order);
  });

  test('one after the other, and the first that fails ends the run', async () => {
    const directory = newDirectory();
    const result = await apply({
      a: { command: `sleep 0.3; touch ${directory}/a` },
      b: { command: `test -e ${directory}/a && touch ${directory}/b; exit 3` },
      c: { command: `touch ${directory}/c` },
    });
    expect({ code: result.code, summary: summary(result) }).toEqual({
      code: 1,
      summary: '1 changed, 1 failed, 1 not run',
    });
    expect(['a', 'b', 'c'].map((name) => existsSync(join(directory, name)))).toEqual([true, true, false]);
  });
});

describe('command', () => {
  test.each<[string, unknown, string]>([
    ['text goes to the shell', `a=1; echo "$a $((a + 1))" | tr 1 one`, 'o 2\n'],
    ['a list goes as it is', ['printf', '%s|', 'a b', '$HOME', '*', "it's", '', '<&;'], "a b|$HOME|*|it's||<&;|"],
    ['numbers in a list are words', ['printf', '%s|', 1, 2.5, true], '1|2.5|true|'],
    ['text of several lines', 'echo a\necho b', 'a\nb\n'],
    ['stdin is empty', 'cat; echo end', 'end\n'],
    ['escapes behind a letter and a colon', "printf 'E:\\tno\\n'", 'E:\tno\n'],
    ['non-ASCII', ['printf', '%s', 'Grüße 🎉'], 'Grüße 🎉'],
  ])('%s', async (_, command, expected) => {
    expect(await output({ command })).toBe(expected);
  });

  test('the whole of a script is one shell', async () => {
    expect(await output({ command: 'set -e\ncd /usr\npwd' })).toBe('/usr\n');
  });

  test.each([
    ['a list whose program is not there', ['there-is-no-such-program', 'x'], /there-is-no-such-program/],
    ['text whose program is not there', 'there-is-no-such-program x', /127.*there-is-no-such-program/],
    ['a list whose program is a directory', ['/usr'], /\/usr/],
  ])('%s: one line, exit 1', async (_, command, what) => {
    const { code, stderr } = await apply({ x: { command } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
  });
});

describe('env', () => {
  const CLEAN = { PATH: '/usr/bin:/bin:/usr/sbin', LANG: 'de_DE.UTF-8', SOMETHING: 'of the machine' };
  const names = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => line.split('=')[0] ?? '')
      .filter((name) => name !== '' && name !== '_' && name !== 'PWD' && name !== 'SHLVL' && name !== 'OLDPWD')
      .sort();

  test('replaces the environment, but for five that are given when absent', async () => {
    const text = await output(
      { command: '/usr/bin/env', env: { A: 'x y', N: 5, T: true, E: '', Q: `a'b"c$d\ne` } },
      { env: CLEAN },
    );
    expect(text).toContain('A=x y\n');
    for (const line of ['N=5\n', 'T=true\n', 'E=\n', `Q=a'b"c$d\ne\n`]) expect(text).toContain(line);
    expect(text).not.toContain('SOMETHING');
    expect(names(text.replace('\ne\n', '\n'))).toEqual([
      'A',
      'E',
      'HOME',
      'LANG',
      'N',
      'PATH',
      'Q',
      'SHELL',
      'T',
      'USER',
    ]);
  });

  test('of the entry wins over the defaults', async () => {
    const env = { HOME: '/h', PATH: '/usr/bin:/bin:/x', LANG: 'C', SHELL: '/s', USER: 'u' };
    const text = await output({ command: '/usr/bin/env', env });
    for (const [name, value] of Object.entries(env)) expect(text).toContain(`${name}=${value}\n`);
  });

  test("left out: the machine's own", async () => {
    expect(await output({ command: 'echo $SOMETHING $LANG' }, { env: CLEAN })).toBe('of the machine de_DE.UTF-8\n');
  });

  test('also counts for the test', async () => {
    const result = await apply({ x: { command: 'true', test: 'test "$WISH" = yes', env: { WISH: 'yes' } } });
    expect(summary(result)).toBe('1 changed');
  });

  test('nothing of the packaging is in it', async () => {
    const clean = { PATH: '/usr/bin:/bin' };
    expect(names(await output({ command: '/usr/bin/env' }, { env: clean }))).toEqual([
      'HOME',
      'LANG',
      'PATH',
      'SHELL',
      'USER',
    ]);
  });

  test("the caller's own NODE_ and PKG_ variables are passed on, and mean nothing to us", async () => {
    const env = { PATH: '/usr/bin:/bin', NODE_OPTIONS: '--nonsense', NODE_PATH: '/x', PKG_EXECPATH: '/y' };
    const text = await output({ command: 'echo $NODE_OPTIONS $NODE_PATH $PKG_EXECPATH' }, { env });
    expect(text).toBe('--nonsense /x /y\n');
  });

  test.each(['node', 'python3'])("%s is the machine's own program", async (program) => {
    const directory = newDirectory();
    await machine().run(
      `printf '#!/bin/sh\\necho "own $0 $*"\\n' >${directory}/${program}; chmod 755 ${directory}/${program}`,
    );
    const env = { PATH: `${directory}:/usr/bin:/bin` };
    for (const command of [`${program} -v`, [program, '-v']])
      expect(await output({ command }, { env })).toBe(`own ${directory}/${program} -v\n`);
  });

  test('a python of the machine runs', async (context) => {
    if ((await machine().run(['/usr/bin/python3', '-c', ''])).code !== 0) context.skip('needs python3');
    const command = ['/usr/bin/python3', '-c', 'import sys, json; print(sys.executable)'];
    expect(await output({ command }, { env: { PATH: '/usr/bin:/bin' } })).toBe('/usr/bin/python3\n');
  });

  test('without any environment at all', async () => {
    expect(await output({ command: 'command -v ls' }, { env: {} })).toMatch(/\/ls\n$/);
  });
});

describe('cwd', () => {
  test('is where it runs, through a link too', async () => {
    const directory = newDirectory();
    symlinkSync('/usr', join(directory, 'link'));
    expect(await output({ command: '/bin/pwd', cwd: '/usr/bin' })).toBe('/usr/bin\n');
    expect(await output({ command: '/bin/pwd', cwd: join(directory, 'link') })).toBe('/usr\n');
  });

  test.each([
    ['~', ''],
    ['~/sub', '/sub'],
  ])('%s is the home directory', async (cwd, rest) => {
    const home = newDirectory();
    mkdirSync(join(home, 'sub'));
    const env = { PATH: '/usr/bin:/bin', HOME: home };
    expect(await output({ command: '/bin/pwd', cwd }, { env })).toBe(`${home}${rest}\n`);
    expect(await output({ command: '/bin/pwd', cwd, env: { HOME: home } })).toBe(`${home}${rest}\n`);
  });

  test('that is relative counts from where cfn-init runs', async () => {
    const directory = newDirectory();
    mkdirSync(join(directory, 'sub/deep'), { recursive: true });
    for (const [cwd, rest] of [
      ['sub', '/sub'],
      ['./sub/../sub/deep/', '/sub/deep'],
      ['.', ''],
    ])
      expect(await output({ command: '/bin/pwd', cwd }, { cwd: directory })).toBe(`${directory}${rest}\n`);
    for (const cwd of ['usr', 'deep']) {
      const { code, stderr } = await apply({ x: { command: 'true', cwd } }, { cwd: directory });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `cfn-init: no such directory: commands "x", cwd: create ${directory}/${cwd} first\n`,
      });
    }
  });

  test('that is missing is an error that names it, and nothing is run', async () => {
    const mark = join(newDirectory(), 'ran');
    for (const more of [{}, { test: `touch ${mark}` }]) {
      const { code, stderr } = await apply({ x: { command: `touch ${mark}`, cwd: '/there/is/nothing', ...more } });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^cfn-init: [^\n]*\/there\/is\/nothing[^\n]*\n$/),
      });
    }
    expect(existsSync(mark)).toBe(false);
  });

  test('also counts for the test', async () => {
    const directory = newDirectory();
    await apply({ x: { command: 'true', test: 'pwd >from-test', cwd: directory } });
    expect(readFileSync(join(directory, 'from-test'), 'utf8')).toBe(`${directory}\n`);
  });
});

describe('runas', () => {
  const CREDENTIALS = { AWS_SECRET_ACCESS_KEY: 'a-secret-key', OS_PASSWORD: 'word' };
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', OTHER: 'x', ...CREDENTIALS };
  let place = '';
  const seen = () => readFileSync(join(place, 'seen'), 'utf8').trimEnd().split('\n');

  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    await machine().run(`groupadd -g 7001 extra; groupadd -g 7002 worker
      useradd -u 7003 -g worker -G extra -d /home/worker worker; mkdir -p /home/worker; chmod 755 /home/worker`);
  });
  beforeEach((context) => {
    if (process.geteuid?.() !== 0) context.skip('needs root');
    place = newDirectory();
    chmodSync(place, 0o777);
  });

  test.each(['worker', 7003, ' worker '])(
    '%j: all ids and groups, HOME, USER and LOGNAME are its own, of the test too; credentials are not for it',
    async (runas) => {
      const script = `{ grep -E '^(Uid|Gid|Groups):' /proc/self/status; echo "$HOME $USER $LOGNAME $OTHER $PWD"
        env | grep -E '^(AWS|OS)_'; } >>seen; true`;
      for (const entry of [
        { command: script, test: script },
        { command: ['sh', '-c', script], test: ['sh', '-c', script] },
      ]) {
        const { code, stderr } = await apply({ x: { ...entry, runas, cwd: place } }, { env });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      }
      const once = [
        'Uid: 7003 7003 7003 7003',
        'Gid: 7002 7002 7002 7002',
        'Groups: 7001 7002',
        `/home/worker worker worker x ${place}`,
      ];
      expect(seen().map((line) => line.replace(/\s+/g, ' ').trim())).toEqual([once, once, once, once].flat());
    },
  );

  test('env is what the command gets, with the five defaults; ~ in cwd is the home of the user', async () => {
    const command = `echo "$HOME $USER $A $OTHER$PWD" >>${place}/seen`;
    await apply({ x: { command, runas: 'worker', env: { A: 'a' }, cwd: '~' } }, { env });
    await apply({ x: { command, runas: 'worker', env: { HOME: place, USER: 'u' }, cwd: '~' } }, { env });
    expect(seen()).toEqual(['/home/worker worker a /home/worker', `${place} u  ${place}`]);
  });

  test.each(['root', 0])('%j as root changes nothing', async (runas) => {
    const command = `env | grep -vE '^(_|SHLVL|OLDPWD)=' | LC_ALL=C sort >>${place}/seen; echo >>${place}/seen`;
    await apply({ a: { command }, b: { command, runas } }, { env: { ...env, HOME: '/elsewhere' } });
    const [plain, asRoot] = readFileSync(join(place, 'seen'), 'utf8').split('\n\n');
    expect(asRoot).toBe(plain);
    expect(plain).toContain('AWS_SECRET_ACCESS_KEY=a-secret-key\n');
  });

  test('of a user that users has made just now', async () => {
    const command = 'id -un; id -Gn | grep -qw extra';
    const result = await cfnInit(machine(), {
      users: { fresh: { groups: ['extra'] } },
      commands: { x: { command, runas: 'fresh' } },
    });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('a program that is not there ends as without it', async () => {
    for (const command of ['there-is-nothing', ['there-is-nothing']])
      expect(summary(await apply({ x: { command: 'true', test: command, runas: 'worker' } }))).toBe('1 skipped');
    const { code, stderr } = await apply({ x: { command: ['there-is-nothing'], runas: 'worker' } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*127[^\n]*there-is-nothing[^\n]*\n$/),
    });
  });

  test.each<[name: string, runas: string, prepare: string, what: RegExp]>([
    ['a user that does not exist', 'nobody-at-all', '', /no user "nobody-at-all": commands "x", runas: create it/],
    [
      'not root',
      'root',
      'exec setpriv --reuid=7003 --regid=7002 --clear-groups --',
      /only root can run it as root: commands "x", runas: run/,
    ],
    [
      'no right to change users',
      'worker',
      'exec setpriv --bounding-set=-setuid --',
      /cannot run it as worker: commands "x", runas: .*setpriv/,
    ],
    [
      'with the setpriv of BusyBox',
      'worker',
      `mv /usr/bin/setpriv /usr/bin/setpriv.off; printf '#!/bin/sh\necho "BusyBox v1.36"; echo "  --nnp  Ignore"; exit 1\n' >/usr/bin/setpriv; chmod +x /usr/bin/setpriv;`,
      /cannot run it as worker: commands "x", runas: install the setpriv of util-linux\n$/,
    ],
    ['without setpriv', 'worker', 'mv /usr/bin/setpriv /usr/bin/setpriv.off;', /setpriv is not installed/],
  ])('%s: one line, and neither test nor command runs', async (_, runas, prepare, what) => {
    const entry = { command: `touch ${place}/ran`, test: `touch ${place}/ran`, runas, ignoreErrors: true };
    const document = metadata({ commands: { x: entry } });
    const { code, stderr } = await machine().run(['sh', '-c', `${prepare} "$0" -`, binary('cfn-init')], {
      input: document,
    });
    await machine().run('[ ! -e /usr/bin/setpriv.off ] || mv /usr/bin/setpriv.off /usr/bin/setpriv');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(stderr).toMatch(what);
    expect(existsSync(join(place, 'ran'))).toBe(false);
  });
});

describe('test', () => {
  test.each<[unknown, string]>([
    ['true', '1 changed'],
    ['exit 0', '1 changed'],
    ['false', '1 skipped'],
    ['exit 2', '1 skipped'],
    ['kill -9 $$', '1 skipped'],
    ['there-is-no-such-program', '1 skipped'],
    [['test', '-d', '/usr'], '1 changed'],
    [['test', '-d', '/there is nothing'], '1 skipped'],
    [['there-is-no-such-program', 'x'], '1 skipped'],
    [['/there/is/nothing'], '1 skipped'],
    [['/etc/passwd'], '1 skipped'],
    [['/usr'], '1 skipped'],
  ])('%j: %s', async (condition, expected) => {
    const mark = join(newDirectory(), 'ran');
    const result = await apply({ x: { command: `touch ${mark}`, test: condition } });
    expect({ code: result.code, stderr: result.stderr, summary: summary(result) }).toEqual({
      code: 0,
      stderr: '',
      summary: expected,
    });
    expect(existsSync(mark)).toBe(expected === '1 changed');
  });
});

describe('a failing command', () => {
  test('names itself, its exit code and the last line that it printed', async () => {
    const { code, stderr } = await apply({ '02 it': { command: 'echo first; echo the cause >&2; echo; exit 42' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/\ncfn-init: [^\n]*\b42\b[^\n]*commands "02 it"[^\n]*the cause[^\n]*\n$/);
  });

  test.each([['yes'], ['true'], ['TRUE'], [true], [1], ['1']])(
    'ignoreErrors %j: the run goes on',
    async (ignoreErrors) => {
      const result = await apply({ a: { command: 'exit 3', ignoreErrors }, b: { command: 'true' } });
      expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '2 changed' });
    },
  );

  test.each([['no'], ['False'], [false], [0], [null]])('ignoreErrors %j: it ends', async (ignoreErrors) => {
    expect((await apply({ a: { command: 'exit 3', ignoreErrors } })).code).toBe(1);
  });

  test.each([
    ['there-is-no-such-program x', 127],
    [['there-is-no-such-program', 'x'], 127],
    ['/etc/passwd', 126],
    [['/etc/passwd'], 126],
    [['/usr'], 126],
  ])('ignoreErrors and %j, which cannot be run: the run goes on', async (command, exitCode) => {
    const result = await apply({ a: { command, ignoreErrors: true }, b: { command: 'true' } });
    expect({ code: result.code, stderr: result.stderr, summary: summary(result) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(result.stdout).toContain(`exit code ${exitCode} ignored`);
  });

  test('killed by a signal is failed', async () => {
    const { code, stderr } = await apply({ a: { command: 'kill -TERM $$' } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/143|SIGTERM/) });
  });

  test('under --compat heat still ends with 1', async () => {
    expect((await cfnInit(machine(), { commands: { a: { command: 'false' } } }, ['--compat', 'heat'])).code).toBe(1);
  });
});

describe('time', () => {
  test('waitAfterCompletion is waited for', async () => {
    const file = join(newDirectory(), 'out');
    const note = `date +%s.%N >>${file}`;
    await apply({ a: { command: note, waitAfterCompletion: '1.2' }, b: { command: note, waitAfterCompletion: 0 } });
    const [first = 0, second = 0] = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    expect(second - first).toBeGreaterThan(1.15);
    expect(second - first).toBeLessThan(5);
  });

  test('a wait that is longer than any timer of Node is one, and Node says nothing', async () => {
    const input = metadata({ commands: { a: { command: 'true', waitAfterCompletion: 2_592_000 } } });
    const { code, stderr } = await machine().run(['timeout', '1', binary('cfn-init'), '-'], { input });
    expect({ code, stderr }).toEqual({ code: 124, stderr: expect.not.stringMatching(/node|Timeout|Warning/) });
  });

  test.each([
    ['text', 'sleep 15 & echo started'],
    ['text, in the manner of daemons', 'setsid sleep 15 & exit 0'],
    ['a list', ['sh', '-c', 'sleep 15 & echo started']],
  ])('a daemon in the background that holds the pipes is not waited for: %s', async (_, command) => {
    const { code, milliseconds, stderr } = await apply({ a: { command }, b: { command: 'true' } }, { timeout: 14_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(milliseconds).toBeLessThan(6_000);
  });

  test('a flood of output neither blocks nor fills the memory', async () => {
    const command = `head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1`;
    const { code, stderr } = await apply({ a: { command } });
    expect(stderr.length).toBeLessThan(2_000);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/\ncfn-init: [^\n]*the end: see [^\n]*\n$/),
    });
  });

  test('a last line of any length is told, cut', async () => {
    const { code, stderr } = await apply({ a: { command: `printf '%050000d' 7; exit 1` } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*0000[^\n]*\n$/) });
    expect(stderr.length).toBeLessThan(2_000);
  });
});

describe('the log', () => {
  const view = useSandbox();

  test('names each step with its duration, and holds what a failed command printed', async () => {
    await view().run('rm -f /var/log/cfn-init.log*');
    await cfnInit(view(), {
      files: { '/etc/cfntools-a': { content: 'a' } },
      commands: {
        '01_ok': { command: 'echo fine' },
        '02_bad': { command: 'for i in $(seq 5000); do echo "line $i"; done; exit 9' },
      },
    });
    const log = view().read('/var/log/cfn-init.log');
    expect(log).toMatch(/files +changed +\/etc\/cfntools-a .*\d ms/);
    expect(log).toMatch(/commands +changed +01_ok .*\d m?s/);
    expect(log).toMatch(/commands +failed +02_bad .*\d m?s/);
    for (const line of ['line 1\n', 'line 4999\n']) expect(log).toContain(line);
    expect((await view().run(['stat', '-c', '%a', '/var/log/cfn-init.log'])).stdout).toMatch(/^6[04]0\n$/);
  });
});
