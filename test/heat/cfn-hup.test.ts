import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { binary } from '../support/binary.ts';
import type { Ended } from '../support/process.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';
import type { Keys, StackReference, Template } from './cloud.ts';
import { userTemplate } from './templates.ts';
import { useHeat } from './use-heat.ts';

const CACHE = '/var/cache/heat-cfntools';
const ACTED = '/srv/acted';
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

/** What a guest is told: a file that cfn-init writes, and two more keys. */
const metadata = (greeting: string, more: Template = {}): Template => ({
  'AWS::CloudFormation::Init': { config: { files: { '/srv/greeting': { content: greeting } } } },
  note: 'the same',
  ...more,
});

/** Servers, the only resources whose metadata heat updates without nova, and a user who may read that of each. */
function guests(byName: Readonly<Record<string, Template>>): Template {
  const servers = Object.entries(byName).map(([name, of]) => [
    name,
    {
      type: 'OS::Heat::DeployedServer',
      metadata: of,
      properties: { software_config_transport: 'POLL_SERVER_CFN' },
    },
  ]);
  return { heat_template_version: '2018-08-31', resources: Object.fromEntries(servers) };
}

const cloud = useHeat();
const view = useSandbox({ network: 'shared' });
let stack: StackReference;
let keys: Keys;
/** The owner may ask under any policy. */
let guestKeys: Keys;

beforeAll(async () => {
  if (!('directory' in inject('heat'))) return;
  keys = await cloud().makeKeys('a secret of the owner');
  stack = await cloud().createUpToWaiting(guests({ one: metadata('first'), two: metadata('first of two') }));
  const { outputs } = await cloud().createUpToWaiting(userTemplate);
  guestKeys = { access: String(outputs['access']), secret: String(outputs['secret']) };
});

const DAEMON = '/run/daemon.pid';
const endDaemon = `[ -f ${DAEMON} ] && kill "$(cat ${DAEMON})" && while kill -0 "$(cat ${DAEMON})"; do sleep 0.05; done 2>/dev/null; rm -f ${DAEMON}`;

beforeEach(async () => {
  await view().run(
    `${endDaemon}; rm -rf ${CACHE} ${ACTED} /srv/greeting /etc/cfn /var/lib/cfn-hup /run/cfn-hup /var/log/cfn-*.log`,
  );
});

interface HookOptions {
  readonly path: string;
  readonly action: string;
  readonly triggers?: string;
}

const keyOf = (line: string): string => line.slice(0, line.indexOf('=') + 1);

