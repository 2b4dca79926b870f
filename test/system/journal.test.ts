import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MESSAGE_IDS } from '../../src/logging/log.ts';
import { binary, project } from '../support/binary.ts';
import { type HupGuest, prepareHupGuest, until } from '../support/cfn-hup.ts';
import { cfnInit, metadata } from '../support/cfn-init.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const isPossible = process.geteuid?.() === 0 && isInstalled('systemd-nspawn');
// A real systemd-journald.
const view = useSandbox({ init: 'systemd' });

type Entry = Readonly<Record<string, string>>;

beforeAll(async () => {
  // The machine's own may be open to others, which is mended and told.
  if (isPossible) await view().run('rm -rf /var/lib/heat-cfntools /var/cache/heat-cfntools');
});

let cursor = '';
beforeEach(async () => {
  if (!isPossible) return;
  await view().run('rm -rf /srv/journal-*; logger begins; journalctl --sync');
  cursor = (await view().run('journalctl -q -n 1 --show-cursor')).stdout.match(/-- cursor: (.*)/)?.[1] ?? '';
  expect(cursor).not.toBe('');
});

/** The entries of a command since the test began, once there is one that tells the last. */
async function entries(
  command: string,
  isLast: (entry: Entry) => boolean,
  matches: readonly string[] = [],
): Promise<readonly Entry[]> {
  let found: readonly Entry[] = [];
  await until(
    `${command} is in the journal`,
    async () => {
      const { stdout } = await view().run(['journalctl', '-q', '-o', 'json', `--after-cursor=${cursor}`]);
      found = parse(stdout).filter((entry) => entry['SYSLOG_IDENTIFIER'] === command);
      return found.some(isLast);
    },
    { said: () => JSON.stringify(found) },
  );
  if (matches.length === 0) return found;
  const { stdout } = await view().run(['journalctl', '-q', '-o', 'json', ...matches]);
  const cursors = new Set(parse(stdout).map((entry) => entry['__CURSOR']));
  return found.filter((entry) => cursors.has(entry['__CURSOR']));
}

const parse = (lines: string): Entry[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);

/** Our fields, and of journald's the priority. */
const ours = (entry: Entry): Entry =>
  Object.fromEntries(
    Object.entries(entry).filter(([name]) => name === 'MESSAGE_ID' || name === 'PRIORITY' || name.startsWith('CFN_')),
  );
const isEnd = (entry: Entry): boolean => entry['MESSAGE_ID'] === MESSAGE_IDS.runEnded;

