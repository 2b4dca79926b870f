import { beforeAll, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { serveInView, type ViewServer } from '../support/serve-in-view.ts';
import { expectSoon } from '../support/soon.ts';
import { useSandbox } from '../support/use-machine.ts';

const view = useSandbox();
const NOVA = '/var/lib/heat-cfntools/nova_meta.json';
const CLOUD_INIT = '/var/lib/cloud/data/instance-id';
const UUID = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
let server: ViewServer;

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run('mkdir -p /var/lib/heat-cfntools /var/lib/cloud/data; echo guest-7 >/proc/sys/kernel/hostname');
  server = await serveInView(view(), { '/handle': { status: 200 } });
});

/** Signals without -i, and returns the UniqueId. */
async function uniqueId(files: Readonly<Record<string, string>>): Promise<unknown> {
  await view().run(['rm', '-f', NOVA, CLOUD_INIT]);
  for (const [path, content] of Object.entries(files)) await view().run(['tee', path], { input: content });
  const command = [binary('cfn-signal'), 'http://127.0.0.1:8080/handle'];
  const { code, stderr } = await view().run(command, { env: { PATH: '/usr/bin:/bin' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const body = server.requests().at(-1)?.replace('PUT /handle ', '') ?? '';
  return (JSON.parse(body) as Record<string, unknown>)['UniqueId'];
}

describe('the id of a signal, when none is given', () => {
  const nova = (metadata: object): string => JSON.stringify(metadata);
  test.each<[string, Record<string, string>, string]>([
    ["Nova's uuid", { [NOVA]: nova({ uuid: UUID, name: 'n' }), [CLOUD_INIT]: 'i-0000002a\n' }, UUID],
    ["cloud-init's instance id", { [CLOUD_INIT]: 'i-0000002a\n' }, 'i-0000002a'],
    ["cloud-init's when Nova's answer is a page of HTML", { [NOVA]: '<html>', [CLOUD_INIT]: 'i-2a\n' }, 'i-2a'],
    ["cloud-init's when Nova's answer has no uuid", { [NOVA]: nova({ uuid: '' }), [CLOUD_INIT]: 'i-2a' }, 'i-2a'],
    ['the host name', {}, 'guest-7'],
    ['the host name when the files are empty', { [NOVA]: '', [CLOUD_INIT]: '\n' }, 'guest-7'],
  ])('%s', async (_, files, expected) => {
    expect(await uniqueId(files)).toBe(expected);
  });

  test('the host name is the full one where the machine knows it', async () => {
    await view().run('echo 127.0.1.1 guest-7.example.test guest-7 >>/etc/hosts');
    expect((await view().run(['hostname', '--fqdn'])).stdout).toBe('guest-7.example.test\n');
    expect(await uniqueId({})).toBe('guest-7.example.test');
  });
});

describe('an id that takes its time', () => {
  const BLKID = '/usr/local/sbin/blkid';

  test('--timeout bounds a blkid that does not end: the signal goes out under the host name', async () => {
    await view().run(['rm', '-f', NOVA, CLOUD_INIT]);
    await view().run(`printf '#!/bin/sh\ntrap "" TERM\nsleep 33; sleep 33\n' >${BLKID}; chmod 755 ${BLKID}`);
    const command = [binary('cfn-signal'), '--timeout', '4', 'http://127.0.0.1:8080/handle'];
    const { code, stderr, milliseconds } = await view().run(command, {
      env: { PATH: '/usr/local/sbin:/usr/bin:/bin' },
    });
    await view().run(['rm', BLKID]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectSoon(milliseconds, 4_000);
    expect(server.requests().at(-1)).toContain('guest-7');
    expect((await view().run("ps -e -o args | grep -c '^sleep 33'")).stdout).toBe('0\n');
  });

  test.each([[''], [' ']])('an empty one counts as not given: %j', async (id) => {
    await view().run(['tee', CLOUD_INIT], { input: 'i-2a' });
    const { code, stderr } = await view().run([binary('cfn-signal'), '-i', id, 'http://127.0.0.1:8080/handle']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^[^\n]*the id is empty[^\n]*\n$/) });
    expect(server.requests().at(-1)).toContain('"UniqueId":"i-2a"');
  });
});

test('num_retries and max_retry_delay of cfn-boto-cfg bound the attempts: exit 1', async () => {
  const config = '/var/lib/heat-cfntools/cfn-boto-cfg';
  await view().run(['tee', config], { input: '[Boto]\nnum_retries = 2\nmax_retry_delay = 0.2\n' });
  const command = [binary('cfn-signal'), '-v', '-i', 'me', 'http://127.0.0.1:9/handle'];
  const { code, stderr, milliseconds } = await view().run(command);
  await view().run(['rm', config]);
  expect(code).toBe(1);
  expect(stderr.match(/trying again in 0\.2 s/g)).toHaveLength(2);
  expect(stderr).toMatch(/: trying again in 0\.2 s, 3 times in all, for 10 minutes in all\n/);
  expect(stderr).toMatch(/\ncfn-signal: no answer: [^\n]*nothing listens[^\n]*\n$/);
  await expectSoon(milliseconds, 5_000);
});

describe('the reason of a failure, when none is given', () => {
  const NOTE = '/run/cfntools/last-run.json';
  const url = 'http://127.0.0.1:8080/handle';
  const init = async (config: object | string): Promise<number> => {
    const text = typeof config === 'string' ? config : JSON.stringify({ 'AWS::CloudFormation::Init': { config } });
    return (await view().run([binary('cfn-init'), '-'], { input: text })).code ?? -1;
  };
  const sent = async (args: readonly string[]): Promise<unknown> => {
    const { code } = await view().run([binary('cfn-signal'), '-i', 'me', ...args, url]);
    expect(code).toBe(0);
    const { Reason: reason } = JSON.parse(server.requests().at(-1)?.replace('PUT /handle ', '') ?? '');
    return reason;
  };
  const failing = { commands: { '01_mend': { command: 'echo password=s3cret-4711 >&2; exit 7' } } };
  const OURS = /^cfn-init: .*exit code 7: .*01_mend/;

  test('is the last error of the cfn-init that ended with this code, without secrets', async () => {
    expect(await init(failing)).toBe(1);
    expect(await sent(['-e', '1'])).toMatch(OURS);
    expect(await sent(['--exit-code= 1 '])).toMatch(OURS);
    expect(await sent(['-e', '1'])).not.toContain('s3cret');
    const modes = await view().run(`stat -c '%a %U %n' ${NOTE} /run/cfntools; cat ${NOTE}`);
    expect(modes.stdout).toContain(`600 root ${NOTE}\n700 root /run/cfntools\n`);
    expect(modes.stdout).not.toContain('s3cret');
  });

  test.each([
    [['-e', '2'], 'Configuration failed'],
    [['-e', ''], 'Configuration failed'],
    [['-s', 'false'], 'Configuration failed'],
    [['-e', '1', '-r', 'mine'], 'mine'],
    [['-e', '1', '-r', ''], ''],
    [['-e', '0'], 'Configuration Complete'],
  ])('is not, with %j', async (args, reason) => {
    expect(await sent(args)).toBe(reason);
  });

  test('is that of a run that ended before its steps', async () => {
    expect(await init('{')).toBe(1);
    expect(await sent(['-e', '1'])).toMatch(/^cfn-init: .*JSON/);
    expect((await view().run([binary('cfn-init'), '--no-such-option'])).code).toBe(2);
    expect(await sent(['-e', '2'])).toMatch(/^cfn-init: .*no-such-option/);
  });

  test('is text for a database: no colours, no half of a character', async () => {
    expect(await init({ commands: { a: { command: "printf '\\033[31mred\\033[0m\\001\\n'; exit 7" } } })).toBe(1);
    expect(await sent(['-e', '1'])).toMatch(/ red\\x01: see /);
    for (const begin of ['/', '/a']) {
      expect((await view().run([binary('cfn-init'), begin + '\u{1F600}'.repeat(900)])).code).toBe(1);
      const reason = String(await sent(['-e', '1']));
      expect({ length: reason.length, isWellFormed: reason.isWellFormed() }).toEqual({
        length: 'cfn-init: '.length + 1000,
        isWellFormed: true,
      });
    }
  });

  test.each<[what: string, change: string]>([
    ['of another boot', `sed -i 's/"bootId":"[^"]*"/"bootId":"other"/' ${NOTE}`],
    ['of long ago', `sed -i 's/"elapsed":[0-9.]*/"elapsed":-601000/' ${NOTE}`],
    ['of the time to come', `sed -i 's/"elapsed":[0-9.]*/"elapsed":1e15/' ${NOTE}`],
    ['that is cut', `truncate -s 20 ${NOTE}`],
    ['that is none', `echo '[]' >${NOTE}`],
  ])('is not that of a run %s', async (_, change) => {
    expect(await init(failing)).toBe(1);
    await view().run(change);
    expect(await sent(['-e', '1'])).toBe('Configuration failed');
  });

  test('is not that of a run before one that succeeded, or of an ordinary user', async () => {
    expect(await init(failing)).toBe(1);
    expect(await init({})).toBe(0);
    expect(view().exists(NOTE)).toBe(false);
    const asNobody = `setpriv --reuid 65534 --regid 65534 --clear-groups '${binary('cfn-init')}' /nowhere`;
    expect((await view().run(asNobody)).code).toBe(1);
    expect(view().exists(NOTE)).toBe(false);
  });

  test('is bounded', async () => {
    expect(await init({ commands: { [`01_${'ü'.repeat(4000)}`]: { command: 'exit 7' } } })).toBe(1);
    const reason = String(await sent(['-e', '1']));
    expect(reason).toMatch(/^cfn-init: .*ü/);
    expect(Buffer.byteLength(reason)).toBeLessThan(4096);
  });
});
