import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { expectSoon } from '../support/soon.ts';
import { property, RUNS, service, UNITS, watchFor } from '../support/systemd-units.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

// What becomes of a service in the seconds after its start.
const view = useSandbox({ init: 'systemd' });
const SHORT = 2;

/** Writes the unit, and asks for it to run. */
const start = (name: string, unit: ConfigDocument, args: readonly string[] = []) =>
  cfnInit(
    view(),
    { files: { [`${UNITS}/${name}.service`]: unit }, services: { systemd: { [name]: { ensureRunning: true } } } },
    args,
  );
/** An init script with a daemon that runs for so long. */
const initScript = (name: string, seconds: number, status = `kill -0 "$(cat /run/${name})" 2>/dev/null`) => ({
  mode: '000755',
  content: `#!/bin/sh
### BEGIN INIT INFO
# Provides: ${name}
# Required-Start: $remote_fs
# Default-Start: 2 3 4 5
### END INIT INFO
case $1 in
start) setsid sleep ${seconds} >/dev/null 2>&1 </dev/null & echo $! >/run/${name} ;;
status) ${status} || { echo "${name} is dead"; exit 1; } ;;
esac
`,
});
const shell = (script: string): string => `ExecStart=/bin/sh -c '${script}'`;

beforeAll(async () => {
  if (isRoot) await watchFor(view(), SHORT);
});

