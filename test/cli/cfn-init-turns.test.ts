import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, metadata } from '../support/cfn-init.ts';
import type { Ended } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';

// Runs of cfn-init on the same machine take turns.
const view = useSandbox();
let count = 0;

function newDirectory(): string {
  const directory = join(view().shared, `dir-${count++}`);
  mkdirSync(directory);
  return directory;
}

/** A document in a file. */
function documentIn(directory: string, name: string, config: ConfigDocument): string {
  const path = join(directory, `${name}.json`);
  writeFileSync(path, metadata(config));
  return path;
}

/** A command that takes a while, and whose beginning and end are lines of the file `log` in the directory. */
function busy(directory: string, name: string, seconds = 0.4): string {
  return `echo ${name} begins >>${directory}/log; sleep ${seconds}; echo ${name} ends >>${directory}/log`;
}

const linesOf = (directory: string): string[] => readFileSync(join(directory, 'log'), 'utf8').trim().split('\n');
const init = (args: readonly string[], prefix: readonly string[] = []): Promise<Ended> =>
  view().run([...prefix, binary('cfn-init'), ...args], { timeout: 30_000 });
const there = (path: string): Promise<void> => expect.poll(() => existsSync(path), { timeout: 20_000 }).toBe(true);

interface Held {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Lets it go on to its end. */
  readonly release: () => void;
}

/** A cfn-init that is in a command of its own until it is released. */
async function heldRun(args: readonly string[] = [], prefix: readonly string[] = []): Promise<Held> {
  const directory = newDirectory();
  const command = `echo $PPID >${directory}/pid.new; mv ${directory}/pid.new ${directory}/pid; until [ -e ${directory}/go ]; do sleep 0.05; done`;
  const ended = init([...args, documentIn(directory, 'held', { commands: { a: { command } } })], prefix);
  await there(join(directory, 'pid'));
  return {
    pid: Number(readFileSync(join(directory, 'pid'), 'utf8')),
    ended,
    release: () => writeFileSync(join(directory, 'go'), ''),
  };
}

const NOTHING = metadata({});

