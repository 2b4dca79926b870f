import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, metadata, summary } from '../support/cfn-init.ts';
import { property, service, stateOf, UNITS, watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// A real systemd as the first process of the view.
const view = useSandbox({ init: 'systemd' });
const UNIT = '/etc/systemd/system/dummy.service';
const unit = (text = 'one'): ConfigDocument => ({
  content: `[Unit]\nDescription=${text}\n[Service]\nExecStart=/bin/sleep 300\n[Install]\nWantedBy=multi-user.target\n`,
});
const apply = (services: ConfigDocument, files: ConfigDocument = {}, manager = 'systemd') =>
  cfnInit(view(), { services: { [manager]: services }, files });

const show = (name: string, of = 'dummy.service'): Promise<string> => property(view(), name, of);
const state = (of = 'dummy.service'): Promise<string> => stateOf(view(), of);

beforeAll(async () => {
  if (process.geteuid?.() === 0) await watchFor(view(), 0);
});

describe('a unit', () => {
  test('written by files is known, enabled and started; the second run is unchanged', async () => {
    const services = { dummy: { enabled: 'true', ensureRunning: 'true', files: [UNIT] } };
    const first = await apply(services, { [UNIT]: unit() });
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(await state()).toBe('enabled active');
    const pid = await show('MainPID');
    expect(summary(await apply(services, { [UNIT]: unit() }))).toBe('2 unchanged');
    expect(await show('MainPID')).toBe(pid);
  });

  test('that has changed is read again, and the service restarted', async () => {
    const pid = await show('MainPID');
    const result = await apply({ dummy: { ensureRunning: true, files: [UNIT] } }, { [UNIT]: unit('two') });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect({ text: await show('Description'), reload: await show('NeedDaemonReload') }).toEqual({
      text: 'two',
      reload: 'no',
    });
    expect(await show('MainPID')).not.toBe(pid);
  });

  test('that has changed is read again even when the service need not restart', async () => {
    const pid = await show('MainPID');
    await apply({ dummy: { ensureRunning: true } }, { [UNIT]: unit('three') });
    expect(await show('Description')).toBe('three');
    expect(await show('MainPID')).toBe(pid);
  });

  test('a drop-in counts as a unit file', async () => {
    const files = { '/etc/systemd/system/dummy.service.d/env.conf': { content: '[Service]\nEnvironment=A=b\n' } };
    await apply({ dummy: { ensureRunning: true, files: Object.keys(files) } }, files);
    expect({ environment: await show('Environment'), reload: await show('NeedDaemonReload') }).toEqual({
      environment: 'A=b',
      reload: 'no',
    });
  });

  test('that lies newer on the disk than systemd has read is read again first', async () => {
    await view().run(`sed -i 's/^Description=.*/Description=by hand/' ${UNIT}`);
    expect(await show('NeedDaemonReload')).toBe('yes');
    expect(summary(await apply({ dummy: { ensureRunning: true } }))).toBe('1 unchanged');
    expect({ text: await show('Description'), reload: await show('NeedDaemonReload') }).toEqual({
      text: 'by hand',
      reload: 'no',
    });
  });

  test('is restarted when a file that it is for has changed, and only then', async () => {
    const services = { 'dummy.service': { ensureRunning: 'true', files: ['/etc/dummy.conf'] } };
    const pids = [await show('MainPID')];
    for (const content of ['a', 'a', 'b']) {
      expect((await apply(services, { '/etc/dummy.conf': { content }, '/etc/unrelated': { content } })).code).toBe(0);
      pids.push(await show('MainPID'));
    }
    expect(pids[1]).not.toBe(pids[0]);
    expect(pids[2]).toBe(pids[1]);
    expect(pids[3]).not.toBe(pids[2]);
  });

  test('listed under sysvinit is managed by the init system that runs', async () => {
    expect(summary(await apply({ dummy: { enabled: true, ensureRunning: true } }, {}, 'sysvinit'))).toBe('1 unchanged');
    expect(summary(await apply({ dummy: { enabled: false } }, {}, 'sysvinit'))).toBe('1 changed');
    expect(await state()).toBe('disabled active');
  });

  test('is stopped and disabled', async () => {
    await apply({ dummy: { enabled: true } });
    const services = { dummy: { enabled: 'false', ensureRunning: 'false' } };
    expect(summary(await apply(services))).toBe('1 changed');
    expect(await state()).toBe('disabled inactive');
    expect(summary(await apply(services))).toBe('1 unchanged');
  });

  test('that is down is started by a change of its files, unless it is to be down', async () => {
    const files = ['/etc/dummy.conf'];
    await apply({ dummy: { files, ensureRunning: false } }, { '/etc/dummy.conf': { content: 'y' } });
    expect(await state()).toBe('disabled inactive');
    await apply({ dummy: { files } }, { '/etc/dummy.conf': { content: 'z' } });
    expect(await state()).toBe('disabled active');
    await view().run('systemctl stop dummy');
  });

  test('of a template, and a socket', async () => {
    const files = {
      '/etc/systemd/system/many@.service': unit('many %i'),
      '/etc/systemd/system/tap.socket': {
        content: '[Socket]\nListenStream=/run/tap\n[Install]\nWantedBy=sockets.target\n',
      },
      '/etc/systemd/system/tap.service': unit('tap'),
    };
    const services = {
      'many@one': { enabled: true, ensureRunning: true },
      'tap.socket': { enabled: true, ensureRunning: true },
    };
    const first = await apply(services, files);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect({ many: await state('many@one.service'), tap: await state('tap.socket') }).toEqual({
      many: 'enabled active',
      tap: 'enabled active',
    });
    expect(summary(await apply(services, files))).toBe('5 unchanged');
  });

  test('an init script, which systemd knows by its generator', async () => {
    const content = `#!/bin/sh
### BEGIN INIT INFO
# Provides: old
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
case $1 in start) setsid sleep 300 >/dev/null 2>&1 & ;; esac
`;
    const files = { '/etc/init.d/old': { content, mode: '000755' } };
    const services = { old: { enabled: true, ensureRunning: true } };
    const first = await apply(services, files, 'sysvinit');
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await show('ActiveState', 'old.service')).toBe('active');
    expect(summary(await apply(services, files, 'sysvinit'))).toBe('2 unchanged');
  });
});

