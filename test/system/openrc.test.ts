import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { installOpenrc } from '../support/openrc.ts';
import { watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// A real OpenRC, which believes that it has booted the view.
const view = useSandbox({}, ['apt-get', 'dpkg']);
let reasonAgainst: string | undefined;
const script = (more = ''): ConfigDocument => ({
  mode: '000755',
  content: `#!/sbin/openrc-run
description="a dummy"
command=/bin/sleep
command_args=300
command_background=true
pidfile=/run/$RC_SVCNAME.pid
start_post() { echo start >>/run/$RC_SVCNAME.log; }
stop_post() { echo stop >>/run/$RC_SVCNAME.log; }
${more}
`,
});
const apply = (services: ConfigDocument, files: ConfigDocument = {}, more: ConfigDocument = {}) =>
  cfnInit(view(), { services: { sysvinit: services }, files, ...more });
/** What was done to the service since the last look. */
const told = async (name: string): Promise<string> =>
  (await view().run(`tr '\\n' ' ' </run/${name}.log; rm -f /run/${name}.log`)).stdout.trim();
const levels = async (name: string): Promise<string> =>
  (await view().run(`rc-update show | sed -n 's/^ *${name} | *//p'`)).stdout.trim();
const status = async (name: string): Promise<number> => (await view().run(['rc-service', name, 'status'])).code;
const BOTH = { enabled: true, ensureRunning: true };

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  reasonAgainst = await installOpenrc(view());
  await watchFor(view(), 1);
});
beforeEach((context) => {
  if (reasonAgainst !== undefined) context.skip(reasonAgainst);
});

describe('a service', () => {
  test('written by files is enabled in the runlevel default and started; the second run is unchanged', async () => {
    const files = { '/etc/init.d/web': script() };
    const first = await apply({ web: BOTH }, files);
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect({ levels: await levels('web'), status: await status('web'), told: await told('web') }).toEqual({
      levels: 'default',
      status: 0,
      told: 'start',
    });
    expect(summary(await apply({ web: BOTH }, files))).toBe('2 unchanged');
  });

  test('listed under systemd is managed by the init system that runs', async () => {
    const result = await cfnInit(view(), { services: { systemd: { 'web.service': BOTH } } });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '1 unchanged' });
  });

  test('is restarted when what it is for has changed, and only then', async () => {
    const services = { web: { ensureRunning: true, files: ['/etc/web.conf'], commands: ['01'] } };
    const conf = (content: string) => ({ '/etc/web.conf': { content }, '/etc/other': { content } });
    await apply(services, conf('a'));
    expect(await told('web')).toBe('stop start');
    await apply(services, conf('a'));
    expect(await told('web')).toBe('');
    await apply(services, {}, { commands: { '01': { command: 'true' } } });
    expect(await told('web')).toBe('stop start');
    await apply({ web: { ...services.web, files: [] } }, conf('b'));
    expect(await told('web')).toBe('');
  });

  test('that is in another runlevel of every boot counts as enabled, and is taken out of it', async () => {
    await view().run('rc-update del web default; rc-update add web boot');
    expect(summary(await apply({ web: { enabled: true } }))).toBe('1 unchanged');
    expect(summary(await apply({ web: { enabled: false } }))).toBe('1 changed');
    expect(await levels('web')).toBe('');
  });

  test('is stopped and disabled; the second run is unchanged', async () => {
    await apply({ web: BOTH });
    await told('web');
    const services = { web: { enabled: false, ensureRunning: false } };
    expect(summary(await apply(services))).toBe('1 changed');
    expect({ levels: await levels('web'), status: await status('web'), told: await told('web') }).toEqual({
      levels: '',
      status: 3,
      told: 'stop',
    });
    expect(summary(await apply(services))).toBe('1 unchanged');
  });

  test('that was stopped is started for a change of its files, unless it shall not run', async () => {
    const files = ['/etc/web.conf'];
    await apply({ web: { files, ensureRunning: false } }, { '/etc/web.conf': { content: 'y' } });
    expect(await status('web')).toBe(3);
    await apply({ web: { files } }, { '/etc/web.conf': { content: 'z' } });
    expect(await status('web')).toBe(0);
  });
});

describe('failures', () => {
  test('an unknown service is named, with the nearest name', async () => {
    const { code, stderr } = await apply({ wbe: { ensureRunning: true } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: no service "wbe": [^\n]*did you mean web\?\n$/),
    });
  });

  test('an unknown one that is not wanted is fine', async () => {
    expect((await apply({ nonsense: { enabled: false, ensureRunning: false } })).code).toBe(0);
  });

  test('one that does not start is named, with what it said', async () => {
    const bad = { content: '#!/sbin/openrc-run\nstart() { eerror "no license"; return 1; }\n', mode: '000755' };
    const result = await apply({ bad: { ensureRunning: true } }, { '/etc/init.d/bad': bad });
    expect({ code: result.code, lines: complaints(result).length }).toEqual({ code: 1, lines: 1 });
    expect(result.stderr).toContain('rc-service bad start ended with exit code 1: /etc/init.d/bad: ');
    expect(result.stderr).not.toContain('[ ok ]');
    expect(result.stderr).toMatch(/its last words: [^\n]*no license \| [^\n]*bad failed to start/);
  });

  test('one that crashes after its start, and is started anew by the next run', async () => {
    const dies = script(`status() { kill -0 $(cat $pidfile) 2>/dev/null || { eerror "status: crashed"; return 32; }; }
start() { sleep "$(cat /run/dies.life)" & echo $! >$pidfile; }
stop() { kill $(cat $pidfile); }`);
    const run = () => apply({ dies: { ensureRunning: true } }, { '/etc/init.d/dies': dies });
    await view().run('echo 0.3 >/run/dies.life');
    for (const _ of ['first', 'second']) {
      const { code, stderr } = await run();
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^cfn-init: service "dies" did not stay up: [^\n]*exit code 32[^\n]*crashed\n$/),
      });
    }
    await view().run('echo 300 >/run/dies.life');
    expect((await run()).code).toBe(0);
    expect(await status('dies')).toBe(0);
  });

  test('one that stops with another one, which a later config stops, has not failed', async () => {
    const config = (services: ConfigDocument, files: ConfigDocument = {}) => ({
      services: { sysvinit: services },
      files,
    });
    const files = { '/etc/init.d/base': script(), '/etc/init.d/needs': script('depend() { need base; }') };
    const configs = {
      one: config({ needs: { ensureRunning: true } }, files),
      two: config({ base: { ensureRunning: false } }),
    };
    const { code, stderr } = await cfnInit(
      view(),
      JSON.stringify({ 'AWS::CloudFormation::Init': { configSets: { default: ['one', 'two'] }, ...configs } }),
    );
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: service "needs" no longer runs: [^\n]*a later step[^\n]*\n$/),
    });
    expect([await status('base'), await status('needs')]).toEqual([3, 3]);
  });
});

describe('where OpenRC is installed and has not booted', () => {
  test('a service is enabled, and a warning says when it starts', async () => {
    await view().run('mv /run/openrc/softlevel /run/softlevel; rc-update del web default');
    // The machine around the view may have systemctl, which would be asked first.
    await view().run('mkdir -p /run/hidden; mount --bind /dev/null "$(readlink -f "$(command -v systemctl)")" || true');
    const first = await apply({ web: BOTH });
    expect({ code: first.code, stderr: first.stderr, levels: await levels('web') }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: web is not started, [^\n]*: it starts at the next boot\n$/),
      levels: 'default',
    });
    expect(summary(await apply({ web: { enabled: true } }))).toBe('1 unchanged');
  });
});
