import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type HupGuest, prepareHupGuest, until } from '../support/cfn-hup.ts';
import { expectSoon } from '../support/soon.ts';
import { property, RUNS, UNITS } from '../support/systemd-units.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

const isPossible = process.geteuid?.() === 0 && isInstalled('systemd-nspawn');
// A real systemd as the first process of the view, and the unit as it is packaged.
const view = useSandbox({ init: 'systemd' });
const UNIT = 'cfn-hup.service';
const ACTED = '/srv/acted';
const RECORD = `echo "$CFN_NEW_METADATA" >>${ACTED}`;
let guest: HupGuest;

const systemctl = (...args: readonly string[]) => view().run(['systemctl', ...args]);
const show = async (property: string): Promise<string> =>
  (await systemctl('show', `--property=${property}`, '--value', UNIT)).stdout.trim();
const polls = (): number => guest.heat.requests().length;
const said = { said: () => guest.log() };

async function start(settings: Readonly<Record<string, string>> = { interval: '1s' }, action = RECORD): Promise<void> {
  await guest.configure(settings, action);
  const { code, stderr } = await systemctl('start', UNIT);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
}

beforeAll(async () => {
  if (!isPossible) return;
  guest = await prepareHupGuest(view());
  await systemctl('daemon-reload');
});

beforeEach(async () => {
  await guest.tell({ version: 0 });
  await guest.publish({ version: 0 });
});

afterEach(async () => {
  if (!isPossible) return;
  await view().run(`systemctl stop ${UNIT}; systemctl reset-failed ${UNIT}; rm -rf /etc/systemd/system/${UNIT}.d`);
  await view().run(`systemctl daemon-reload; rm -rf /var/lib/cfn-hup /run/cfn-hup /var/cache/heat-cfntools ${ACTED}`);
});