describe('failures', () => {
  test('an unknown service is named', async () => {
    const { code, stderr } = await apply({ nonsense: { enabled: true, ensureRunning: true } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*nonsense[^\n]*\n$/) });
  });

  test('an unknown one that is not wanted is fine', async () => {
    expect((await apply({ nonsense: { enabled: false, ensureRunning: false } })).code).toBe(0);
  });

  test('one that does not start is named, with where to look', async () => {
    const content = '[Service]\nType=oneshot\nExecStart=/bin/false\n';
    const files = { '/etc/systemd/system/broken.service': { content } };
    const { code, stderr } = await apply({ broken: { ensureRunning: true } }, files);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*broken[^\n]*journalctl[^\n]*\n$/),
    });
  });

  test('the first failing service ends the run', async () => {
    const result = await apply({ nonsense: { ensureRunning: true }, dummy: { ensureRunning: true } });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 1, summary: '1 failed, 1 not run' });
  });
});

describe('run by user data, in a unit that is still being started,', () => {
  const ordered = (after: string, more = ''): ConfigDocument => ({
    content: `[Unit]\nAfter=${after}\n${more}\n[Service]\nExecStart=/bin/sleep 300\n[Install]\nWantedBy=multi-user.target\n`,
  });
  const ON = { ensureRunning: true };
  let count = 0;

  /**
   * Lets final.service run cfn-init, between other lines of its script, and waits for its end.
   * @returns what was printed, and what cfn-init ended with
   */
  async function atBoot(document: ConfigDocument, before = ':', after = ':', runner = '') {
    const place = join(view().shared, `boot-${count++}`);
    writeFileSync(`${place}.json`, metadata(document));
    const script = `${before}\n${runner} ${binary('cfn-init')} ${place}.json >${place}.out 2>${place}.err\necho $? >${place}.code\n{ ${after}\n} >${place}.after\n`;
    writeFileSync(`${place}.sh`, script);
    const content = `[Service]\nType=oneshot\nTimeoutStartSec=20\nExecStart=/bin/bash --norc ${place}.sh\n`;
    writeFileSync(view().path('/etc/systemd/system/final.service'), content);
    await view().run('systemctl daemon-reload; systemctl start final');
    const { stdout } = await view().run(
      `cd ${view().shared}; for what in out err code after; do cat ${place}.$what; echo '#'; done`,
    );
    const [out = '', err = '', code = '', told = ''] = stdout.split('#\n');
    return { out, err, code: code.trim(), told: told.trim() };
  }
  /** Waits until systemd has nothing left to do. */
  const settled = () =>
    view().run("for i in $(seq 100); do systemctl list-jobs | grep -q '^No jobs' && break; sleep 0.1; done");

  beforeAll(async () => {
    if (process.geteuid?.() !== 0) return;
    const files = {
      '/etc/systemd/system/agent.service': ordered('final.service'),
      '/etc/systemd/system/needs.service': ordered('agent.service', 'Requires=agent.service'),
      '/etc/systemd/system/late.target': { content: '[Unit]\nAfter=final.service\n' },
      '/etc/systemd/system/later.service': ordered('late.target', 'Wants=late.target'),
      '/etc/systemd/system/knock.socket': {
        content: '[Unit]\nAfter=final.service\n[Socket]\nListenStream=/run/knock\n',
      },
      '/etc/systemd/system/knock.service': unit(),
    };
    expect((await apply({}, files)).code).toBe(0);
  });

  test('what is ordered after that unit, in a chain too, is started without waiting, which is said', async () => {
    const later = ['agent.service', 'needs.service', 'later.service', 'knock.socket'];
    const services = Object.fromEntries([...later, 'dummy.service'].map((name) => [name, ON]));
    const after = `systemctl is-active ${later.join(' ')} dummy`;
    const { out, err, code, told } = await atBoot({ services: { systemd: services } }, ':', after);
    expect(code).toBe('0');
    for (const name of later)
      expect(out).toMatch(new RegExp(`services +changed +${name} +\\(to be started after final.service\\)`));
    expect(out).toMatch(/changed +dummy.service +\(started\)/);
    expect(err.trimEnd().split('\n')).toEqual(
      later.map((name) =>
        expect.stringMatching(
          new RegExp(
            `^cfn-init: warning: ${name} is not waited for: services systemd "${name}": .*final.service.*systemctl status ${name}`,
          ),
        ),
      ),
    );
    expect(told.split('\n')).toEqual(['inactive', 'inactive', 'inactive', 'inactive', 'active']);
    await settled();
    for (const name of later) expect(await show('ActiveState', name)).toBe('active');
  });

  test('what runs already is restarted at once, and is not down until that unit has started', async () => {
    const pid = await show('MainPID', 'agent.service');
    const config = { '/etc/agent.conf': { content: 'new' } };
    const services = { systemd: { agent: { ...ON, files: Object.keys(config) } } };
    const after = 'systemctl is-active agent; systemctl show -p MainPID --value agent';
    const { out, err, code, told } = await atBoot({ files: config, services }, ':', after);
    expect({ code, err }).toEqual({ code: '0', err: '' });
    expect(out).toMatch(/changed +agent +\(restarted although it is ordered after final.service\)/);
    expect(told).toMatch(/^active\n[1-9]/);
    expect(told).not.toContain(`\n${pid}`);
  });

  test.each([
    ['a scope of its own was made for it, as by su -', 'systemd-run -q --scope'],
    ['user data waits for a transient service', 'systemd-run -q --wait'],
  ])('it is found where %s', async (_, runner) => {
    await view().run('systemctl stop agent needs');
    const place = join(view().shared, 'transient.out');
    const command = `${runner} sh -c '"$@" >${place}' sh`;
    const { code } = await atBoot({ services: { systemd: { agent: ON } } }, ':', ':', command);
    const out = readFileSync(place, 'utf8');
    expect({ code, out }).toEqual({ code: '0', out: expect.stringContaining('to be started after final.service') });
    await settled();
  });

  test('what is not to run does not start afterwards either', async () => {
    await view().run('systemctl stop agent');
    const services = { systemd: { agent: { enabled: false, ensureRunning: false } } };
    const { out, err, code } = await atBoot({ services }, 'systemctl start --no-block agent');
    expect({ code, err, out }).toEqual({ code: '0', err: '', out: expect.stringContaining('(stopped)') });
    await settled();
    expect(await show('ActiveState', 'agent.service')).toBe('inactive');
  });
});

