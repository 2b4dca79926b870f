import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, metadata } from '../support/cfn-init.ts';
import { startServer, type TestServer } from '../support/http-server.ts';
import { expectSoon } from '../support/soon.ts';
import { useSandbox } from '../support/use-machine.ts';

// What becomes of a run that SIGTERM, SIGINT or SIGHUP is sent to.
const view = useSandbox({ network: 'shared' });
/** Says nothing, and leaves a mark when it is asked. */
let server: TestServer;
let mark = '';
let count = 0;

beforeAll(async () => {
  server = await startServer(() => {
    writeFileSync(mark, '');
    return 'silent';
  });
});
afterAll(() => server.close());

function newDirectory(): string {
  const directory = join(view().shared, `dir-${count++}`);
  mkdirSync(directory);
  mark = join(directory, 'mark');
  return directory;
}

interface Signalled {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From the first signal to the end. */
  readonly milliseconds: number;
}

/** Runs a command, and sends it the signals, a second apart, once there is a file `mark`. */
async function signalled(
  command: readonly string[],
  signals: readonly string[],
  prefix: readonly string[] = [],
): Promise<Signalled> {
  const script = `
    mark=$1 signals=$2; shift 2
    "$@" & pid=$!
    until [ -e "$mark" ]; do sleep 0.02; done
    pause=0
    for signal in $signals; do sleep $pause; date +%s%3N >>"$mark.times"; kill -s $signal $pid; pause=1; done
    wait $pid; code=$?; date +%s%3N >>"$mark.times"; exit $code`;
  const words = ['bash', '--norc', '-c', script, 'bash', mark, signals.join(' '), ...prefix, ...command];
  const { code, stdout, stderr } = await view().run(words, { timeout: 30_000 });
  const times = readFileSync(`${mark}.times`, 'utf8').trim().split('\n').map(Number);
  return { code, stdout, stderr, milliseconds: (times.at(-1) ?? 0) - (times[0] ?? 0) };
}

function init(directory: string, config: ConfigDocument, signals: readonly string[], prefix: readonly string[] = []) {
  const document = join(directory, 'document.json');
  writeFileSync(document, metadata(config));
  return signalled([binary('cfn-init'), document], signals, prefix);
}

/** The state of a process in the view, by the file that has its id: empty when it is gone. */
async function stateOf(file: string): Promise<string> {
  const { stdout } = await view().run(
    `sed -n 's/^State:\\s*\\(.\\).*/\\1/p' "/proc/$(cat ${file})/status" 2>/dev/null`,
  );
  return stdout.trim().replace('Z', '');
}