describe('the service', () => {
  test('is ready, says what it does, and acts on a change', async () => {
    await start();
    expect([await show('ActiveState'), await show('NotifyAccess')]).toEqual(['active', 'main']);
    expect(await show('StatusText')).toBe('Following s1 with 1 hook.');
    expect((await systemctl('status', UNIT)).stdout).toMatch(/Main PID: \d+ \(cfn-hup\)/);
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":1}']);
    await until('the status tells', async () => /last change 20/.test(await show('StatusText')));
  });

  test('is ready before it reaches heat, says so, and recovers by itself', async () => {
    await guest.configure({ interval: '1s', url: 'http://127.0.0.1:9/v1/' }, RECORD);
    expect((await systemctl('start', UNIT)).code).toBe(0);
    await until('the status tells', async () => /failing since 20/.test(await show('StatusText')), said);
    expect((await view().run(['cfn-hup', '--status'])).stdout).toMatch(
      /^followed by cfn-hup\.service .*\nHeat has not answered for \d+ s, last asked \d+ s ago: no answer:\n {2}http:\/\/127\.0\.0\.1:9/,
    );
    await guest.configure({ interval: '1s' }, RECORD);
    await until('heat answers again', async () => !(await show('StatusText')).includes('failing'), said);
    expect(await show('ActiveState')).toBe('active');
    // Said once, however often it was tried.
    expect(guest.log().match(/ERROR.*127\.0\.0\.1:9/g)).toHaveLength(1);
    expect(guest.log()).toContain('all is well again');
  });

  test('SIGHUP: a pass at once, the configuration anew, and systemd sees the reload through', async () => {
    await start({ interval: '1h' });
    const before = polls();
    await sleep(300);
    expect(polls()).toBe(before);
    await guest.tell({ version: 2 });
    await guest.configure({ interval: '1h' }, `${RECORD}; echo again >>${ACTED}`);
    expect((await systemctl('reload', UNIT)).code).toBe(0);
    await until('the new action ran', () => guest.lines(ACTED).length === 2, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":2}', 'again']);
    await until('it is done', async () => (await show('ActiveState')) === 'active');
  });

  test('a configuration that breaks is said once, and the last good one stays', async () => {
    await start();
    await view().run('echo nonsense >/etc/cfn/cfn-hup.conf');
    await until('it is said', () => guest.log().includes('continuing with the previous configuration'), said);
    const before = polls();
    await until('it goes on', () => polls() > before + 2, said);
    expect(guest.log().match(/continuing with the previous configuration/g)).toHaveLength(1);
  });

  test('one that cannot be used at the start is a failed unit, with the reason in the log', async () => {
    await view().run('echo nonsense >/etc/cfn/cfn-hup.conf');
    expect((await systemctl('start', UNIT)).code).not.toBe(0);
    expect(guest.log()).toMatch(/ERROR .*cfn-hup\.conf/);
    // Nor is it started again until somebody has mended it.
    expect(await show('ActiveState')).toBe('failed');
  });

  test('one that hangs is ended by the watchdog, and started again', async () => {
    const dropIn = `/etc/systemd/system/${UNIT}.d`;
    const lines = '[Service]\\nWatchdogSec=4\\nTimeoutStopSec=2\\nTimeoutAbortSec=2\\nRestartSec=100ms\\n';
    await view().run(`mkdir -p ${dropIn}; printf '${lines}' >${dropIn}/short.conf; systemctl daemon-reload`);
    await start();
    const pid = await show('MainPID');
    await sleep(9000);
    // It lives as long as it says so.
    expect(await show('MainPID')).toBe(pid);
    await view().run(`kill -STOP ${pid}`);
    await until('there is a new one', async () => {
      const now = await show('MainPID');
      return now !== pid && now !== '0' && (await show('ActiveState')) === 'active';
    });
    expect(Number(await show('NRestarts'))).toBeGreaterThan(0);
    await guest.tell({ version: 3 });
    await until('it acts', () => guest.lines(ACTED).includes('{"version":3}'), said);
  });

  test('SIGTERM while an action runs: the action is finished, no other is started, exit 0', async () => {
    await start({ interval: '1s' }, `echo began >>${ACTED}; sleep 2; echo ended >>${ACTED}`);
    await guest.tell({ version: 4 });
    await until('the action runs', () => guest.lines(ACTED).includes('began'), said);
    await systemctl('stop', UNIT);
    expect(guest.lines(ACTED)).toEqual(['began', 'ended']);
    expect([await show('Result'), await show('ExecMainStatus')]).toEqual(['success', '0']);
    // What succeeded is known to have.
    expect((await view().run('cfn-hup -f')).code).toBe(0);
    expect(guest.lines(ACTED)).toEqual(['began', 'ended']);
  });

  test('an action that does not end in time is ended, with all that it started, and runs again', async () => {
    await start({ interval: '1s', 'stop-timeout': '1' }, `echo began >>${ACTED}; sleep 300 & sleep 301`);
    await guest.tell({ version: 5 });
    await until('the action runs', () => guest.lines(ACTED).includes('began'), said);
    await systemctl('stop', UNIT);
    expect([await show('Result'), await show('ExecMainStatus')]).toEqual(['success', '0']);
    expect((await view().run('pgrep -f "^sleep 30[01]"')).stdout).toBe('');
    await guest.configure({ interval: '1s' }, RECORD);
    expect((await view().run('cfn-hup -f')).code).toBe(0);
    expect(guest.lines(ACTED)).toEqual(['began', '{"version":5}']);
  });

  test('SIGTERM while heat is silent: it ends at once', async () => {
    await start();
    await guest.configure({ interval: '1s', url: 'http://127.0.0.1:8001/v1/' }, RECORD);
    const listener = view().run(['python3', '-c', SILENT_SERVER], { timeout: 60_000 });
    await until('it asks', () => view().exists('/srv/asked'), said);
    const begin = performance.now();
    await systemctl('stop', UNIT);
    expect(performance.now() - begin).toBeLessThan(5000);
    expect([await show('Result'), await show('ExecMainStatus')]).toEqual(['success', '0']);
    await view().run('rm /srv/asked');
    await listener;
  });
});

/** Takes a connection and says nothing. */
const SILENT_SERVER = `
import os, socket, time
server = socket.create_server(('127.0.0.1', 8001))
connection, _ = server.accept()
open('/srv/asked', 'w').close()
while os.path.exists('/srv/asked'): time.sleep(0.05)
`;

describe('an action that runs cfn-init', () => {
  const HOOKS = '/etc/cfn/hooks.d/more.conf';
  const CONF = '/etc/worker.conf';
  const ask = (version: number, cfnHup: object) => ({
    version,
    'AWS::CloudFormation::Init': {
      config: {
        files: {
          [`${UNITS}/worker.service`]: RUNS,
          [HOOKS]: { content: `# ${version}\n` },
          [CONF]: { content: `${version}\n` },
        },
        services: { systemd: { 'cfn-hup': cfnHup, worker: { ensureRunning: true, files: [CONF] } } },
      },
    },
  });
  const action = `${binary('cfn-init')} /var/cache/heat-cfntools/last_metadata_guest && echo done >>${ACTED}`;
  const worker = () => property(view(), 'MainPID', 'worker.service');

  test('with cfn-hup under services: the daemon is told of its new files, does not end, and all else is done', async () => {
    await start({ interval: '1s', 'stop-timeout': '10' }, action);
    const daemon = await show('MainPID');
    const cfnHup = { ensureRunning: true, files: [HOOKS] };
    await guest.tell(ask(1, cfnHup));
    await until('the first change is dealt with', () => guest.lines(ACTED).length === 1, said);
    const first = await worker();
    await guest.tell(ask(2, cfnHup));
    await until('the second change is dealt with', () => guest.lines(ACTED).length === 2, said);
    expect(await worker()).not.toBe(first);
    await until('the reload is over', async () => (await show('ActiveState')) === 'active', said);
    expect(await show('MainPID')).toBe(daemon);
    const before = polls();
    await until('it goes on', () => polls() > before + 1, said);
    expect(guest.lines(ACTED)).toEqual(['done', 'done']);
    await view().run(`systemctl stop worker; rm ${HOOKS}`);
  });

  test('that stops cfn-hup is finished before the daemon ends', async () => {
    await start({ interval: '1s', 'stop-timeout': '10' }, action);
    await guest.tell(ask(3, { ensureRunning: false }));
    await until('the daemon ends', async () => (await show('ActiveState')) === 'inactive', said);
    expect(guest.lines(ACTED)).toEqual(['done']);
    expect(await worker()).not.toBe('0');
    await view().run(`systemctl stop worker; rm ${HOOKS}`);
  });
});

describe("a template's own unit", () => {
  const OTHER = 'my-hup.service';
  const LOOP = 'cfn-hup-loop.service';
  const CALL = 'ExecStart=/opt/aws/bin/cfn-hup';
  const dropIn = `${UNIT}.d/test.conf`;
  const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, lines] of Object.entries(files))
      await view().run(`mkdir -p $(dirname ${UNITS}/${name}); cat >${UNITS}/${name}`, {
        input: `[Service]\n${lines}\n`,
      });
    await systemctl('daemon-reload');
  };
  const shown = (unit: string, properties: string) =>
    Promise.all(properties.split(' ').map((name) => property(view(), name, unit)));
  /** It follows by a process of the unit, which was started once. */
  const follows = async (unit: string, state = 'active'): Promise<void> => {
    await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":1}']);
    expect(await shown(unit, 'ActiveState NRestarts')).toEqual([state, '0']);
  };

  beforeEach(async () => {
    await view().run(
      'mkdir -p /opt/aws/bin; ln -sf /usr/bin/cfn-hup /opt/aws/bin/; cp /etc/systemd/system/cfn-hup.service /srv/',
    );
    await guest.configure({ interval: '1s' }, RECORD);
  });

  afterEach(async () => {
    await view().run(`systemctl stop ${UNIT} ${OTHER} ${LOOP}; systemctl reset-failed; pkill -x cfn-hup
      rm -rf ${UNITS}/${OTHER} ${UNITS}/${UNIT}.d; cp /srv/cfn-hup.service ${UNITS}/`);
  });

  test.each<[what: string, unit: string, file: string, lines: string]>([
    ['simple, as AWS documents it', UNIT, UNIT, `Type=simple\n${CALL}\nRestart=always`],
    ['that leaves out Type and Restart, with -v', UNIT, UNIT, `${CALL} -v`],
    ['with --no-daemon', UNIT, UNIT, `${CALL} --no-daemon\nRestart=always`],
    ['forking', UNIT, UNIT, `Type=forking\n${CALL}\nRestart=always`],
    ['forking with a PID file', UNIT, UNIT, `Type=forking\nPIDFile=/run/hup.pid\n${CALL}`],
    ['with a script that waits', UNIT, UNIT, `ExecStart=/bin/sh -c '/opt/aws/bin/cfn-hup; exit $?'`],
    ['forking, by a script that leaves it behind', UNIT, UNIT, `Type=forking\nExecStart=/bin/sh -c 'cfn-hup & exit 0'`],
    ['of another name, by a shell', OTHER, OTHER, `ExecStart=/bin/sh -c 'cfn-hup -v >/dev/null 2>&1'\nRestart=always`],
    ['oneshot that remains', UNIT, UNIT, `Type=oneshot\nRemainAfterExit=yes\n${CALL}`],
    ['a drop-in over ours', UNIT, dropIn, `ExecStart=\n${CALL} -v`],
    ['of another name, beside ours', OTHER, OTHER, `Type=notify\n${CALL}\nRestart=always`],
  ])('%s: stays up, and acts on a change', async (_, unit, file, lines) => {
    await put({ [file]: lines });
    const { code, stderr } = await systemctl('start', unit);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await follows(unit);
    if (!lines.includes('oneshot')) expect(await property(view(), 'MainPID', unit)).not.toBe('0');
    if (lines.includes('PIDFile')) expect(view().read('/run/hup.pid').trim()).toBe(await show('MainPID'));
    if (unit === OTHER) expect(await show('ActiveState')).toBe('inactive');
  });

  test('a second one waits until the first ends, is not started again, and then follows', async () => {
    await start();
    await put({ [OTHER]: `${CALL}\nRestart=always\nRestartSec=100ms` });
    await systemctl('start', OTHER);
    await until('it waits', () => guest.log().includes('waiting until it ends'), said);
    await sleep(1500);
    expect(await shown(OTHER, 'ActiveState NRestarts')).toEqual(['active', '0']);
    await view().run('rm /run/cfn-hup/last-check.json');
    await systemctl('stop', UNIT);
    await follows(OTHER);
    expect(guest.log().match(/waiting until it ends/g)).toHaveLength(1);
  });

  test('ours takes over from a loop in the background, whose action may wait for that', async () => {
    await guest.configure({ interval: '1s' }, `systemctl start ${UNIT} && echo "$CFN_NEW_METADATA" >>${ACTED}`);
    await view().run('setsid -f cfn-hup --daemon --config /etc/cfn/cfn-hup.conf >/dev/null 2>&1');
    await follows(UNIT);
    await until(
      'the unit follows',
      async () => view().read('/var/lib/cfn-hup/daemon.lock').trim() === (await show('MainPID')),
      said,
    );
    expect((await view().run('pgrep -cx cfn-hup')).stdout.trim()).toBe('1');
    await guest.tell({ version: 2 });
    await until('it acts', () => guest.lines(ACTED).includes('{"version":2}'), said);
  });

  test('of another name under services: an action is not ended by its own restart', async () => {
    const file = '/etc/cfn/hooks.d/more.conf';
    const services = { systemd: { 'my-hup': { ensureRunning: true, files: [file] } } };
    await guest.configure(
      { interval: '1s', 'stop-timeout': '10' },
      `${binary('cfn-init')} /var/cache/heat-cfntools/last_metadata_guest && echo done >>${ACTED}`,
    );
    await put({ [OTHER]: `${CALL}\nRestart=always` });
    await systemctl('start', OTHER);
    await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
    const daemon = await property(view(), 'MainPID', OTHER);
    await guest.tell({
      'AWS::CloudFormation::Init': { config: { files: { [file]: { content: '# 1\n' } }, services } },
    });
    await until('the change is dealt with', () => guest.lines(ACTED).length > 0, { seconds: 8, ...said });
    expect(await property(view(), 'MainPID', OTHER)).toBe(daemon);
    await view().run(`rm ${file}`);
  });

  test('a bare call fails where the unit does, starts one that was started too often, and needs none', async () => {
    await put({ [UNIT]: 'ExecStart=/nonexistent/cfn-hup' });
    const { code, stderr } = await view().run(['cfn-hup']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cfn-hup: cannot follow changes: cfn-hup\.service: it does not stay up \(exit-code\): .*\n$/,
      ),
    });
    await put({ [UNIT]: `${CALL}\n[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=2` });
    await view().run(`for i in 1 2 3; do systemctl restart ${UNIT}; done`);
    expect(await shown(UNIT, 'ActiveState Result')).toEqual(['failed', 'start-limit-hit']);
    expect((await view().run(['cfn-hup'])).code).toBe(0);
    await follows(UNIT);
    // A service that systemd ends with all that it has left behind.
    await view().run(`systemctl stop ${UNIT}; rm ${UNITS}/${UNIT}; systemctl daemon-reload
      rm -r /var/lib/cfn-hup /run/cfn-hup ${ACTED}`);
    await guest.tell({ version: 0 });
    await guest.publish({ version: 0 });
    await view().run('systemd-run -q --wait --unit=app.service sh -c "cfn-hup; sleep 0.1"');
    await follows(LOOP);
  });

  test('that is restarted often is not refused', async () => {
    await start();
    for (const _ of Array(6)) expect((await systemctl('restart', UNIT)).code).toBe(0);
  });

  test('oneshot, whose processes end with the call: followed by a unit that the call starts', async () => {
    await put({ [UNIT]: `Type=oneshot\n${CALL}` });
    expect((await systemctl('start', UNIT)).code).toBe(0);
    await follows(LOOP);
  });
});