describe('with a service-timeout', () => {
  beforeAll(async () => {
    if (process.geteuid?.() === 0) await view().run('echo service-timeout = 2 >>/etc/cfn/cfntools.conf');
  });
  afterAll(async () => {
    if (process.geteuid?.() === 0) await watchFor(view(), 0);
  });

  test('a start that takes longer is a failure with exit code 75, and systemd goes on with it', async () => {
    const content =
      '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "until [ -e /run/go ]; do sleep 0.1; done"\n';
    const { code, stderr } = await apply(
      { slow: { ensureRunning: true } },
      { '/etc/systemd/system/slow.service': { content } },
    );
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(
        /^cfn-init: systemctl start did not end within 2 s: slow.service: systemd goes on [^\n]*service-timeout[^\n]*\n$/,
      ),
    });
    expect(await show('ActiveState', 'slow.service')).toBe('activating');
    await view().run('touch /run/go; for i in $(seq 50); do systemctl is-active -q slow && break; sleep 0.1; done');
    expect(summary(await apply({ slow: { ensureRunning: true } }))).toBe('1 unchanged');
  });

  test.each(['show', 'daemon-reload', 'start', 'stop'])(
    'a systemctl %s that hangs is ended, and is a failure with exit code 75',
    async (verb) => {
      await view().run(`systemctl stop dummy; systemctl disable dummy 2>/dev/null; cat >/usr/local/bin/systemctl <<'X'; chmod 755 /usr/local/bin/systemctl
#!/bin/sh
case " $* " in *" ${verb} "*) sleep 300 ;; esac
exec /usr/bin/systemctl "$@"
X`);
      const services: ConfigDocument =
        verb === 'stop'
          ? { 'quiet.target': { ensureRunning: false } }
          : { dummy: { enabled: true, ensureRunning: true }, old: { enabled: true } };
      const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
      const document = { services: { systemd: services }, files: { [UNIT]: unit(`for ${verb}`) } };
      const { code, stderr } = await cfnInit(view(), document, [], { env });
      await view().run('rm /usr/local/bin/systemctl');
      expect({ code, stderr }).toEqual({
        code: 75,
        stderr: expect.stringMatching(/^cfn-init: [^\n]*systemctl[^\n]*\n$/),
      });
      expect(stderr).toContain(verb);
    },
  );
});