/** Leaves cfn-hup.conf, the key and hooks as a template's files section would. */
async function configure(
  hooks: Readonly<Record<string, HookOptions>>,
  main: readonly string[] = [],
  { access, secret } = keys,
): Promise<void> {
  const texts = Object.entries(hooks).map(([name, { path, action, triggers = 'post.update' }]) =>
    [`[${name}]`, `triggers=${triggers}`, `path=${path}`, `action=${action}`, 'runas=root', ''].join('\n'),
  );
  const settings = [
    '[main]',
    `stack=${stack.name}`,
    'credential-file=/etc/cfn/cfn-credentials',
    'region=RegionOne',
    ...['interval=1', `url=${cloud().addresses.cfn}`].filter(
      (line) => !main.some((own) => own.startsWith(keyOf(line))),
    ),
    ...main,
  ].join('\n');
  const write = `
    umask 077; mkdir -p /etc/cfn/hooks.d; printf '%s\\n' "$1" >/etc/cfn/cfn-hup.conf; printf '%s' "$2" >/etc/cfn/hooks.d/hooks.conf
    printf 'AWSAccessKeyId=%s\\nAWSSecretKey=%s\\n' "$3" "$4" >/etc/cfn/cfn-credentials`;
  const { code, stderr } = await view().run([
    'bash',
    '-c',
    write,
    'configure',
    settings,
    texts.join('\n'),
    access,
    secret,
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

const pass = (...args: string[]): Promise<Ended> => view().run([binary('cfn-hup'), '-f', ...args], { env });
const acted = (): string[] => (view().exists(ACTED) ? view().read(ACTED).trim().split('\n').sort() : []);
const note = (name: string): string => `echo ${name} >>${ACTED}`;
const update = (of: Readonly<Record<string, Template>>): Promise<void> => cloud().updateStack(stack, guests(of));
let count = 0;
/** Metadata that no test before has seen. */
const fresh = (): string => `greeting ${++count}`;
/** cfn-init as hooks of heat's templates call it: without credentials, from what cfn-hup has published. */
const init = (): string => `${binary('cfn-init')} -s ${stack.name} -r one --region RegionOne && echo init >>${ACTED}`;

async function until(isSo: () => boolean, seconds = 30): Promise<void> {
  for (let waited = 0; !isSo(); waited += 100) {
    if (waited > seconds * 1000)
      throw new Error(
        `not within ${seconds} s; the log: ${(await view().run('tail -n 20 /var/log/cfn-hup.log')).stdout}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('one pass', () => {
  test('an update of the stack runs cfn-init by its hook, and the next pass does nothing', async () => {
    const [before, after] = [fresh(), fresh()];
    await update({ one: metadata(before), two: metadata('two') });
    await configure({ init: { path: 'Resources.one.Metadata.AWS::CloudFormation::Init', action: init() } });
    // At boot, cfn-init has published what it found.
    await view().run([
      ...[binary('cfn-init'), '-s', stack.name, '-r', 'one', '-f', '/etc/cfn/cfn-credentials'],
      ...['-u', cloud().addresses.cfn],
    ]);
    expect(await pass()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(acted()).toEqual([]);
    await update({ one: metadata(after), two: metadata('two') });
    expect(await pass()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect({ acted: acted(), greeting: view().read('/srv/greeting') }).toEqual({ acted: ['init'], greeting: after });
    expect(await pass()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(acted()).toEqual(['init']);
  });

  test('two resources, several hooks: each change runs what looks at it', async () => {
    await update({ one: metadata('x', { part: 'a' }), two: metadata('x') });
    await configure({
      all: { path: 'Resources.one.Metadata', action: note('all') },
      part: { path: 'Resources.one.Metadata.part', action: note('part') },
      gone: { path: 'Resources.one.Metadata.part', action: note('gone'), triggers: 'post.remove' },
      other: { path: 'Resources.two.Metadata', action: note('other'), triggers: 'post.add,post.update' },
    });
    await pass();
    await view().run(`rm -f ${ACTED}`);
    await update({ one: metadata('x', { part: 'b' }), two: metadata('x') });
    await pass();
    expect(acted()).toEqual(['all', 'part']);
    await update({ one: metadata('y', { part: 'b' }), two: metadata('y') });
    await pass();
    expect(acted()).toEqual(['all', 'all', 'other', 'part']);
    await update({ one: metadata('y'), two: metadata('y') });
    await pass();
    expect(acted()).toEqual(['all', 'all', 'all', 'gone', 'other', 'part']);
    await pass();
    expect(acted()).toHaveLength(6);
  });

  test('an action that fails is tried again, and its change is not lost', async () => {
    await configure({ flaky: { path: 'Resources.one.Metadata', action: `test -e /srv/well && ${note('flaky')}` } });
    await view().run('rm -f /srv/well');
    expect((await pass()).code).toBe(1);
    expect(acted()).toEqual([]);
    await view().run('touch /srv/well');
    expect((await pass()).code).toBe(0);
    expect(acted()).toEqual(['flaky']);
  });
});

describe('trouble with heat', () => {
  const hooks = { one: { path: 'Resources.one.Metadata', action: note('one') } };

  test('wrong credentials: exit 1, and the log says that it was refused', async () => {
    await configure(hooks);
    await view().run("sed -i 's/^AWSSecretKey=.*/AWSSecretKey=wrong/' /etc/cfn/cfn-credentials");
    const { code, stderr } = await pass();
    expect({ code, stderr, acted: acted() }).toEqual({ code: 1, stderr: '', acted: [] });
    expect(view().read('/var/log/cfn-hup.log')).toMatch(/ERROR [^\n]*refused with HTTP 403/);
    expect((await pass('-v')).stderr).toMatch(/^cfn-hup: [^\n]*refused with HTTP 403/m);
  });

  test('a clock that is an hour late: it is the clock that is blamed', async (context) => {
    if (!isInstalled('faketime')) context.skip('needs faketime');
    await configure(hooks);
    const { code, stderr } = await view().run(['faketime', '-f', '-1h', binary('cfn-hup'), '-f', '-v'], { env });
    expect({ code, acted: acted() }).toEqual({ code: 1, acted: [] });
    expect(stderr).toMatch(/403[^\n]*the clock here is 60 minutes behind/);
  });

  test('an unknown stack and an unknown resource', async () => {
    await configure({ none: { path: 'Resources.nosuch.Metadata', action: note('none') } });
    expect(await pass('-v')).toMatchObject({ code: 1, stderr: expect.stringContaining('nosuch') });
    await configure(hooks, ['stack=nosuchstack']);
    await view().run("sed -i '0,/^stack=/{/^stack=/d}' /etc/cfn/cfn-hup.conf");
    expect(await pass('-v')).toMatchObject({ code: 1, stderr: expect.stringContaining('nosuchstack') });
  });

  test('heat goes down, changes, and comes up again: the daemon sees the change', { timeout: 120_000 }, async () => {
    const [before, after] = [fresh(), fresh()];
    await update({ one: metadata(before), two: metadata('two') });
    const { hostname, port } = new URL(cloud().addresses.cfn);
    // A way to heat that can be closed, since heat itself is used by other tests.
    const way = (command: string) => view().run(command);
    const open = `
      setsid python3 - ${hostname} ${port} <<'END' >/dev/null 2>&1 &
import socket, sys, threading
server = socket.create_server(('127.0.0.1', 0)); open('/run/way.port.new', 'w').write(str(server.getsockname()[1]))
import os; os.rename('/run/way.port.new', '/run/way.port')
def pump(a, b):
    try:
        while (data := a.recv(65536)): b.sendall(data)
    except OSError: pass
    finally:
        try: b.shutdown(socket.SHUT_WR)
        except OSError: pass
while True:
    there, _ = server.accept(); here = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    for pair in ((there, here), (here, there)): threading.Thread(target=pump, args=pair, daemon=True).start()
END
      echo $! >/run/way.pid; while [ ! -s /run/way.port ]; do sleep 0.05; done; cat /run/way.port`;
    await way('rm -f /run/way.port');
    const opened = (await way(open)).stdout.trim();
    await configure(hooks, [`url=http://127.0.0.1:${opened}/v1/`]);
    await view().run("sed -i 's/^interval=.*/interval=1s/' /etc/cfn/cfn-hup.conf");
    await startDaemon();
    await until(() => acted().length === 1);
    await way('kill "$(cat /run/way.pid)"');
    await update({ one: metadata(after), two: metadata('two') });
    await until(() => /ERROR no answer: [^\n]*nothing listens there/.test(view().read('/var/log/cfn-hup.log')));
    expect(acted()).toHaveLength(1);
    await way(`rm -f /run/way.port; ${open.replace("('127.0.0.1', 0)", `('127.0.0.1', ${opened})`)}`);
    await until(() => acted().length === 2, 60);
    expect(JSON.parse(view().read(`${CACHE}/last_metadata_one`))).toMatchObject(metadata(after));
    await way('kill "$(cat /run/way.pid)"');
  });
});

async function startDaemon(): Promise<void> {
  await view().run(
    `setsid ${binary('cfn-hup')} --daemon </dev/null >/run/daemon.out 2>&1 & echo $! >${DAEMON}; disown`,
  );
}

describe('the daemon', () => {
  test('an update of the stack runs cfn-init, once; SIGTERM ends it with 0', { timeout: 120_000 }, async () => {
    const [before, after] = [fresh(), fresh()];
    await update({ one: metadata(before), two: metadata('two') });
    await configure({ init: { path: 'Resources.one.Metadata', action: init() } });
    await view().run("sed -i 's/^interval=.*/interval=1s/' /etc/cfn/cfn-hup.conf");
    await startDaemon();
    await until(() => acted().length === 1);
    expect(view().read('/srv/greeting')).toBe(before);
    await update({ one: metadata(after), two: metadata('two') });
    await until(() => acted().length === 2);
    expect(view().read('/srv/greeting')).toBe(after);
    // Some polls later there is still nothing new.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(acted()).toHaveLength(2);
    expect(
      (await view().run(`kill "$(cat ${DAEMON})"; tail --pid="$(cat ${DAEMON})" -f /dev/null; echo gone`)).stdout,
    ).toBe('gone\n');
  });
});

describe('a policy that forbids guests to ask', () => {
  const hooks = { one: { path: 'Resources.one.Metadata', action: note('one') } };
  const forbidden = (more: readonly string[] = []): Promise<void> =>
    configure(hooks, [`url=${cloud().addresses.strictCfn}`, ...more], guestKeys);
  const mentions = (text: string): number => text.split('"role:heat_stack_user or role:reader"').length - 1;
  const log = (): string => view().read('/var/log/cfn-hup.log');

  test('passes: exit 1, said once; what changes meanwhile is not lost', async () => {
    await update({ one: metadata(fresh()), two: metadata('two') });
    await configure(hooks);
    expect((await pass()).code).toBe(0);
    expect(acted()).toEqual(['one']);
    await forbidden();
    const first = await pass();
    expect({ code: first.code, stdout: first.stdout, said: mentions(first.stderr) }).toEqual({
      code: 1,
      stdout: '',
      said: 1,
    });
    expect(first.stderr).toMatch(/^cfn-hup: [^\n]*Action DescribeStackResource not allowed for user[^\n]*\n$/);
    await update({ one: metadata(fresh()), two: metadata('two') });
    expect(await pass()).toMatchObject({ code: 1, stdout: '', stderr: '' });
    expect({ acted: acted(), said: mentions(log()) }).toEqual({ acted: ['one'], said: 1 });
    expect(mentions((await view().run([binary('cfn-hup'), '--status'], { env })).stdout)).toBe(1);
    await configure(hooks);
    expect((await pass()).code).toBe(0);
    expect(acted()).toEqual(['one', 'one']);
  });

  test('the daemon: said once, and it follows from when it may', { timeout: 120_000 }, async () => {
    await update({ one: metadata(fresh()), two: metadata('two') });
    await forbidden(['interval=1s']);
    await startDaemon();
    await until(() => view().exists('/var/log/cfn-hup.log') && mentions(log()) === 1);
    expect(
      (await view().run(`kill "$(cat ${DAEMON})"; tail --pid="$(cat ${DAEMON})" -f /dev/null; echo gone`)).stdout,
    ).toBe('gone\n');
    await startDaemon();
    const begun = (): number => log().split('following').length;
    await until(() => begun() > 2);
    expect(acted()).toEqual([]);
    await configure(hooks, ['interval=1s']);
    await until(() => acted().length === 1);
    expect(mentions(log())).toBe(1);
  });
});

test('fires the same hooks as heat-cfntools for a plain update', { timeout: 180_000 }, async (context) => {
  if (!isInstalled('cfn-hup')) context.skip('needs the package heat-cfntools');
  const [before, after] = [fresh(), fresh()];
  await update({ one: metadata(before), two: metadata('two') });
  const { hostname, origin } = new URL(cloud().addresses.cfn);
  // It looks at one resource only, and takes the address from the boto file and an address without a path.
  const hooks = {
    update: { path: 'Resources.one.Metadata', action: note('update') },
    second: { path: 'Resources.one.Metadata', action: note('second') },
    add: { path: 'Resources.one.Metadata', action: note('add'), triggers: 'post.add' },
    remove: { path: 'Resources.one.Metadata', action: note('remove'), triggers: 'post.remove' },
  };
  await configure(hooks);
  const boto = `[Boto]\\ncfn_region_name = heat\\ncfn_region_endpoint = ${hostname}\\n`;
  await view().run(`
    mkdir -p -m 700 /var/lib/heat-cfntools; printf %s '${origin}' >/var/lib/heat-cfntools/cfn-metadata-server
    printf '${boto}' >/var/lib/heat-cfntools/cfn-boto-cfg`);
  const theirEnv = { ...env, BOTO_CONFIG: '/var/lib/heat-cfntools/cfn-boto-cfg' };
  const theirs = () => view().run(['/usr/bin/cfn-hup', '-f'], { env: theirEnv });
  const fired: Record<string, string[]> = {};
  for (const [name, run] of [
    ['theirs', theirs],
    ['ours', () => pass()],
  ] as const) {
    await update({ one: metadata(before), two: metadata('two') });
    await view().run(`rm -rf ${CACHE} /var/lib/cfn-hup ${ACTED}`);
    await run();
    await view().run(`rm -f ${ACTED}`);
    await update({ one: metadata(after), two: metadata('two') });
    expect((await run()).code).toBe(0);
    fired[name] = acted();
  }
  expect(fired['ours']).toEqual(fired['theirs']);
  expect(fired['ours']).toEqual(['second', 'update']);
});