describe('one run at a time', () => {
  test('the second waits, says for whom, and ends well', async () => {
    const held = await heldRun();
    const directory = newDirectory();
    const second = init([documentIn(directory, 'second', { commands: { a: { command: busy(directory, 'second') } } })]);
    await expect.poll(() => view().read('/var/log/cfn-init.log')).toContain('another cfn-init is running');
    expect(existsSync(join(directory, 'log'))).toBe(false);
    held.release();
    const { code, stderr } = await second;
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        new RegExp(
          `^cfn-init: warning: another cfn-init is running: process ${held.pid}, started \\d+ s ago: waiting for it to end, 1800 s at most\n$`,
        ),
      ),
    });
    expect((await held.ended).code).toBe(0);
    expect(view().exists('/run/cfn-init')).toBe(false);
  });

  test('many at once do not mix, nor take away what another has unpacked', async () => {
    const directory = newDirectory();
    await view().run(`cd ${directory} && mkdir src && echo 1 >src/f && tar -C src -czf a.tar.gz f`);
    const names = ['a', 'b', 'c', 'd'];
    const runs = names.map((name) =>
      init([
        documentIn(directory, name, {
          groups: { 'cfntools-test': {} },
          sources: { [`${directory}/new`]: `file://${directory}/a.tar.gz` },
          commands: { [name]: { command: busy(directory, name, 0.1) } },
        }),
      ]),
    );
    for (const { code } of await Promise.all(runs)) expect(code).toBe(0);
    const lines = linesOf(directory);
    expect(lines).toHaveLength(8);
    for (let at = 0; at < 8; at += 2) expect(lines[at + 1]).toBe(lines[at]?.replace('begins', 'ends'));
    expect(readFileSync(join(directory, 'new/f'), 'utf8')).toBe('1\n');
  });

  test('the later one applies the metadata that there is when its turn comes', async () => {
    const held = await heldRun();
    const directory = newDirectory();
    const publish = (name: string) =>
      view().run(['sh', '-c', 'mkdir -p /var/cache/heat-cfntools; cat >/var/cache/heat-cfntools/last_metadata'], {
        input: metadata({ commands: { a: { command: busy(directory, name, 0) } } }),
      });
    await publish('old');
    const second = init([]);
    await expect.poll(() => view().read('/var/log/cfn-init.log')).toContain(`process ${held.pid},`);
    await publish('new');
    held.release();
    expect((await second).code).toBe(0);
    expect(linesOf(directory)).toEqual(['new begins', 'new ends']);
  });

  test('one that was killed is not waited for', async () => {
    const held = await heldRun();
    await view().run(['kill', '-KILL', String(held.pid)]);
    await held.ended;
    expect(view().exists('/run/cfn-init/run.lock')).toBe(true);
    const { code, stderr } = await view().run([binary('cfn-init'), '-'], { input: NOTHING });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(view().exists('/run/cfn-init')).toBe(false);
    held.release();
  });

  test('lock-timeout ends the wait with 75, is complained about once, and what needs no turn needs no wait', async () => {
    const held = await heldRun();
    await view().run("mkdir -p /etc/cfn && echo 'lock-timeout = 0' >/etc/cfn/cfntools.conf");
    const { code, stderr } = await view().run([binary('cfn-init'), '-'], { input: NOTHING });
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(
        new RegExp(
          `^cfn-init: another cfn-init is running: process ${held.pid}, started \\d+ s ago: wait for it, end it \\(kill ${held.pid}\\), or set lock-timeout in /etc/cfn/cfntools.conf; then run cfn-init again\n$`,
        ),
      ),
    });
    await view().run("echo 'lock-timeout = 1' >/etc/cfn/cfntools.conf");
    const later = await view().run([binary('cfn-init'), '-'], { input: NOTHING });
    expect({ code: later.code, lines: later.stderr.split('\n')[1] }).toEqual({
      code: 75,
      lines: expect.stringContaining('another cfn-init is running, and has not ended within 1 s'),
    });
    await view().run("echo 'lock-timeout = soon' >/etc/cfn/cfntools.conf");
    const waiting = view().run([binary('cfn-init'), '-'], { input: NOTHING });
    await expect.poll(() => view().read('/var/log/cfn-init.log')).toContain('lock-timeout is not a number');
    await new Promise((resolve) => setTimeout(resolve, 600));
    await view().run(['rm', '/etc/cfn/cfntools.conf']);
    expect((await init(['--help'])).code).toBe(0);
    expect((await init(['--no-such-option'])).code).toBe(2);
    expect((await init(['--compat', 'python'])).code).toBe(2);
    held.release();
    await held.ended;
    const { stderr: told } = await waiting;
    expect(told.match(/lock-timeout is not a number of seconds/g)).toHaveLength(1);
  });
});