describe('a oneshot unit that runs cfn-init', () => {
  const log = '/run/turns';
  const says = (text: string): string => `echo ${text} >>${log}`;
  /** What the unit's cfn-init has to do, and the units around it. */
  const files = {
    '/opt/inner.json': { content: metadata({ commands: { a: { command: says('inner') } } }) },
    [`${UNITS}/inner.service`]: service(
      `Type=oneshot\nExecStart=${binary('cfn-init')} /opt/inner.json`,
      '[Install]\nAlias=inner-alias.service\n',
    ),
    [`${UNITS}/app.service`]: {
      content: '[Unit]\nRequires=middle.service\nAfter=middle.service\n[Service]\nExecStart=/bin/sleep 300\n',
    },
    [`${UNITS}/middle.service`]: {
      content:
        '[Unit]\nRequires=inner.service\nAfter=inner.service\n[Service]\nType=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes\n',
    },
    [`${UNITS}/delay.service`]: service(`Type=oneshot\nExecStart=/bin/sh -c "sleep 1.5; ${says('slow')}"`),
  };
  const starting = (command: string): ConfigDocument => ({
    commands: { b: { command: `${command} && ${says('outer')}` } },
  });

  test.each<[string, ConfigDocument]>([
    ['by a command', starting('systemctl start inner')],
    ['by its alias', starting('systemctl enable inner && systemctl start inner-alias.service')],
    ['by a unit that waits for one that waits for it', starting('systemctl start app')],
    ['as a transient one', starting(`systemd-run --quiet --wait ${binary('cfn-init')} /opt/inner.json`)],
    ['by services', { services: { systemd: { inner: { ensureRunning: true } } } }],
  ])('and that another cfn-init starts, is not waited for in a circle: %s', async (_, config) => {
    await view().run(`rm -f ${log}; systemctl stop app middle`);
    const { code, stderr } = await cfnInit(view(), { files, ...config });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(view().read(log)).toMatch(/^inner\n(?:outer\n)?$/);
  });

  test('waits for one that only waits for another unit at the time', async () => {
    await view().run(`rm -f ${log}; systemctl stop app middle delay`);
    const begin = 'systemctl start --no-block inner';
    const { code, stderr } = await cfnInit(view(), { files, ...starting(`${begin} && systemctl start delay`) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expect.poll(() => view().read(log), { timeout: 20_000 }).toBe('slow\nouter\ninner\n');
  });
});