describe('a command that runs is ended with what it has started, and the step is named', () => {
  test.each([
    ['TERM', 143],
    ['INT', 130],
    ['HUP', 129],
  ])('SIG%s: exit code %d', async (signal, expected) => {
    const directory = newDirectory();
    const commands = {
      '1-hangs': {
        command: `cd ${directory}; echo its last words; sleep 300 & echo $! >child; echo $$ >shell; touch mark; wait; sleep 300`,
      },
      '2-next': { command: `touch ${directory}/next` },
    };
    const { code, stdout, stderr } = await init(directory, { commands }, [signal]);
    const where = 'commands "1-hangs"';
    const line = `ended by SIG${signal}: ${where}: 1 step was not run; run cfn-init again`;
    expect({ code, stderr }).toEqual({
      code: expected,
      stderr: `cfn-init: warning: SIG${signal}: ending commands 1-hangs\ncfn-init: ${line}\n`,
    });
    expect(stdout).toMatch(/^commands +failed +1-hangs .*\n.*1 failed, 1 not run in .*\n$/);
    expect(existsSync(join(directory, 'next'))).toBe(false);
    for (const name of ['shell', 'child']) expect(await stateOf(join(directory, name))).toBe('');
    const log = view().read('/var/log/cfn-init.log');
    expect(log).toContain(`ERROR ${line}\n`);
    expect(log).toContain('its last words');
  });

  test('also when the command gets the signal as well, and first, as by systemd', async () => {
    const directory = newDirectory();
    const command = `echo $$ >${directory}/pid; touch ${mark}; exec sleep 300`;
    const document = join(directory, 'd.json');
    writeFileSync(document, metadata({ commands: { a: { command } } }));
    const { code, stderr } = await view().run(`${binary('cfn-init')} ${document} & pid=$!
      until [ -e ${mark} ]; do sleep 0.02; done
      kill $(cat ${directory}/pid) && kill $pid; wait $pid`);
    expect({ code, stderr }).toEqual({
      code: 143,
      stderr: expect.stringContaining('cfn-init: ended by SIGTERM: commands "a"'),
    });
  });

  test('also when it is a test, whatever --compat and ignoreErrors say', async () => {
    const directory = newDirectory();
    const commands = { a: { command: 'true', test: `touch ${mark}; sleep 300`, ignoreErrors: true } };
    writeFileSync(join(directory, 'd.json'), metadata({ commands }));
    const command = [binary('cfn-init'), '--compat', 'heat', join(directory, 'd.json')];
    const { code, stdout } = await signalled(command, ['TERM']);
    expect({ code, stdout }).toEqual({ code: 143, stdout: expect.stringContaining('1 failed') });
  });

  test('also what has a process group of its own', async () => {
    const directory = newDirectory();
    const wrappers = ['timeout 300', 'setsid -w', 'setpriv --reuid 65534 --clear-groups timeout 300'];
    const files = wrappers.map((_, index) => join(directory, `pid-${index}`));
    await view().run(['chmod', '777', directory]);
    const started = wrappers.map((wrapper, index) => `${wrapper} sh -c 'echo $$ >${files[index]}; exec sleep 300' &`);
    const arrived = files.map((file) => `until [ -s ${file} ]; do sleep 0.02; done`);
    const command = `${started.join(' ')} ${arrived.join('; ')}; touch ${mark}; wait`;
    expect((await init(directory, { commands: { a: { command } } }, ['TERM'])).code).toBe(143);
    for (const file of files) expect(await stateOf(file)).toBe('');
  });

  test('but what a finished command has left in the background lives on', async () => {
    const directory = newDirectory();
    const commands = {
      a: { command: `sleep 300 & echo $! >${directory}/daemon` },
      b: { command: `touch ${mark}; sleep 300` },
    };
    expect((await init(directory, { commands }, ['TERM'])).code).toBe(143);
    expect(await stateOf(join(directory, 'daemon'))).toBe('S');
    await view().run(`kill $(cat ${directory}/daemon)`);
  });

  test('a cfn-init that a command or an action runs ends its own command before it is killed itself', async () => {
    const directory = newDirectory();
    const deaf = `trap '' TERM; echo $$ >${directory}/deaf; touch ${mark}; while :; do sleep 0.1; done`;
    writeFileSync(join(directory, 'inner.json'), metadata({ commands: { a: { command: deaf } } }));
    const command = `${binary('cfn-init')} ${directory}/inner.json 2>${directory}/inner; echo $? >${directory}/code`;
    const { code, milliseconds } = await init(directory, { commands: { a: { command } } }, ['TERM']);
    expect(code).toBe(143);
    expect(await stateOf(join(directory, 'deaf'))).toBe('');
    expect(readFileSync(join(directory, 'inner'), 'utf8')).toContain('ended by SIGTERM');
    // The half of what the outer one gives.
    await expectSoon(milliseconds, 9000);
  });
});