describe('cfn-init', () => {
  const common = { CFN_COMMAND: 'cfn-init', CFN_STACK: 's1', CFN_RESOURCE: 'guest' };
  const words = ['-s', 's1', '-r', 'guest'];

  test('tells of what it changed, and that it is done', async () => {
    const files = { '/srv/journal-a': { content: 'a' }, '/srv/journal-b c': { content: 'b', mode: '000600' } };
    expect((await cfnInit(view(), { files }, words)).code).toBe(0);
    const found = await entries('cfn-init', isEnd);
    const step = { MESSAGE_ID: MESSAGE_IDS.stepDone, PRIORITY: '6', ...common };
    expect(found.map(ours)).toEqual([
      { MESSAGE_ID: MESSAGE_IDS.runBegun, PRIORITY: '6', ...common },
      ...Object.keys(files).map((name) => ({
        ...step,
        CFN_STEP: `files ${name}`,
        CFN_SECTION: 'files',
        CFN_CONFIG: 'config',
        CFN_STATE: 'changed',
      })),
      { MESSAGE_ID: MESSAGE_IDS.runEnded, PRIORITY: '6', CFN_EXIT_CODE: '0', ...common },
    ]);
    expect(found.map((entry) => entry['MESSAGE'])).toEqual([
      'applying 2 steps of config',
      expect.stringMatching(/^files +changed +\/srv\/journal-a /),
      expect.stringMatching(/^files +changed +\/srv\/journal-b c /),
      expect.stringMatching(/^2 changed in /),
    ]);
  });

  test('says nothing of what was there already', async () => {
    const config = { files: { '/srv/journal-a': { content: 'a' } } };
    await cfnInit(view(), config);
    await entries('cfn-init', isEnd);
    await cfnInit(view(), config);
    const found = await entries('cfn-init', (entry) => /^1 unchanged/.test(entry['MESSAGE'] ?? ''));
    expect(found.filter((entry) => entry['CFN_STEP'] !== undefined)).toHaveLength(1);
  });

  test('tells of a failing step and of a failed run as errors, and never a secret', async () => {
    const config = {
      files: { '/srv/journal-key': { content: 'the hunter22 phrase\n', mode: '000600' } },
      commands: { '01_bad': { command: 'cat /srv/journal-key; exit 7' } },
    };
    const { code, stderr } = await cfnInit(view(), config, [...words, '--secret-key', '5ecre7-key']);
    expect(code).toBe(1);
    const found = await entries('cfn-init', isEnd);
    const errors = found.filter((entry) => entry['PRIORITY'] === '3');
    expect(errors.map(ours)).toEqual([
      {
        MESSAGE_ID: MESSAGE_IDS.stepFailed,
        PRIORITY: '3',
        CFN_STEP: 'commands 01_bad',
        CFN_SECTION: 'commands',
        CFN_CONFIG: 'config',
        CFN_STATE: 'failed',
        ...common,
      },
      { MESSAGE_ID: MESSAGE_IDS.runEnded, PRIORITY: '3', CFN_EXIT_CODE: '1', ...common },
    ]);
    expect(`cfn-init: ${errors[1]?.['MESSAGE']}\n`).toBe(stderr);
    expect((await view().run('journalctl -o export')).stdout).not.toMatch(/hunter22 phrase|5ecre7/);
  });

  test('tells which step a signal has ended', async () => {
    const commands = { '1-hangs': { command: 'kill $PPID; sleep 300; :' } };
    expect((await cfnInit(view(), { commands }, words)).code).toBe(143);
    const found = await entries('cfn-init', isEnd);
    const [warning, failed, ended] = found.filter((entry) => Number(entry['PRIORITY']) < 6);
    expect(warning?.['MESSAGE']).toBe('SIGTERM: ending commands 1-hangs');
    expect([failed?.['MESSAGE_ID'], failed?.['CFN_STEP']]).toEqual([MESSAGE_IDS.stepFailed, 'commands 1-hangs']);
    expect([ended?.['MESSAGE'], ended?.['CFN_EXIT_CODE']]).toEqual([
      'ended by SIGTERM: commands "1-hangs": run cfn-init again',
      '143',
    ]);
  });

  test('a failure that is let pass is a warning, told once', async () => {
    const config = { services: { systemd: { 'nonsense-unit': { ensureRunning: true } } } };
    expect((await cfnInit(view(), config, ['--compat', 'heat'])).code).toBe(0);
    const found = (await entries('cfn-init', isEnd)).filter(({ MESSAGE_ID: id }) => id === MESSAGE_IDS.stepFailed);
    expect(found.map((entry) => [entry['PRIORITY'], entry['CFN_STEP']])).toEqual([['4', 'services nonsense-unit']]);
  });

  test('what is wrong with the call is there as well', async () => {
    expect((await view().run([binary('cfn-init'), '--nonsense'])).code).toBe(2);
    const found = await entries('cfn-init', isEnd);
    expect(found.map((entry) => [entry['PRIORITY'], entry['CFN_EXIT_CODE']])).toEqual([['3', '2']]);
  });

  test('as the process of a unit, which systemd clears away at once', async () => {
    await view().run('cat >/srv/journal-document.json', {
      input: metadata({ files: { '/srv/journal-a': { content: 'a' } } }),
    });
    const unit = ['systemd-run', '--wait', '--collect', '--quiet', '--unit=ours', '-p', 'Type=oneshot'];
    for (const round of [1, 2, 3]) {
      expect((await view().run([...unit, binary('cfn-init'), '/srv/journal-document.json'])).code).toBe(0);
      await until(`round ${round}`, async () => (await entries('cfn-init', isEnd)).filter(isEnd).length === round, {
        seconds: 3,
      });
    }
    // What it prints is there too, by the unit's own stream, which has no fields.
    const found = (await entries('cfn-init', isEnd)).filter((entry) => entry['CFN_COMMAND'] !== undefined);
    const { runBegun, stepDone, runEnded } = MESSAGE_IDS;
    expect(found.map((entry) => entry['MESSAGE_ID'])).toEqual([
      ...[runBegun, stepDone, runEnded],
      ...[runBegun, runEnded],
      ...[runBegun, runEnded],
    ]);
  });

  test('a long document at its first run is cut, and nobody waits', async () => {
    const files = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`/srv/journal-${i}`, { content: `${i}` }]));
    await view().run('echo nonsense >/srv/journal-x');
    const config = { files, commands: { bad: { command: 'exit 1' } } };
    expect((await cfnInit(view(), config)).code).toBe(1);
    const found = await entries('cfn-init', isEnd);
    expect(found.length).toBeLessThanOrEqual(210);
    expect(found.filter((entry) => entry['PRIORITY'] === '3')).toHaveLength(2);
  });
});

