import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HupGuest, prepareHupGuest, until } from '../support/cfn-hup.ts';
import { useSandbox } from '../support/use-machine.ts';

// No systemd runs here.
const view = useSandbox();
const ACTED = '/srv/acted';
const RECORD = `echo "$CFN_NEW_METADATA" >>${ACTED}`;
let guest: HupGuest;

const said = { said: () => guest.log() };
/** Process ids and arguments of the loops. */
const loops = async (): Promise<readonly string[]> =>
  (await view().run(['pgrep', '-fa', 'cfn-hup --daemon'])).stdout.split('\n').filter((line) => line !== '');

beforeAll(async () => {
  if (process.geteuid?.() === 0) guest = await prepareHupGuest(view());
});

beforeEach(async () => {
  await guest.tell({ version: 0 });
  await guest.publish({ version: 0 });
  await guest.configure({ interval: '1s' }, RECORD);
});

afterEach(async () => {
  for (const line of await loops()) await view().run(`kill ${Number.parseInt(line, 10)}`);
  await until('the loops have ended', async () => (await loops()).length === 0, said);
  await view().run(`rm -rf /var/lib/cfn-hup /run/cfn-hup /var/cache/heat-cfntools /etc/cfn/cfntools.conf ${ACTED}`);
});

describe('a bare call', () => {
  test('leaves a loop behind that acts on a change, in a session of its own, and only one', async () => {
    const { code, stdout, stderr } = await view().run(['cfn-hup']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    const [loop = ''] = await loops();
    const pid = Number.parseInt(loop, 10);
    expect((await view().run(['cfn-hup', '--status'])).stdout).toMatch(
      `followed by process ${pid} (cfn-hup --daemon), `,
    );
    expect(
      (await view().run(`ps -o ppid=,sid=,tty= ${pid}; readlink /proc/${pid}/fd/[012] /proc/${pid}/cwd`)).stdout.trim(),
    ).toMatch(new RegExp(`^1 +${pid} +\\?\\n/dev/null\\n/dev/null\\n/dev/null\\n/$`));
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":1}']);
    expect((await view().run(['cfn-hup'])).code).toBe(0);
    expect(await loops()).toHaveLength(1);
    expect((await view().run(`tr '\\0' '\\n' </proc/${pid}/environ`)).stdout).toMatch(/^MALLOC_ARENA_MAX=1$/m);
  });

  test('hands its -c on, also a relative one', async () => {
    await view().run('cp -a /etc/cfn /srv/other');
    const { code, stderr } = await view().run(['cfn-hup', '-c', 'other'], { cwd: '/srv' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await loops()).join()).toMatch(/--daemon --config \/srv\/other$/);
  });

  test('follow=false: no loop', async () => {
    await view().run('echo follow=no >/etc/cfn/cfntools.conf');
    expect((await view().run(['cfn-hup'])).code).toBe(0);
    await sleep(300);
    expect(await loops()).toEqual([]);
  });

  test.each<[what: string, code: number, settings: Record<string, string>, action: string, follow: string]>([
    ['heat cannot be reached', 0, { url: 'http://127.0.0.1:9/v1/' }, RECORD, 'true'],
    ['an action fails', 0, {}, 'exit 1', 'true'],
    ['an action fails, and nothing is to follow', 1, {}, 'exit 1', 'false'],
  ])('%s: exit %i', async (_, code, settings, action, follow) => {
    await guest.configure({ interval: '1s', ...settings }, action);
    await guest.tell({ version: 1 });
    await view().run(`mkdir -p /var/lib/cloud/data; printf "[Boto]\\nnum_retries=0\\n" >/var/lib/cloud/data/cfn-boto-cfg
      echo follow=${follow} >/etc/cfn/cfntools.conf`);
    expect((await view().run(['cfn-hup'])).code).toBe(code);
    expect(await loops()).toHaveLength(follow === 'true' ? 1 : 0);
  });

  test('hooks that all are broken: exit 1, though what comes later is followed', async () => {
    await view().run('echo nonsense >/etc/cfn/hooks.d/h.conf');
    const { code, stderr } = await view().run(['cfn-hup']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('/etc/cfn/hooks.d/h.conf') });
    expect(await loops()).toHaveLength(1);
  });

  test('beside one that only looks at the lock of the daemon, or takes it for a moment, a loop is left all the same', async () => {
    await view().run(`cat >/usr/local/sbin/flock <<'END'
#!/bin/sh
[ "$1" != -n ] || readlink /proc/self/fd/3 >>/srv/locks
exec /usr/bin/flock "$@"
END
chmod 755 /usr/local/sbin/flock`);
    expect((await view().run(['cfn-hup', '-f'])).code).toBe(0);
    expect(guest.lines('/srv/locks')).toEqual(['/var/lib/cfn-hup/pass.lock']);
    await view().run('rm /usr/local/sbin/flock /srv/locks; setsid -f flock /var/lib/cfn-hup/daemon.lock sleep 1');
    expect((await view().run(['cfn-hup'])).code).toBe(0);
    expect(await loops()).toHaveLength(1);
  });

  test('another configuration is followed already: an error that names the process', async () => {
    await view().run('cp -a /etc/cfn /srv/other');
    expect((await view().run(['cfn-hup', '-c', '/srv/other'])).code).toBe(0);
    const [loop = ''] = await loops();
    const { code, stderr } = await view().run(['cfn-hup']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(`^cfn-hup: cannot follow changes: process ${Number.parseInt(loop, 10)}: .*\n$`),
    });
  });

  test('by a supervisor is the loop, in the foreground', async () => {
    // Of runit as much as can be seen of it.
    await view().run('cp /bin/bash /srv/runsv');
    const supervisor = view().run(['/srv/runsv', '-c', 'cfn-hup; exit 7']);
    await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(await loops()).toEqual([]);
    await view().run('pkill -x cfn-hup');
    expect((await supervisor).code).toBe(7);
  });

  test('a loop that ends at once is an error in one line', async () => {
    await guest.configure({ interval: '1s' }, 'echo nonsense >/etc/cfn/cfn-hup.conf');
    await guest.tell({ version: 1 });
    const { code, stderr } = await view().run(['cfn-hup']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-hup: cannot follow changes: cfn-hup --daemon: it ended with 1: see .*\n$/),
    });
  });

  test('a unit that cannot be started is an error in one line, and no loop takes its place', async () => {
    // Of systemd as much as it takes to be asked.
    await view().run(`mkdir -p /run/systemd/system; cat >/usr/local/sbin/systemctl <<'END'
#!/bin/sh
case $1 in show) echo LoadState=loaded ;; *) echo Access denied >&2; exit 4 ;; esac
END
chmod 755 /usr/local/sbin/systemctl`);
    const { code, stderr } = await view().run(['cfn-hup']);
    await view().run('rm -r /run/systemd/system /usr/local/sbin/systemctl');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-hup: cannot follow changes: cfn-hup\.service: .*journalctl.*\n$/),
    });
    expect(await loops()).toEqual([]);
  });

  test('a loop that cannot be had is an error', async () => {
    // The pass itself works without it.
    await view().run('rm -f /var/lib/cfn-hup/daemon.lock; mkdir -p -m 700 /var/lib/cfn-hup/daemon.lock');
    const { code, stderr } = await view().run(['cfn-hup', '-v']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-hup: .*daemon\.lock/m) });
  });
});

