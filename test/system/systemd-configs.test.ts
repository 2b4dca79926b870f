import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MESSAGE_IDS } from '../../src/logging/log.ts';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { property, RUNS, service, UNITS, watchFor } from '../support/systemd-units.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

// The services of several configs: how often systemd is asked, and what becomes of a service while later configs run.
const view = useSandbox({ init: 'systemd' });
const WATCH = 3;
const NAMES = Array.from({ length: 10 }, (_, index) => `s${index}`);
const PATH = '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const services = (names: readonly string[], wanted: ConfigDocument = { ensureRunning: true }): ConfigDocument => ({
  services: { systemd: Object.fromEntries(names.map((name) => [name, wanted])) },
});
const command = (text: string): ConfigDocument => ({ commands: { c: { command: text } } });
const units = (all: Readonly<Record<string, ConfigDocument>>): ConfigDocument => ({
  files: Object.fromEntries(Object.entries(all).map(([name, unit]) => [`${UNITS}/${name}.service`, unit])),
});
const shell = (script: string, more = ''): ConfigDocument => service(`${more}ExecStart=/bin/sh -c '${script}'`);
const text = (configs: Readonly<Record<string, ConfigDocument>>): string =>
  JSON.stringify({ 'AWS::CloudFormation::Init': { configSets: { default: Object.keys(configs) }, ...configs } });
const apply = (configs: Readonly<Record<string, ConfigDocument>>, args: readonly string[] = []) =>
  cfnInit(view(), text(configs), args, { env: { PATH } });
const TEN_UNITS = units(Object.fromEntries(NAMES.map((name) => [name, RUNS])));
const log = async (): Promise<string> => (await view().run('cat /var/log/cfn-init.log')).stdout;

beforeAll(async () => {
  if (!isRoot) return;
  await watchFor(view(), WATCH);
  expect((await apply({ one: TEN_UNITS })).code).toBe(0);
});
beforeEach(async () => {
  if (isRoot) await view().run('rm -f /var/log/cfn-init.log /run/marker');
});

test('ten services: systemd is asked for their state twelve times at most, and once when all is well', async () => {
  await view().run(`cat >/usr/local/bin/systemctl <<'X'; chmod 755 /usr/local/bin/systemctl
#!/bin/sh
case " $* " in *" show "*) echo "$*" >>/run/shows ;; esac
exec /usr/bin/systemctl "$@"
X`);
  const document = {
    one: {
      ...TEN_UNITS,
      ...services(NAMES, { enabled: true, ensureRunning: true }),
    },
  };
  const counted = async () => {
    const result = await apply(document);
    const shows = Number((await view().run('cat /run/shows | wc -l; rm /run/shows')).stdout);
    return { code: result.code, summary: summary(result), shows };
  };
  expect(await counted()).toEqual({
    code: 0,
    summary: '10 changed, 10 unchanged',
    shows: expect.toSatisfy((count: number) => count <= 12),
  });
  expect(await counted()).toEqual({ code: 0, summary: '20 unchanged', shows: 1 });
  await view().run('rm /usr/local/bin/systemctl');
});

test('those of three configs are waited for once, which is a line of the log', async () => {
  await view().run('systemctl stop s0 s1 s2');
  const result = await apply({ one: services(['s0']), two: services(['s1']), three: services(['s2']) });
  expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '3 changed' });
  expect(result.milliseconds).toBeGreaterThan(WATCH * 1000);
  const lines = (await log()).split('\n').filter((line) => line.includes('watch of') && !line.includes('begins'));
  expect(lines).toEqual([expect.stringMatching(/services {2}unchanged {2}watch of s0, s1, s2 {2}\d\.\d s$/)]);
  expect(result.stdout).not.toContain('watch of');
});

describe('one that does not stay up', () => {
  const dies = shell('sleep 1; echo port taken; exit 4');

  test('is a failure before the commands of a later config, with its own name and place', async () => {
    const result = await apply({
      one: { ...units({ early: dies, fine: RUNS }), ...services(['early', 'fine']) },
      two: command(`sleep ${WATCH + 1}`),
      three: command('touch /run/marker'),
    });
    expect({ code: result.code, summary: summary(result) }).toEqual({
      code: 1,
      summary: '4 changed, 1 failed, 1 not run',
    });
    expect(complaints(result)).toEqual([
      expect.stringMatching(
        /^cfn-init: service "early" did not stay up: config "one", services systemd "early": exit code 4; its last words: port taken/,
      ),
    ]);
    expect(result.stdout).toMatch(/^services {2}failed {5}early {2}/m);
    expect((await view().run('ls /run/marker')).code).not.toBe(0);
    const find = ['journalctl', '-q', '-o', 'json', `MESSAGE_ID=${MESSAGE_IDS.stepFailed}`, 'CFN_STEP=services early'];
    const told = async () => (await view().run(find)).stdout;
    await expect.poll(told, { timeout: 20_000 }).not.toBe('');
    expect(JSON.parse(await told())).toMatchObject({ CFN_CONFIG: 'one', PRIORITY: '3', CFN_STATE: 'failed' });
  });

  test('is a warning under --compat heat, and the commands run', async () => {
    const configs = {
      one: services(['early']),
      two: command(`sleep ${WATCH + 1}`),
      three: command('touch /run/marker'),
    };
    const { code, stderr } = await apply(configs, ['--compat', 'heat']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: service "early" did not stay up: [^\n]*heat-cfntools did\n$/),
    });
    expect((await view().run('ls /run/marker')).code).toBe(0);
  });

  test('is told of when a command fails, which remains the failure of the run', async () => {
    const result = await apply({ one: services(['early']), two: command('exit 7') });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 1, summary: '2 failed' });
    expect(complaints(result)).toEqual([
      expect.stringMatching(/^cfn-init: service "early" did not stay up: /),
      expect.stringMatching(/^cfn-init: the command ended with exit code 7: config "two", commands "c"/),
    ]);
  });

  test('is one although commands have run since', async () => {
    const { code, stderr } = await apply({ one: services(['early']), two: command('sleep 2') });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: service "early" did not/) });
  });
});