describe('a run that another one waits for does not wait for that', () => {
  const wrappers: [string, (words: string) => string][] = [
    ['as it is', (words) => words],
    ['in a script', (words) => `sh -c '${words}; exit $?'`],
    ['with another environment', (words) => `env -i PATH=/usr/bin:/bin ${words}`],
    ['in a session of its own', (words) => `setsid -w sh -c '${words}; exit $?'`],
    ['as another user, and back', (words) => `setpriv --reuid 0 --clear-groups ${words}`],
    ['two levels deep', (words) => words.replace('inner', 'outer')],
  ];
  test.each(wrappers)('%s', async (_, wrap) => {
    const directory = newDirectory();
    const words = `${binary('cfn-init')} ${documentIn(directory, 'inner', { commands: { a: { command: busy(directory, 'inner', 0) } } })}`;
    documentIn(directory, 'outer', { commands: { a: { command: words } } });
    const commands = { a: { command: wrap(words) } };
    const { code, stderr, milliseconds } = await init([documentIn(directory, 'top', { commands })]);
    expect({ code, stderr, lines: linesOf(directory) }).toEqual({
      code: 0,
      stderr: '',
      lines: ['inner begins', 'inner ends'],
    });
    expect(milliseconds).toBeLessThan(10_000);
    expect(view().exists('/run/cfn-init')).toBe(false);
  });

  test('but those that one run starts wait for each other', async () => {
    const directory = newDirectory();
    const words = ['a', 'b'].map(
      (name) =>
        `${binary('cfn-init')} ${documentIn(directory, name, { commands: { [name]: { command: busy(directory, name) } } })}`,
    );
    const command = `${words.join(' & ')} & wait`;
    expect((await init([documentIn(directory, 'top', { commands: { a: { command } } })])).code).toBe(0);
    const lines = linesOf(directory);
    expect(lines[1]).toBe(lines[0]?.replace('begins', 'ends'));
    expect(lines).toHaveLength(4);
  });

  test('and one that was left in the background waits', async () => {
    const directory = newDirectory();
    const late = `${binary('cfn-init')} ${documentIn(directory, 'late', { commands: { a: { command: busy(directory, 'late', 0) } } })}`;
    const commands = {
      a: { command: `(sleep 0.2; ${late}; touch ${directory}/done) & :` },
      b: { command: busy(directory, 'b', 1) },
    };
    expect((await init([documentIn(directory, 'top', { commands })])).code).toBe(0);
    await there(join(directory, 'done'));
    expect(linesOf(directory)).toEqual(['b begins', 'b ends', 'late begins', 'late ends']);
  });
});

describe('--root', () => {
  test('of different directories do not wait for each other, nor for the machine, and leave nothing there', async () => {
    const directory = newDirectory();
    const held = await heldRun();
    for (const name of ['one', 'two']) mkdirSync(join(directory, name));
    const document = documentIn(directory, 'files', { files: { '/etc/motd': { content: 'x' } } });
    for (const name of ['one', 'two']) {
      const { code } = await init(['--root', join(directory, name), document]);
      expect(code).toBe(0);
      expect(readdirSync(join(directory, name)).filter((entry) => entry !== 'var')).toEqual(['etc']);
      expect(existsSync(join(directory, name, 'run'))).toBe(false);
    }
    await view().run("mkdir -p /etc/cfn && echo 'lock-timeout = 0' >/etc/cfn/cfntools.conf");
    // The machine itself, by another name.
    expect((await init(['--root', '/proc/self/root', document])).code).toBe(75);
    await view().run(['rm', '/etc/cfn/cfntools.conf']);
    held.release();
    await held.ended;
  });
});

describe('users who are not root', () => {
  const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

  test('cannot hold a run of root up', async () => {
    const directory = newDirectory();
    await view().run(['chmod', '777', directory]);
    const document = documentIn(directory, 'd', { commands: { a: { command: `touch ${directory}/a; sleep 2` } } });
    const user = init([document], [...NOBODY, 'env', `XDG_RUNTIME_DIR=${directory}`]);
    await there(join(directory, 'a'));
    const { code, stderr } = await view().run([binary('cfn-init'), '-'], { input: NOTHING });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await user).code).toBe(0);
  });

  test('take turns where they have a directory of their own', async () => {
    const directory = newDirectory();
    await view().run(['chown', '65534', directory]);
    const runs = ['a', 'b'].map((name) =>
      init(
        [documentIn(directory, name, { commands: { [name]: { command: busy(directory, name) } } })],
        [...NOBODY, 'env', `XDG_RUNTIME_DIR=${directory}`],
      ),
    );
    for (const { code } of await Promise.all(runs)) expect(code).toBe(0);
    const lines = linesOf(directory);
    expect(lines[1]).toBe(lines[0]?.replace('begins', 'ends'));
  });
});

test('where no lock can be made, a run goes on, and says so', async () => {
  const { code, stderr } = await view().run(
    ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o ro tmpfs /run && exec "$0" -', binary('cfn-init')],
    { input: NOTHING },
  );
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^cfn-init: warning: cannot lock: \/run\/cfn-init\S*: [^\n]*continuing[^\n]*\n$/),
  });
});