describe('beside the service', () => {
  test('a second daemon and single passes leave at once, with exit 0', async () => {
    await start({ interval: '1h' });
    const before = polls();
    for (const option of ['--daemon', '-f']) {
      const { code, milliseconds, stderr } = await view().run(['cfn-hup', option]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      await expectSoon(milliseconds, 5000);
    }
    expect(polls()).toBe(before);
    expect(await show('ActiveState')).toBe('active');
    const status = await view().run(['cfn-hup', '--status']);
    expect({ code: status.code, lines: status.stdout.split('\n').slice(0, 2) }).toEqual({
      code: 0,
      lines: [
        expect.stringMatching(
          new RegExp(
            `^followed by cfn-hup\\.service \\(process ${await show('MainPID')}\\), next poll in \\d+ (s|min)$`,
          ),
        ),
        expect.stringMatching(/^Heat answered \d+ s ago$/),
      ],
    });
    await systemctl('stop', UNIT);
    const stopped = await view().run(['cfn-hup', '--status']);
    expect({ code: stopped.code, stdout: stopped.stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^nobody follows changes: run systemctl enable --now cfn-hup\.service\n/),
    });
  });

  test('a bare call makes a pass and starts it, and does not enable it', async () => {
    await guest.configure({ interval: '1s' }, RECORD);
    const { code, stderr } = await view().run(['cfn-hup']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(view().exists('/var/cache/heat-cfntools/last_metadata_guest')).toBe(true);
    await until('it is active', async () => (await show('ActiveState')) === 'active', said);
    expect(await show('UnitFileState')).toBe('disabled');
    await guest.tell({ version: 6 });
    await until('it acts', () => guest.lines(ACTED).length > 0, said);
    const daemon = await show('MainPID');
    expect((await view().run(['cfn-hup', '-c', '/etc/cfn/cfn-hup.conf'])).code).toBe(0);
    expect((await view().run('pgrep -x cfn-hup')).stdout.trim()).toBe(daemon);
  });

  test('with follow=false a bare call only makes the pass', async () => {
    await guest.configure({ interval: '1s' }, RECORD);
    await view().run('echo follow=false >/etc/cfn/cfntools.conf');
    const { code } = await view().run(['cfn-hup']);
    await view().run('rm /etc/cfn/cfntools.conf');
    expect(code).toBe(0);
    await sleep(500);
    expect(await show('ActiveState')).toBe('inactive');
  });
});