test('cfn-signal tells that it could not, and when it could', async () => {
  await view().run([binary('cfn-signal'), '-i', 'me', '--timeout', '0.1', 'http://127.0.0.1:9/x?Signature=5ecre7-abc']);
  const [failed] = await entries('cfn-signal', isEnd);
  expect([failed?.['PRIORITY'], failed?.['CFN_EXIT_CODE']]).toEqual(['3', '75']);
  expect(JSON.stringify(failed)).not.toContain('5ecre7');
  const server = `import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(('127.0.0.1', 8799), H).handle_request()`;
  await view().run('cat >/srv/journal-server.py; python3 /srv/journal-server.py </dev/null >/dev/null 2>&1 & sleep 1', {
    input: server,
  });
  const { code } = await view().run([
    binary('cfn-signal'),
    '-i',
    'me',
    '--success',
    'false',
    'http://127.0.0.1:8799/x?Signature=5ecre7-abc',
  ]);
  expect(code).toBe(0);
  const found = await entries('cfn-signal', (entry) => entry['MESSAGE_ID'] === MESSAGE_IDS.signalSent);
  expect(found.at(-1)).toMatchObject({ PRIORITY: '6', CFN_STATE: 'FAILURE', CFN_COMMAND: 'cfn-signal' });
  expect(JSON.stringify(found)).not.toContain('5ecre7');
});

describe('cfn-hup', () => {
  let guest: HupGuest;
  beforeAll(async () => {
    if (isPossible) guest = await prepareHupGuest(view());
  });
  beforeEach(async () => {
    await view().run('rm -rf /var/lib/cfn-hup /run/cfn-hup');
    await guest.publish({ version: 0 });
    await guest.tell({ version: 1 });
  });
  const about = { CFN_COMMAND: 'cfn-hup', CFN_HOOK: 'h', CFN_STACK: 's1', CFN_RESOURCE: 'guest' };
  const pass = () => view().run([binary('cfn-hup'), '-f']);

  test('tells of the action of a hook', async () => {
    await guest.configure({}, 'true');
    expect((await pass()).code).toBe(0);
    const found = await entries('cfn-hup', (entry) => entry['MESSAGE_ID'] === MESSAGE_IDS.actionDone);
    expect(found.map(ours)).toEqual([
      { MESSAGE_ID: MESSAGE_IDS.actionBegun, PRIORITY: '6', ...about },
      { MESSAGE_ID: MESSAGE_IDS.actionDone, PRIORITY: '6', CFN_STATE: 'succeeded', ...about },
    ]);
  });

  test('of one that fails, and that its hook is parked, as errors', async () => {
    await guest.tell({ version: 1, password: '5ecre7-of-stack' });
    await guest.configure({ 'max-attempts': '1' }, 'echo "$CFN_NEW_METADATA"; exit 4');
    expect((await pass()).code).toBe(1);
    const found = await entries('cfn-hup', (entry) => entry['MESSAGE_ID'] === MESSAGE_IDS.hookParked);
    expect(found.filter((entry) => entry['PRIORITY'] === '3').map(ours)).toEqual([
      { MESSAGE_ID: MESSAGE_IDS.actionFailed, PRIORITY: '3', CFN_STATE: 'failed', ...about },
      { MESSAGE_ID: MESSAGE_IDS.hookParked, PRIORITY: '3', CFN_STATE: 'parked', ...about },
    ]);
    expect(JSON.stringify(found)).not.toContain('5ecre7');
  });

  test('as a service: soon, while it goes on', async () => {
    await view().run(`cp ${project}/packaging/systemd/cfn-hup.service /etc/systemd/system/; systemctl daemon-reload`);
    await guest.configure({ interval: '1s' }, 'true');
    expect((await view().run('systemctl start cfn-hup.service')).code).toBe(0);
    const isDone = (entry: Entry): boolean => entry['MESSAGE_ID'] === MESSAGE_IDS.actionDone;
    const found = await entries('cfn-hup', isDone);
    expect(ours(found[0] ?? {})).toEqual({
      MESSAGE_ID: MESSAGE_IDS.runBegun,
      PRIORITY: '6',
      CFN_COMMAND: 'cfn-hup',
      CFN_STACK: 's1',
    });
    expect((await entries('cfn-hup', isDone, ['-u', 'cfn-hup.service'])).map(ours)).toEqual(found.map(ours));
    expect((await view().run('systemctl stop cfn-hup.service')).code).toBe(0);
    const [end] = (await entries('cfn-hup', isEnd)).filter(isEnd);
    expect(end).toMatchObject({ PRIORITY: '6', CFN_EXIT_CODE: '0' });
  });
});
