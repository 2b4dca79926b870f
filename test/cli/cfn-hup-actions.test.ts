import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { described, SECRET } from '../support/heat-replay.ts';
import { ACTED, type HookText, LOG, NOTE, quiet, result, useHupPasses } from '../support/hup-passes.ts';
import type { Ended } from '../support/process.ts';

const { machine, replay, put, configure, telling, hup, acted, log, modeOf, isAlive } = useHupPasses();

describe('how an action runs', () => {
  const action = async (hook: HookText, main: readonly string[] = [], document: object = { v: 1 }): Promise<Ended> => {
    const heat = await telling(document);
    configure(heat.base, { h: hook }, main);
    return hup('-f');
  };

  test('as another user: all ids, just its groups, HOME, USER; several lines', async () => {
    const text = `grep -E '^(Uid|Gid|Groups):' /proc/self/status >${ACTED}\n  echo "$HOME $USER $LOGNAME $PWD" >>${ACTED}\n  id -un >>${ACTED}`;
    expect(result(await action({ runas: 'worker', action: text }))).toEqual(quiet);
    expect(acted().map((line) => line.replace(/\s+/g, ' ').trim())).toEqual([
      'Uid: 7003 7003 7003 7003',
      'Gid: 7002 7002 7002 7002',
      'Groups: 7001 7002',
      '/home/worker worker worker /',
      'worker',
    ]);
  });

  test.each<[runas: string, expected: string[]]>([
    ['worker', ['HOME=/home/worker', 'NODE_OPTIONS=--x', 'OTHER=x', 'SHELL=/bin/zsh', 'http_proxy=http://u:word@p']],
    [
      'root',
      [
        'AWS_ACCESS_KEY_ID=a-key',
        'AWS_SECRET_ACCESS_KEY=a-secret-key',
        'HOME=/root',
        'MYSQL_PWD=word',
        'NODE_OPTIONS=--x',
        'OS_APPLICATION_CREDENTIAL_SECRET=word',
        'OTHER=x',
        'SHELL=/bin/zsh',
        'VAULT_TOKEN=word',
        'http_proxy=http://u:word@p',
      ],
    ],
  ])('%s: credentials of the environment are for its own user', async (runas, expected) => {
    const heat = await telling({ v: 1 });
    const seen = 'AWS|OS_|MYSQL|VAULT|OTHER|HOME|SHELL|http_proxy|NODE_OPTIONS';
    configure(heat.base, { h: { runas, action: `env | grep -E '^(${seen})' | LC_ALL=C sort >${ACTED}` } });
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      SHELL: '/bin/zsh',
      AWS_ACCESS_KEY_ID: 'a-key',
      AWS_SECRET_ACCESS_KEY: 'a-secret-key',
      OS_APPLICATION_CREDENTIAL_SECRET: 'word',
      MYSQL_PWD: 'word',
      VAULT_TOKEN: 'word',
      OTHER: 'x',
      NODE_OPTIONS: '--x',
      http_proxy: 'http://u:word@p',
      no_proxy: '127.0.0.1',
    };
    expect(result(await machine().run([binary('cfn-hup'), '-f'], { env }))).toEqual(quiet);
    expect(acted()).toEqual(expected);
  });

  test.each([
    [[], '0022'],
    [['umask=077'], '0077'],
  ])('%j: the umask is %s', async (main, umask) => {
    await action({ action: `umask >${ACTED}` }, main);
    expect(acted()).toEqual([umask]);
  });

  test.each<[string, HookText, string[]]>([
    ['Resources.r.Metadata', {}, ['none -> {"a":"x","v":[1,"ü"]}']],
    [
      'Resources.r.PhysicalResourceId',
      { action: `env | grep ^CFN_ >${ACTED}` },
      ['CFN_NEW_PHYSICAL_RESOURCE_ID=a4891e24-8286-4754-9b4a-3154b11cc3e3'],
    ],
    ['Resources.r', { action: `env | grep ^CFN_ >${ACTED}` }, ['CFN_NEW_LAST_UPDATED=2026-11-22T07:02:54Z']],
  ])('%s: its variables', async (path, hook, expected) => {
    await action({ ...hook, path }, [], { v: [1, 'ü'], a: 'x' });
    expect(acted()).toEqual(expected);
  });

  test('a value too long for a variable is left out, and the action still runs', async () => {
    await action({}, [], { large: 'x'.repeat(200_000) });
    expect(acted()).toEqual(['none -> none']);
    expect(log()).toMatch(/WARNING .*without CFN_NEW_METADATA.*128 KiB/);
  });

  test('past its time it is ended with all that it started', async () => {
    const text = `sh -c 'trap "" TERM; sleep 300' & echo $! >/srv/child; sleep 300 & echo $! >/srv/other; wait`;
    const { code } = await action({ action: text }, ['action-timeout=1s']);
    expect(code).toBe(1);
    expect(log()).toMatch(/ran longer than 1 s/);
    // Who is killed is gone when somebody has taken note of it.
    for (const name of ['child', 'other'])
      await expect.poll(() => isAlive(machine().read(`/srv/${name}`)), { timeout: 5000 }).toBe(false);
  });

  test('a daemon that it leaves behind goes on', async () => {
    expect((await action({ action: 'sleep 300 & echo $! >/srv/child' })).code).toBe(0);
    const pid = machine().read('/srv/child');
    expect(await isAlive(pid)).toBe(true);
    await machine().run(`kill ${pid}`);
  });

  test('what it prints is in the log, which is private, without secrets', async () => {
    const document = { password: 'hunter2-hunter2', v: { deep: 'not a secret by name' } };
    await action(
      { action: `echo printed; env; echo "$CFN_NEW_METADATA" | tr , '\\n'; cat /etc/cfn/key >&2` },
      [],
      document,
    );
    expect(log()).toContain('printed');
    for (const secret of ['hunter2', SECRET]) expect(log()).not.toContain(secret);
    expect(log()).toContain('not a secret by name');
    expect(modeOf(LOG)).toBe(0o600);
  });

  test('a user who is not there is a failure that names it', async () => {
    expect((await action({ runas: 'nobody-at-all' })).code).toBe(1);
    expect(log()).toContain('nobody-at-all');
  });

  test.each(['-i', '--service=files', '--no-idn', '-s files', '+0', '-0', 'a:b'])(
    'runas=%s is a mistake of the configuration: nothing runs',
    async (runas) => {
      const { code, stderr } = await action({ runas });
      const problem = `hooks.conf:5: hook [h]: runas: "${runas}" is not the name of an account`;
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(problem) });
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(log()).toContain(problem);
      expect(acted()).toEqual([]);
      const check = await hup('--check');
      expect({ code: check.code, stdout: check.stdout }).toEqual({ code: 1, stdout: expect.stringContaining(problem) });
    },
  );

  test('what the loader prints to stderr gives no group', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: { runas: 'worker', action: `grep ^Groups: /proc/self/status >${ACTED}` } });
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_PRELOAD: '/nowhere/libfoo.so.0' };
    expect((await machine().run([binary('cfn-hup'), '-f'], { env })).code).toBe(0);
    expect(acted().map((line) => line.split(/\s+/).filter(Boolean))).toEqual([['Groups:', '7001', '7002']]);
  });

  test.each([
    ['a word', 'echo 7002 zero'],
    ['nothing', ':'],
    ['two lines', 'echo 7002; echo 0'],
    ['a failure', 'echo 7002; exit 1'],
  ])('where id answers with %s it does not run', async (_, answer) => {
    put('/usr/local/sbin/id', `#!/bin/sh\n${answer}\n`, 0o755);
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: { runas: 'worker' } });
    const env = { PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' };
    const { code } = await machine().run([binary('cfn-hup'), '-f'], { env });
    await machine().run('rm /usr/local/sbin/id');
    expect({ code, acted: acted() }).toEqual({ code: 1, acted: [] });
    expect(log()).toContain('cannot find out the groups of a user: worker');
  });

  test('SIGTERM ends it with all that it started, as a failure', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: { action: 'sleep 300 & echo $! >/srv/child; wait' } });
    const ended = machine().run(
      `${binary('cfn-hup')} -f & until [ -s /srv/child ]; do sleep 0.05; done; kill $!; wait $!`,
    );
    expect((await ended).code).toBe(1);
    expect(await isAlive(machine().read('/srv/child'))).toBe(false);
    expect(log()).toContain('cfn-hup was stopped');
  });
});