test('signals end the loop with exit 0 and leave its lock free', async () => {
  for (const signal of ['TERM', 'INT']) {
    const loop = view().run(['cfn-hup', '--daemon']);
    await until(
      'it runs',
      async () => (await loops()).length === 1 && view().exists('/var/lib/cfn-hup/pass.lock'),
      said,
    );
    await sleep(300);
    for (const line of await loops()) await view().run(`kill -${signal} ${Number.parseInt(line, 10)}`);
    expect((await loop).code).toBe(0);
    await view().run('rm -f /var/lib/cfn-hup/pass.lock');
  }
});

test('SIGTERM while systemctl hangs: it ends at once, and so does systemctl', async () => {
  await view().run(`mkdir -p /run/systemd/system; cat >/usr/local/sbin/systemctl <<'END'
#!/bin/sh
touch /srv/asked
sleep 60
END
chmod 755 /usr/local/sbin/systemctl`);
  await guest.configure({ interval: '1s' }, RECORD, 'service.restarted');
  await guest.tell({
    'AWS::CloudFormation::Init': { config: { services: { systemd: { x: { ensureRunning: true } } } } },
  });
  const loop = view().run(['cfn-hup', '--daemon']);
  await until('it asks', () => view().exists('/srv/asked'), said);
  const begin = performance.now();
  await view().run('pkill -x cfn-hup');
  const { code } = await loop;
  const milliseconds = performance.now() - begin;
  const left = (await view().run('pgrep -fx "sleep 60"')).stdout;
  await view().run('rm -r /run/systemd/system /usr/local/sbin/systemctl /srv/asked');
  expect({ code, left }).toEqual({ code: 0, left: '' });
  expect(milliseconds).toBeLessThan(5000);
});

test('a loop waits for a single pass that is under way, and then follows', async () => {
  await guest.configure({ interval: '1s' }, `echo began >>${ACTED}; sleep 3; echo ended >>${ACTED}`);
  await guest.tell({ version: 7 });
  const single = view().run(['cfn-hup', '-f']);
  await until('its action runs', () => guest.lines(ACTED).includes('began'), said);
  const loop = view().run(['cfn-hup', '--daemon']);
  expect((await single).code).toBe(0);
  await guest.configure({ interval: '1s' }, RECORD);
  await guest.tell({ version: 8 });
  await until('the loop acts', () => guest.lines(ACTED).includes('{"version":8}'), said);
  expect(guest.lines(ACTED)).toEqual(['began', 'ended', '{"version":8}']);
  for (const line of await loops()) await view().run(`kill ${Number.parseInt(line, 10)}`);
  expect((await loop).code).toBe(0);
});