test.each([
  ['ends without an error', RUNS],
  ['ends with an error', shell('trap "exit 143" TERM; while :; do sleep 0.1; done')],
])('one that a command of a later config stops is no failure, even where it %s', async (_, unit) => {
  const one = { ...units({ stopped: unit }), ...services(['stopped']) };
  const { code, stderr } = await apply({ one, two: command('systemctl stop stopped') });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(await log()).toContain(
    'service "stopped" was stopped after its start: config "one", services systemd "stopped"',
  );
  expect(await property(view(), 'ActiveState', 'stopped.service')).not.toBe('active');
});

describe('one that systemd stops', () => {
  const bound = (lines: string): ConfigDocument => service('ExecStart=/bin/sleep 300', `[Unit]\n${lines}\n`);
  const stays = units({ needed: RUNS, needs: bound('Requires=needed.service\nAfter=needed.service') });

  test.each([
    ['with one that it needs, which a later config stops', services(['needed'], { ensureRunning: false })],
    ['with one that it needs, which a failing command stops', command('systemctl stop needed; exit 7')],
  ])('%s, has not failed', async (_, two) => {
    const { stderr } = await apply({ one: { ...stays, ...services(['needs']) }, two });
    expect(stderr).toEqual('commands' in two ? expect.stringMatching(/^cfn-init: the command ended [^\n]*\n$/) : '');
    expect(await log()).toContain('service "needs" was stopped after its start');
  });

  test('for one of a later config, which cannot run beside it, has not failed; for one of its own config it has', async () => {
    const files = units({ first: RUNS, second: bound('Conflicts=first.service') });
    const later = await apply({ one: { ...files, ...services(['first']) }, two: services(['second']) });
    expect({ code: later.code, stderr: later.stderr }).toEqual({ code: 0, stderr: '' });
    await view().run('systemctl stop second');
    const same = await apply({ one: services(['first', 'second']) });
    expect({ code: same.code, stderr: same.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: service "first" did not stay up: /),
    });
  });

  test('by another of its names, has failed in the config that asks for both, and not in a later one', async () => {
    const twice = service('ExecStart=/bin/sleep 300', '[Install]\nAlias=other.service\n');
    const on = { twice: { enabled: true, ensureRunning: true } };
    const off = { other: { ensureRunning: false } };
    const one = { ...units({ twice }), services: { systemd: on } };
    expect((await apply({ one, two: { services: { systemd: off } } })).stderr).toBe('');
    const { code, stderr } = await apply({ one: { services: { systemd: { ...on, ...off } } } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: service "twice" did not stay/),
    });
  });

  test('because one that it is bound to has ended by itself is a failure, although commands have run since', async () => {
    const files = units({
      frail: shell('sleep 1; exit 4', 'Restart=no\n'),
      bound: bound('BindsTo=frail.service\nAfter=frail.service'),
    });
    const { code, stderr } = await apply({ one: { ...files, ...services(['bound']) }, two: command('sleep 2') });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: service "bound" did not stay up: /),
    });
    const meant = { one: services(['bound', 's0']), two: command('systemctl stop frail') };
    await view().run(`cat >${UNITS}/frail.service; systemctl daemon-reload`, {
      input: '[Service]\nExecStart=/bin/sleep 300\n',
    });
    expect((await apply(meant)).stderr).toBe('');
  });
});

test('one that the journal has nothing on, and that a command of a later config may have stopped, is a warning', async () => {
  const one = { ...units({ mute: service('LogLevelMax=warning\nExecStart=/bin/sleep 300') }), ...services(['mute']) };
  const { code, stderr } = await apply({ one, two: command('systemctl stop mute') });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^cfn-init: warning: service "mute" no longer runs: [^\n]*a later step[^\n]*\n$/),
  });
  const { stderr: failure } = await apply({ one, two: command('systemctl kill -s KILL mute') });
  expect(failure).toMatch(/^cfn-init: service "mute" did not stay up: [^\n]*signal 9/);
});

test('one that a command of a later config starts anew, and that dies then, is a failure', async () => {
  const unit = shell('[ ! -e /run/marker ] || { sleep 1; exit 9; }; exec sleep 300');
  const one = { ...units({ again: unit }), ...services(['again']) };
  const { code, stderr } = await apply({ one, two: command('touch /run/marker; systemctl restart again') });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/"again" did not stay up: .*exit code 9/),
  });
});

test('a signal ends the watch at once', async () => {
  await view().run('systemctl stop s0; cat >/run/document', { input: text({ one: services(['s0']) }) });
  await watchFor(view(), 600);
  const { code, stderr } = await view().run(`${binary('cfn-init')} /run/document &
for i in $(seq 300); do grep -qs 'begins  *watch of s0' /var/log/cfn-init.log && break; sleep 0.1; done; kill $!; wait $!`);
  await watchFor(view(), WATCH);
  expect({ code, stderr }).toEqual({
    code: 143,
    stderr: [
      'cfn-init: warning: SIGTERM: ending services watch of s0',
      'cfn-init: ended by SIGTERM: watch of s0: run cfn-init again\n',
    ].join('\n'),
  });
});