describe('an action that fails', () => {
  test('exits 1 without a word, is run again, and acknowledges once it succeeds', async () => {
    const heat = await telling({ v: 1 });
    configure(heat.base, { h: { action: `${NOTE}; echo broken >&2; [ -e /srv/fine ]` } });
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: '' });
    expect(log()).toMatch(/ERROR .*hook h failed \(attempt 1 of 10\): .*exit code 1.*broken/);
    put('/srv/fine', '');
    expect((await hup('-f')).code).toBe(0);
    expect((await hup('-f')).code).toBe(0);
    expect(acted()).toEqual(['none -> {"v":1}', 'none -> {"v":1}']);
  });

  test('waits from the second failure on, is parked, and starts anew with new metadata', async () => {
    const heat = await replay({ 's1/r': [...Array(5).fill(described('{"v": 1}')), described('{"v": 2}')] });
    configure(heat.base, { h: { action: `${NOTE}; exit 3` } }, ['max-attempts=2']);
    for (let pass = 0; pass < 4; pass++) await hup('-f');
    expect(acted()).toHaveLength(2);
    // A hook that is parked is no success, and nobody is mailed of it each minute.
    expect(result(await hup('-f'))).toEqual({ code: 1, stdout: '', stderr: '' });
    expect(log()).toContain('parked');
    const status = await hup('--status');
    expect(status).toMatchObject({ code: 1, stdout: expect.stringMatching(/^h .* parked after 2$/m) });
    expect((await hup('-f')).code).toBe(1);
    expect(acted()).toHaveLength(3);
  });

  test('one hook that fails keeps no other from running', async () => {
    const heat = await telling({ v: 1 }, { v: 1 });
    configure(heat.base, { bad: { action: 'exit 1' }, good: {} });
    expect((await hup('-f')).code).toBe(1);
    expect((await hup('-f')).code).toBe(1);
    expect(acted()).toHaveLength(1);
  });
});
