import { readdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { described, recorded } from '../support/heat-replay.ts';
import { type Answer, unusedPort } from '../support/http-server.ts';
import { ACTED, CACHE, quiet, result, STATE, useHupPasses } from '../support/hup-passes.ts';

const { machine, replay, put, configure, telling, hup, acted, log, modeOf } = useHupPasses();

describe('what makes an action run', () => {
  test('first sight: once, for both triggers; then nothing; then a change', async () => {
    const heat = await telling({ v: 1 }, { v: 1 }, { v: 2 });
    configure(heat.base, { h: {} });
    for (let pass = 0; pass < 4; pass++) expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toEqual(['none -> {"v":1}', '{"v":1} -> {"v":2}']);
    expect(machine().read(`${CACHE}/last_metadata_r`)).toBe('{"v":2}');
    expect(machine().read(`${CACHE}/last_metadata`)).toBe('{"v":2}');
  });

  test('what was published before is what the first pass compares with', async () => {
    const heat = await telling({ v: 1 }, { v: 2 });
    configure(heat.base, { h: {} });
    put(`${CACHE}/last_metadata_r`, '{ "v": 1 }');
    await hup('-f');
    expect(acted()).toEqual([]);
    await hup('-f');
    expect(acted()).toEqual(['{"v":1} -> {"v":2}']);
  });

  test('a change outside its sub path does not; lists are walked by index; a text is given bare', async () => {
    const heat = await telling(
      { a: { b: ['x', 'one'] }, c: 1 },
      { c: 2, a: { b: ['y', 'one'] } },
      { a: { b: ['y', 'two'] } },
    );
    configure(heat.base, { h: { path: 'Resources.r.Metadata.a.b.1' } });
    for (let pass = 0; pass < 3; pass++) await hup('-f');
    expect(acted()).toEqual(['none -> one', 'one -> two']);
  });

  test('post.remove: a key that goes away', async () => {
    const heat = await telling({ a: 'x' }, { b: 1 }, { a: 'y' });
    configure(heat.base, { h: { path: 'Resources.r.Metadata.a', triggers: 'post.remove' } });
    for (let pass = 0; pass < 3; pass++) await hup('-f');
    expect(acted()).toEqual(['x -> none']);
  });

  test('a resource that is being updated is left alone', async () => {
    const busy = described('{"v": 2}') as { body: string };
    const inProgress: Answer = { status: 200, body: busy.body.replace('CREATE_COMPLETE', 'UPDATE_IN_PROGRESS') };
    const heat = await replay({ 's1/r': [described('{"v": 1}'), inProgress, described('{"v": 2}')] });
    configure(heat.base, { h: {} });
    await hup('-f');
    expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toHaveLength(1);
    expect(machine().read(`${CACHE}/last_metadata`)).toBe('{"v": 1}');
    await hup('-f');
    expect(acted()).toHaveLength(2);
  });

  test('hooks on one resource fetch it once, each has its own state, and one added later begins with what is known', async () => {
    const heat = await telling({ a: 1, b: 1 }, { a: 2, b: 1 }, { a: 2, b: 2 });
    const a = { path: 'Resources.r.Metadata.a', action: `echo a >>${ACTED}` };
    const b = { path: 'Resources.r.Metadata.b', action: `echo b >>${ACTED}` };
    configure(heat.base, { a });
    await hup('-f');
    configure(heat.base, { a, b });
    await hup('-f');
    expect(acted()).toEqual(['a', 'a']);
    await hup('-f');
    expect(acted()).toEqual(['a', 'a', 'b']);
    expect(heat.requests).toHaveLength(3);
  });

  test('an action that calls cfn-init, which fetches the same, does not trigger itself', async () => {
    const document = (content: string) => ({
      'AWS::CloudFormation::Init': { config: { files: { '/srv/greeting': { content } } } },
    });
    const heat = await telling(document('first'), document('first'), document('second'));
    const init = `${binary('cfn-init')} -s s1 -r r -f /etc/cfn/key -u ${heat.base} && echo ran >>${ACTED}`;
    configure(heat.base, { reload: { path: 'Resources.r.Metadata.AWS::CloudFormation::Init', action: init } });
    for (let pass = 0; pass < 4; pass++) expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toEqual(['ran', 'ran']);
    expect(machine().read('/srv/greeting')).toBe('second');
  });

  test('a service that should run and is down is restarted, and the hooks that listen run, also without Heat', async () => {
    const init = '#!/bin/sh\ncase $1 in start) touch /srv/up ;; status) [ -e /srv/up ] ;; *) exit 1 ;; esac\n';
    put('/etc/init.d/dummyd', init, 0o755);
    const services = { sysvinit: { dummyd: { ensureRunning: 'true' } } };
    const heat = await telling({ 'AWS::CloudFormation::Init': { config: { services } } });
    const listening = { triggers: 'service.restarted', action: `echo restarted >>${ACTED}` };
    configure(heat.base, { listening, other: { action: `echo other >>${ACTED}`, triggers: 'post.update' } });
    expect((await hup('-f')).code).toBe(0);
    expect(acted()).toEqual(['restarted', 'other']);
    await hup('-f');
    expect(acted()).toHaveLength(2);
    rmSync(machine().path('/srv/up'));
    configure(`http://127.0.0.1:${await unusedPort()}/v1/`, { listening });
    put('/var/lib/heat-cfntools/cfn-boto-cfg', '[Boto]\nnum_retries = 0\n');
    await hup('-f');
    expect(acted()).toEqual(['restarted', 'other', 'restarted']);
    await machine().run('rm -f /etc/init.d/dummyd /var/lib/heat-cfntools/cfn-boto-cfg');
  });
});

describe('state', () => {
  test('is of one file, whichever way -c leads to it: a change is acted on once', async () => {
    const ways = ['', '-c /etc/cfn', '-c /etc/cfn/hooks.d', '-c /etc/../etc/cfn', '-c /srv/link', '-c /srv/bound'];
    const heat = await telling(...ways.map(() => ({ v: 1 })), { v: 2 });
    configure(heat.base, { h: {} });
    const passes = ways.map((way) => `${binary('cfn-hup')} -f ${way} || exit 1`).join('\n');
    const { code, stdout } = await machine().run(`mkdir -p /srv/bound && ln -s /etc/cfn /srv/link || exit 1
      mount --bind /etc/cfn /srv/bound && trap 'umount /srv/bound; rm /srv/link' EXIT
      ${passes}
      ${passes}
      ls ${STATE} | grep -c json`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
    expect(acted()).toEqual(['none -> {"v":1}', '{"v":1} -> {"v":2}']);
  });

  test('is in a directory of its own, and private', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { 'my hook/1': {}, [`long${'x'.repeat(300)}`]: {} });
    expect((await hup('-f')).code).toBe(0);
    expect(modeOf(STATE)).toBe(0o700);
    const states = readdirSync(machine().path(STATE)).filter((name) => name.endsWith('.json'));
    expect(states).toHaveLength(2);
    for (const name of readdirSync(machine().path(STATE))) expect(modeOf(`${STATE}/${name}`)).toBe(0o600);
  });

  test('that is corrupt is set aside and reported, and the hook runs once more', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: { triggers: 'post.update' } });
    await hup('-f');
    const [state = ''] = readdirSync(machine().path(STATE)).filter((name) => name.startsWith('h@'));
    put(`${STATE}/${state}`, '{"version": 1, "hook": "h", "ack');
    expect((await hup('-f')).code).toBe(0);
    expect(acted()).toEqual(['none -> {"v":1}', 'none -> {"v":1}']);
    expect(log()).toMatch(/ERROR .*state of the hook h is corrupt.*set aside/);
    expect((await hup('--status')).stdout).toMatch(/^h: a corrupt state was set aside:\s+\S*h@\S*\.corrupt-/m);
    await hup('-f');
    expect(acted()).toHaveLength(2);
  });

  test('that cannot be kept: nothing runs, exit 1', async () => {
    const heat = await telling({ v: 1 }, { v: 2 });
    configure(heat.base, { h: {} });
    await hup('-f');
    const { code } = await machine().run(
      `mount --bind ${STATE} ${STATE} && mount -o remount,bind,ro ${STATE}; ${binary('cfn-hup')} -f; code=$?; umount ${STATE}; exit $code`,
    );
    expect({ code, acted: acted().length }).toEqual({ code: 1, acted: 1 });
    expect((await hup('-f')).code).toBe(0);
    expect(acted()).toHaveLength(2);
  });
});