describe('a failure with the last words of the program', () => {
  const cases: readonly { name: string; unit: ConfigDocument; says: readonly string[]; not?: string }[] = [
    {
      name: 'dies',
      unit: service(shell('echo one; echo two; echo three; sleep 1; echo port taken >&2; exit 4')),
      says: ['service "dies" did not stay up', 'services systemd "dies"', 'exit code 4', 'two | three | port taken'],
      not: 'one',
    },
    { name: 'killed', unit: service(shell('echo hello; sleep 1; kill -9 $$$$')), says: ['signal 9', 'hello'] },
    {
      name: 'ends',
      unit: service(shell('sleep 1; echo nothing to do')),
      says: ['"ends" did not stay up', 'it ended without an error', 'nothing to do'],
    },
    {
      name: 'loops',
      unit: service(`Restart=always\n${shell('sleep 0.4; echo again; exit 3')}`),
      says: ['"loops" did not stay up', 'systemd has had to restart it', 'again'],
    },
    {
      name: 'loopslow',
      unit: service(`Restart=on-failure\nRestartSec=60\n${shell('sleep 1; echo later; exit 3')}`),
      says: ['"loopslow" did not stay up', 'exit code 3', 'later'],
    },
    {
      name: 'nofile',
      unit: service('ExecStart=/opt/there/is/none'),
      says: ['nofile', '203', '/opt/there/is/none', 'No such file'],
    },
    {
      name: 'forks',
      unit: service(`Type=forking\n${shell('echo bad option --prot; exit 2')}`),
      says: [
        'systemctl start ended with exit code 1',
        'forks.service',
        'bad option --prot',
        'journalctl -u forks.service',
      ],
    },
    {
      name: 'notifies',
      unit: service(`Type=notify\n${shell('echo no license; exit 1')}`),
      says: ['systemctl start ended', 'notifies.service', 'no license'],
    },
    {
      name: 'once',
      unit: service(`Type=oneshot\n${shell('echo half done; exit 7')}`),
      says: ['systemctl start ended', 'once.service', 'half done'],
    },
    {
      name: 'badunit',
      unit: service('Type=simple'),
      says: ['systemctl start ended', 'badunit.service', 'bad unit file setting'],
    },
    {
      name: 'condition',
      unit: service('ExecStart=/bin/sleep 300', '[Unit]\nConditionPathExists=/nowhere\n'),
      says: ['service "condition" does not run', 'ConditionPathExists=/nowhere'],
    },
  ];
  test.each(cases)('$name', async ({ name, unit, says, not }) => {
    const result = await start(name, unit);
    expect({ code: result.code, lines: complaints(result).length, summary: summary(result) }).toEqual({
      code: 1,
      lines: 1,
      summary: '1 changed, 1 failed',
    });
    for (const words of says) expect(result.stderr).toContain(words);
    if (not !== undefined) expect(result.stderr).not.toContain(`${not} |`);
  });

  test('nofile, which is gone before a busy journal hears of it', async () => {
    const journald = (signal: string) => `systemctl kill --kill-who=main --signal=${signal} systemd-journald`;
    await view().run(`${journald('STOP')}; (sleep 2; ${journald('CONT')}) >/dev/null 2>&1 </dev/null &`);
    const { code, stderr } = await start('nofile', service('ExecStart=/opt/there/is/none'));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/203.*\/opt\/there\/is\/none: No such file/),
    });
  });

  test('its long lines are cut', async () => {
    const { code, stderr } = await start('long', service(shell('printf %%900d 7; exit 1')));
    expect({ code, isShort: stderr.length < 600 }).toEqual({ code: 1, isShort: true });
  });

  test('words of an earlier run are not taken for those of this one', async () => {
    await start('stale', service(shell('echo old words; exit 1')));
    const { stderr } = await start('stale', service(shell('exit 5')));
    expect(stderr).toContain('exit code 5');
    expect(stderr).not.toContain('old words');
  });

  test('a secret of the metadata is not in it', async () => {
    const unit = service(shell('echo the key is hunter2hunter2; exit 1'));
    const { code, stderr } = await cfnInit(
      view(),
      JSON.stringify({
        'AWS::CloudFormation::Init': {
          config: {
            files: { [`${UNITS}/leaks.service`]: unit },
            services: { systemd: { leaks: { ensureRunning: true } } },
          },
        },
        'AWS::CloudFormation::Authentication': {
          a: { type: 'basic', username: 'u', password: 'hunter2hunter2', uris: ['http://127.0.0.1'] },
        },
      }),
    );
    expect({ code, leaks: stderr.includes('hunter2hunter2') }).toEqual({ code: 1, leaks: false });
    expect(stderr).toContain('the key is');
  });

  test('one that dies after a restart for its changed files', async () => {
    const services = { systemd: { conf: { ensureRunning: true, files: ['/etc/conf'] } } };
    const unit = service(shell('grep -q good /etc/conf || { echo bad conf; sleep 1; exit 1; }; exec sleep 300'));
    const files = (content: string) => ({ [`${UNITS}/conf.service`]: unit, '/etc/conf': { content } });
    expect((await cfnInit(view(), { files: files('good'), services })).code).toBe(0);
    const bad = await cfnInit(view(), { files: files('evil'), services });
    expect({ code: bad.code, stderr: bad.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/"conf" did not stay up[^\n]*bad conf/),
    });
    // Mended at once: what systemd holds against units that fail often does not count.
    const often = 'for i in $(seq 20); do systemctl start conf || exit 1; systemctl kill -s KILL conf; sleep 0.1; done';
    expect((await view().run(often)).code).toBe(1);
    expect((await cfnInit(view(), { files: files('good'), services })).code).toBe(0);
    expect(await property(view(), 'ActiveState', 'conf.service')).toBe('active');
  });

  test('one that is being restarted again and again is not running for the next run either', async () => {
    const unit = service(`Restart=always\nRestartSec=60\n${shell('exit 3')}`);
    expect((await start('flaps', unit)).code).toBe(1);
    expect(await property(view(), 'SubState', 'flaps.service')).toBe('auto-restart');
    expect((await start('flaps', unit)).code).toBe(1);
  });

  test('one with an init script, by what that says; in the next run as well', async () => {
    const frail = (seconds: number) => ({ '/etc/init.d/frail': initScript('frail', seconds) });
    const services = { sysvinit: { frail: { ensureRunning: true } } };
    for (const ran of ['first', 'second']) {
      const { code, stderr } = await cfnInit(view(), { files: frail(0.3), services });
      expect({ ran, code, stderr }).toEqual({
        ran,
        code: 1,
        stderr: expect.stringMatching(/"frail" did not stay up: [^\n]*exit code 1; its last words: frail is dead\n$/),
      });
      expect(await property(view(), 'ActiveState', 'frail.service')).toBe('active');
    }
    const mended = await cfnInit(view(), { files: frail(300), services });
    expect({ code: mended.code, stderr: mended.stderr, summary: summary(mended) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(summary(await cfnInit(view(), { files: frail(300), services }))).toBe('2 unchanged');
  });

  test('under --compat heat it is a warning', async () => {
    const { code, stderr } = await start('dies', service(shell('sleep 1; exit 4')), ['--compat', 'heat']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^cfn-init: warning: [^\n]*"dies"/) });
  });

  test('under --compat heat it is told also when the last service cannot be started', async () => {
    const unit = service(shell('sleep 1; exit 1'));
    const result = await cfnInit(
      view(),
      {
        files: { [`${UNITS}/d3.service`]: unit },
        services: { systemd: { d3: { ensureRunning: true }, nowhere: { ensureRunning: true } } },
      },
      ['--compat', 'heat'],
    );
    expect(result.code).toBe(0);
    expect(complaints(result).map((line) => /service "(\w+)"/.exec(line)?.[1])).toEqual(['nowhere', 'd3']);
  });

  test('all that did not stay up are told, in the order of the document', async () => {
    const unit = service(shell('sleep 1; exit 1'));
    const result = await cfnInit(view(), {
      files: { [`${UNITS}/d1.service`]: unit, [`${UNITS}/d2.service`]: unit, [`${UNITS}/fine.service`]: RUNS },
      services: {
        systemd: { d1: { ensureRunning: true }, d2: { ensureRunning: true }, fine: { ensureRunning: true } },
      },
    });
    expect(result.code).toBe(1);
    expect(complaints(result).map((line) => /service "(\w+)"/.exec(line)?.[1])).toEqual(['d1', 'd2']);
  });
});