describe('what waits ends at once', () => {
  const rows: [string, (directory: string) => ConfigDocument | readonly string[], RegExp][] = [
    [
      'waitAfterCompletion',
      () => ({ commands: { a: { command: `(sleep 0.5; touch ${mark}) & :`, waitAfterCompletion: 600 } } }),
      /commands "a/,
    ],
    [
      'a download, whose temporary files are removed',
      (directory) => ({ files: { [`${directory}/new/file`]: { source: `${server.url}/x` } } }),
      /files "/,
    ],
    ['an archive', (directory) => ({ sources: { [`${directory}/new`]: `${server.url}/x.tar.gz` } }), /sources "/],
    [
      'Heat',
      () => [...['-s', 's', '-r', 'r', '--url', server.url], ...['--access-key', 'a', '--secret-key', 'b']],
      /the look-up of metadata/,
    ],
  ];
  test.each(rows)('%s', async (_, ofDirectory, where) => {
    const directory = newDirectory();
    const wanted = ofDirectory(directory);
    const { code, stderr, milliseconds } = Array.isArray(wanted)
      ? await signalled([binary('cfn-init'), ...(wanted as string[])], ['TERM'])
      : await init(directory, wanted as ConfigDocument, ['TERM']);
    expect({ code, stderr }).toEqual({ code: 143, stderr: expect.stringMatching(/^cfn-init: ended by SIGTERM: /m) });
    expect(stderr).toMatch(where);
    await expectSoon(milliseconds, 3000);
    const left = readdirSync(directory, { recursive: true }).filter((name) => /cfntools/.test(String(name)));
    expect(left).toEqual([]);
  });

  test.each([
    ['cfn-signal', () => ['-i', 'me', `${server.url}/x`]],
    ['cfn-get-metadata', () => ['-s', 's', '-r', 'r', '--url', server.url, '--access-key', 'a', '--secret-key', 'b']],
  ])('%s, as any program', async (command, args) => {
    newDirectory();
    const { code, stderr, milliseconds } = await signalled([binary(command), ...args()], ['TERM']);
    expect({ code, stderr: stderr.replace(/^.*Terminated.*\n/m, '') }).toEqual({ code: 143, stderr: '' });
    await expectSoon(milliseconds, 3000);
  });

  test('the read of a document from a pipe that nobody writes to', async () => {
    const directory = newDirectory();
    await view().run(['mkfifo', `${directory}/fifo`]);
    const script = `(sleep 0.5; touch ${mark}) & exec ${binary('cfn-init')} - <>${directory}/fifo`;
    const { code, milliseconds } = await signalled(['bash', '-c', script], ['TERM']);
    expect(code).toBe(143);
    await expectSoon(milliseconds, 3000);
  });
});

describe('a package tool', () => {
  /** A gem that installs nothing, and deals with SIGINT as `onInt` says. */
  function gem(directory: string, onInt: string): readonly string[] {
    const script = `#!/bin/sh
      [ "$1" = install ] || exit 0
      trap '${onInt}' INT; trap 'touch ${directory}/term' TERM
      echo $$ >${directory}/pid; touch ${directory}/mark
      while :; do sleep 0.1; done`;
    writeFileSync(join(directory, 'gem'), script, { mode: 0o755 });
    return ['env', `PATH=${directory}:/usr/bin:/bin`];
  }
  const packages = { rubygems: { rake: [] } };

  test('is asked to end, and waited for', async () => {
    const directory = newDirectory();
    const prefix = gem(directory, `sleep 0.7; touch ${directory}/rolled-back; exit 1`);
    const { code, stderr } = await init(directory, { packages }, ['TERM'], prefix);
    expect({ code, stderr: stderr.replace(/process \d+/, 'process N') }).toEqual({
      code: 143,
      stderr: [
        'cfn-init: warning: SIGTERM: ending packages rubygems',
        'cfn-init: warning: waiting for gem (process N) to end, 60 s at most',
        'cfn-init: ended by SIGTERM: packages rubygems: run cfn-init again',
        '',
      ].join('\n'),
    });
    expect(existsSync(join(directory, 'rolled-back'))).toBe(true);
    expect(existsSync(join(directory, 'term'))).toBe(false);
  });

  test('is left alone by a second signal, which ends cfn-init at once', async () => {
    const directory = newDirectory();
    const { code, stderr, milliseconds } = await init(directory, { packages }, ['INT', 'TERM'], gem(directory, ':'));
    expect({ code, stderr }).toEqual({
      code: 143,
      stderr: expect.stringContaining('SIGTERM again: exiting at once, packages rubygems may continue\n'),
    });
    await expectSoon(milliseconds, 4000);
    expect(await stateOf(join(directory, 'pid'))).toBe('S');
    await view().run(`kill -KILL $(cat ${directory}/pid)`);
  });
});

test('a second signal kills a command that does not end', async () => {
  const directory = newDirectory();
  const command = `trap '' TERM; echo $$ >${directory}/pid; touch ${mark}; while :; do sleep 0.1; done`;
  const { code, milliseconds } = await init(directory, { commands: { a: { command } } }, ['TERM', 'TERM']);
  expect(code).toBe(143);
  await expectSoon(milliseconds, 4000);
  expect(await stateOf(join(directory, 'pid'))).toBe('');
});

test('the same signal twice at once, as from timeout(1), counts once', async () => {
  const directory = newDirectory();
  const clean = `sleep 0.3; touch ${directory}/clean; exit`;
  const command = `trap '${clean}' TERM; touch ${mark}; while :; do sleep 0.1; done`;
  const { code } = await init(directory, { commands: { a: { command } } }, ['TERM'], ['timeout', '300']);
  expect(code).toBe(143);
  await expect.poll(() => existsSync(join(directory, 'clean'))).toBe(true);
});

test('SIGHUP is ignored where it was ignored when we were started', async () => {
  const directory = newDirectory();
  const commands = { a: { command: `touch ${mark}; sleep 1; touch ${directory}/end` } };
  const { code, stderr } = await init(directory, { commands }, ['HUP'], ['nohup']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(existsSync(join(directory, 'end'))).toBe(true);
});