describe('what is said', () => {
  test.each<[string, Answer | 'nobody']>([
    ['refused', recorded.accessDenied],
    ['no such stack', recorded.noStack],
    ['nobody there', 'nobody'],
  ])('%s: exit 1, nothing on stderr, the reason in the log', async (_, answer) => {
    const heat = await replay({ 's1/r': answer === 'nobody' ? 'reset' : answer });
    put('/var/lib/heat-cfntools/cfn-boto-cfg', '[Boto]\nnum_retries = 0\n');
    configure(heat.base, { h: {} });
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: '' });
    expect(log()).toMatch(/ ERROR /);
    expect(acted()).toEqual([]);
    const { code, stderr } = await hup('-f', '-v');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-hup: .+\n/) });
    await machine().run('rm -f /var/lib/heat-cfntools/cfn-boto-cfg');
  });

  test("Heat's policy forbids guests to ask: exit 1 each time, said once with the remedy, and on -v; nothing runs", async () => {
    const forbidden = recorded.forbiddenByPolicy;
    const heat = await replay({
      's1/r': [described('{"v": 1}'), forbidden, forbidden, forbidden, described('{"v": 2}')],
    });
    configure(heat.base, { h: {}, other: { triggers: 'post.remove' } });
    expect(result(await hup('-f'))).toEqual(quiet);
    const line = expect.stringMatching(
      /^cfn-hup: [^\n]*not allowed for user[^\n]*"role:heat_stack_user or role:reader"\n$/,
    );
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: line });
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: '' });
    expect(result(await hup('-f', '-v'))).toEqual({ code: 1, stdout: '', stderr: line });
    const mentions = (text: string): number => text.split('policy.yaml').length - 1;
    expect(mentions(log())).toBe(1);
    expect(mentions((await hup('--status')).stdout)).toBe(1);
    const checked = await hup('--check');
    expect({ code: checked.code, mentions: mentions(checked.stdout) }).toEqual({ code: 0, mentions: 1 });
    expect(acted()).toHaveLength(1);
    expect(result(await hup('-f'))).toEqual(quiet);
    expect(acted()).toEqual(['none -> {"v": 1}', '{"v": 1} -> {"v": 2}'].map((text) => text.replaceAll(': ', ':')));
    expect(mentions((await hup('--status')).stdout)).toBe(0);
  });

  test('verbose=true in cfn-hup.conf is as -v', async () => {
    const heat = await telling({ v: 1 });
    const lines = async (main: string[], ...options: string[]): Promise<string[]> => {
      configure(heat.base, { h: { action: 'true' } }, main);
      await machine().run(`rm -rf ${STATE} ${CACHE}`);
      return (await hup('-f', ...options)).stderr.split('\n');
    };
    const asked = await lines([], '-v');
    expect(asked).toContain('cfn-hup: the hook h: its action succeeded');
    expect(await lines(['verbose=true'])).toEqual(asked);
    expect(await lines(['verbose=false'])).toEqual(['']);
    expect(await lines(['verbose=false'], '-v')).toEqual(asked);
  });

  test('a configuration that cannot be used is said on stderr in any case', async () => {
    for (const mode of ['-f', '--status', '--daemon']) {
      const { code, stdout, stderr } = await hup(mode);
      // Who follows is worth knowing all the more.
      const told = mode === '--status' ? expect.stringMatching(/^nobody follows changes: [^\n]*\n$/) : '';
      expect({ code, stdout }).toEqual({ code: 1, stdout: told });
      expect(stderr).toMatch(/^cfn-hup: [^\n]*cfn-hup\.conf[^\n]*\n$/);
    }
  });

  test('a hook that cannot be used is said on stderr, and the others run', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { bad: { triggers: 'post.nonsense' }, good: {} });
    const { code, stderr } = await hup('-f');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^cfn-hup: [^\n]*bad[^\n]*\n$/) });
    expect(acted()).toHaveLength(1);
  });

  test('credentials that are not there are said on stderr', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: {} });
    rmSync(machine().path('/etc/cfn/key'));
    const { code, stderr } = await hup('-f');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-hup: [^\n]*\/etc\/cfn\/key[^\n]*credential-file= in cfn-hup\.conf\n$/),
    });
  });

  test('all is said on a terminal', async (context) => {
    if ((await machine().run(['python3', '-c', ''])).code !== 0) context.skip('needs python3');
    const heat = await replay({ 's1/r': recorded.accessDenied });
    configure(heat.base, { h: {} });
    const program = `import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(["${binary('cfn-hup')}", "-f"])))`;
    const { code, stdout } = await machine().run(['python3', '-c', program]);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^(\x1b\[31m)?cfn-hup: heat-api-cfn refused with HTTP 403/),
    });
  });

  test.each([
    ['-f', 'follow metadata'],
    ['--status', 'read the state of hooks'],
  ])('only root can: %s', async (mode, what) => {
    const words = ['setpriv', '--reuid=7003', '--clear-groups', binary('cfn-hup'), mode];
    const { code, stderr } = await machine().run(words);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^cfn-hup: only root can ${what}: [^\\n]*\\n$`)),
    });
  });

  test('--status: before the first pass, and after', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: {}, failing: { action: 'echo alas; exit 4' } });
    const before = await hup('--status');
    expect(before).toMatchObject({ code: 1, stderr: '' });
    expect(before.stdout).toMatch(/^nobody follows changes: .*\nHeat has not been asked yet\n/);
    expect(before.stdout).toContain('no hook has been checked yet');
    await hup('-f');
    put('/etc/cron.d/heat', '* * * * * root /opt/aws/bin/cfn-hup -f\n');
    const { code, stdout } = await hup('--status');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^followed by cron, by \/etc\/cron\.d\/heat\nHeat answered \d+ s ago\n/);
    expect(stdout).toMatch(/^HOOK +CHECKED +CHANGED +SUCCEEDED +STATE$/m);
    expect(stdout).toMatch(/^h +\d+ s ago +\d+ s ago +\d+ s ago +ok$/m);
    expect(stdout).toMatch(/^failing .*never +failing 1\/10, due next poll$/m);
    expect(stdout).toMatch(/^failing: [^\n]*exit code 4[\s\S]*alas$/m);
    configure(heat.base, { h: {} });
    expect((await hup('--status')).code).toBe(0);
    rmSync(machine().path('/etc/cron.d/heat'));
  });
});

describe('more than one', () => {
  test('passes for two configurations go on beside each other, and beside a daemon that follows the other one', async () => {
    const heat = await replay(
      Object.fromEntries(['first', 'second', 'third'].map((resource) => [`s1/${resource}`, [described('{"v": 1}')]])),
    );
    const configureFor = (name: string, other: string): void => {
      const path = `Resources.${name}.Metadata`;
      configure(heat.base, { h: { path, action: waiting(name, other) } });
    };
    const waiting = (name: string, other: string): string =>
      `echo ${name} >>${ACTED}; for i in $(seq 600); do grep -q ${other} ${ACTED} && exit 0; sleep 0.05; done; exit 1`;
    configureFor('second', 'first');
    await machine().run('cp -a /etc/cfn /srv/second; mkdir /srv/hooks');
    configureFor('third', 'first');
    await machine().run('cp -a /etc/cfn /srv/third');
    configureFor('first', 'second');
    const { stdout } = await machine().run(`cfn_hup=${binary('cfn-hup')}
      $cfn_hup -f -c /srv/second & second=$!
      $cfn_hup --daemon & daemon=$!
      wait $second; echo second $?
      $cfn_hup -f -c /srv/third; echo third $?
      $cfn_hup -f; echo same $?
      $cfn_hup -f -c /srv/hooks 2>&1; echo hooks $?
      $cfn_hup --daemon -c /srv/third 2>&1; echo daemon $?
      $cfn_hup --status -c /srv/third | head -n 1
      kill $daemon; wait $daemon`);
    expect(acted().sort()).toEqual(['first', 'second', 'third']);
    expect(stdout.replaceAll(/process \d+/g, 'process N').split('\n')).toEqual([
      'second 0',
      'third 0',
      'same 0',
      expect.stringMatching(/^cfn-hup: these hooks are not followed: process N: .*\/etc\/cfn\/cfn-hup\.conf/),
      'hooks 1',
      expect.stringMatching(/^cfn-hup: cannot follow changes: process N: it follows another configuration/),
      'daemon 1',
      'nobody follows the changes of /srv/third/cfn-hup.conf: process N follows those',
      '',
    ]);
  });

  test('a second pass leaves at once while one is under way', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, {
      h: { action: `echo begin >>${ACTED}; until [ -e /srv/go ]; do sleep 0.05; done; echo end >>${ACTED}` },
    });
    const running = hup('-f');
    for (let waited = 0; acted().length === 0 && waited < 20_000; waited += 50) await sleep(50);
    const second = await hup('-f');
    expect(result(second)).toEqual(quiet);
    expect(acted()).toEqual(['begin']);
    put('/srv/go', '');
    expect((await running).code).toBe(0);
    expect(acted()).toEqual(['begin', 'end']);
  });
});