describe('no failure', () => {
  test('one whose init script is asked while systemd starts it is not down', async () => {
    const unit = initScript('slow', 300).content.replace('start) ', 'start) sleep 4; ');
    await view().run('cat >/etc/init.d/slow; chmod 755 /etc/init.d/slow; systemctl daemon-reload', { input: unit });
    await view().run(
      'systemctl start --no-block slow; until systemctl show -P ActiveState slow | grep -q activating; do :; done',
    );
    const { code, stdout } = await cfnInit(view(), { services: { sysvinit: { slow: { ensureRunning: true } } } });
    expect({ code, summary: stdout.includes('1 unchanged') }).toEqual({ code: 0, summary: true });
  });

  test('a oneshot that has done its work; the next run does it again', async () => {
    const unit = service(`Type=oneshot\n${shell('echo ran >>/run/work')}`);
    for (const ran of ['ran\n', 'ran\nran\n']) {
      expect((await start('work', unit)).code).toBe(0);
      expect(view().read('/run/work')).toBe(ran);
    }
  });

  test('a oneshot that remains after exit: the second run is unchanged', async () => {
    const unit = service(`Type=oneshot\nRemainAfterExit=yes\n${shell('echo ran >>/run/setup')}`);
    expect(summary(await start('setup', unit))).toBe('2 changed');
    expect(summary(await start('setup', unit))).toBe('2 unchanged');
    expect(view().read('/run/setup')).toBe('ran\n');
  });

  test.each([
    ['that does not know status', '{ echo "Usage: $0 {start|stop}" >&2; exit 2; }'],
    ['whose name ends in .sh', undefined],
  ])('a service with an init script %s: the second run is unchanged', async (what, status) => {
    const [name, seconds] = status === undefined ? ['named', 300] : ['mute', 0.1];
    const path = `/etc/init.d/${name}${status === undefined ? '.sh' : ''}`;
    const document = {
      files: { [path]: initScript(name, seconds, status) },
      services: { sysvinit: { [name]: { ensureRunning: true } } },
    };
    const first = await cfnInit(view(), document);
    expect({ what, code: first.code, stderr: first.stderr }).toEqual({ what, code: 0, stderr: '' });
    expect(summary(await cfnInit(view(), document))).toBe('2 unchanged');
  });

  test('a daemon that its socket calls, and that ends when there is nothing to do', async () => {
    const files = {
      [`${UNITS}/idle.socket`]: { content: '[Socket]\nListenStream=/run/idle\n' },
      [`${UNITS}/idle.service`]: service(shell('sleep 0.5')),
    };
    const services = { systemd: { 'idle.socket': { ensureRunning: true }, idle: { ensureRunning: true } } };
    const { code, stderr } = await cfnInit(view(), { files, services });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('the wait', () => {
  const many = Array.from({ length: 6 }, (_, index) => `many${index}`);
  const files = Object.fromEntries(many.map((name) => [`${UNITS}/${name}.service`, RUNS]));
  const services = { systemd: Object.fromEntries(many.map((name) => [name, { ensureRunning: true }])) };
  beforeEach(async () => {
    await view().run(`systemctl stop ${many.join(' ')}`);
  });

  test('is one for all services of a config', async () => {
    const result = await cfnInit(view(), { files, services });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '12 changed' });
    expect(result.milliseconds).toBeGreaterThan(SHORT * 1000);
    await expectSoon(result.milliseconds, SHORT * 3000);
  });

  test('is none where nothing was started', async () => {
    await cfnInit(view(), { files, services });
    const result = await cfnInit(view(), { files, services });
    expect(summary(result)).toBe('12 unchanged');
    await expectSoon(result.milliseconds, SHORT * 1000);
  });

  test('is three seconds, and service-watch in cfntools.conf says otherwise', async () => {
    const document = { files, services: { systemd: { many0: { ensureRunning: true } } } };
    const timed = async () => (await cfnInit(view(), document)).milliseconds;
    await watchFor(view(), 0);
    expect(await timed()).toBeLessThan(2500);
    await view().run('rm /etc/cfn/cfntools.conf; systemctl stop many0');
    expect(await timed()).toBeGreaterThan(3000);
  });
});
