import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { complaints, metadata } from '../support/cfn-init.ts';
import { described, describedInXml, KEY, recorded, SECRET, useHeatReplay } from '../support/heat-replay.ts';
import { startServer, unusedPort } from '../support/http-server.ts';
import type { Ended, RunOptions } from '../support/process.ts';
import { useSandbox } from '../support/use-machine.ts';

const CACHE = '/var/cache/heat-cfntools';
const BOOT = '/var/lib/heat-cfntools';
const OLD_BOOT = '/var/lib/cloud/data';
const METADATA =
  '{"AWS::CloudFormation::Init": {"config": {"commands": {"01": {"command": "echo ran >> /ran"}}}}, "custom": {"greeting": "hello-v1", "2": 1.0, "1": 12345678901234567890}}';
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const KEYS = ['--access-key', KEY, '--secret-key', SECRET];

const machine = useSandbox({ network: 'shared' });
const replay = useHeatReplay();

beforeEach(async () => {
  await machine().run(`rm -rf ${CACHE} ${BOOT} ${OLD_BOOT} /etc/cfn /var/log/cfn-* /ran /came-from; mkdir -p ${BOOT}`);
});

function put(path: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(machine().path(path)), { recursive: true });
  writeFileSync(machine().path(path), content);
  chmodSync(machine().path(path), mode);
}

const get = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  machine().run([binary('cfn-get-metadata'), ...args], { env: ENVIRONMENT, ...options });
const init = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  machine().run([binary('cfn-init'), ...args], { env: ENVIRONMENT, ...options });
const result = ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr });
const of = (resource: string, base?: string): string[] => [
  ...['-s', 's1', '-r', resource, ...KEYS],
  ...(base === undefined ? [] : ['--url', base]),
];
/** The one line of an error, behind the name of the command. */
const failure = (said: RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(said) });

describe('what Heat answers', () => {
  test('an object: printed in one line, digits and order kept, published', async () => {
    const heat = await replay({ 's1/config_none': described(METADATA) });
    expect(result(await get(of('config_none', heat.base)))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
    for (const name of ['last_metadata', 'last_metadata_config_none']) {
      expect(machine().read(`${CACHE}/${name}`)).toBe(METADATA);
      expect(statSync(machine().path(`${CACHE}/${name}`)).mode & 0o7777).toBe(0o600);
    }
    expect(statSync(machine().path(CACHE)).mode & 0o7777).toBe(0o700);
  });

  test.each([
    ['a text', described(JSON.stringify(METADATA))],
    ['XML', describedInXml(METADATA)],
  ])('%s says the same', async (_, answer) => {
    const heat = await replay({ 's1/r': answer });
    expect(result(await get(of('r', heat.base)))).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
    expect(machine().read(`${CACHE}/last_metadata`)).toBe(METADATA);
  });

  test('nothing: {}', async () => {
    const heat = await replay({ 's1/cfnuser': described('{}') });
    expect(result(await get(of('cfnuser', heat.base)))).toEqual({ code: 0, stdout: '{}\n', stderr: '' });
    expect((await init(of('cfnuser', heat.base))).stderr).toContain('AWS::CloudFormation::Init');
  });

  test('cfn-init applies it', async () => {
    const heat = await replay({ 's1/r': described(METADATA) });
    expect(result(await init(of('r', heat.base)))).toMatchObject({ code: 0, stderr: '' });
    expect(machine().read('/ran')).toBe('ran\n');
  });

  test('and publishes it before it applies it', async () => {
    const failing = metadata({ commands: { '01': { command: `test -s ${CACHE}/last_metadata && exit 3` } } });
    const heat = await replay({ 's1/r': described(failing) });
    expect((await init(of('r', heat.base))).stderr).toContain('exit code 3');
  });

  test('some megabytes', async () => {
    const large = JSON.stringify({ large: 'x'.repeat(5_000_000) });
    const heat = await replay({ 's1/r': described(large) });
    const { code, stdout } = await get([...of('r', heat.base), '-k', 'large', '--raw']);
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 5_000_001 });
  });
});

describe('keys and formatting', () => {
  const document =
    '{"foo": {"bar.1": {"baz": "text \\u00fc"}, "list": [1, {"a": null}], "one": 1.0}, "n": null, "e": {}}';
  test.each([
    ["foo.'bar.1'.baz", '"text \\u00fc"'],
    ['foo.bar\\.1.baz', '"text \\u00fc"'],
    ["foo.'bar.1'", '{"baz": "text \\u00fc"}'],
    ['foo.list', '[1, {"a": null}]'],
    ['foo.one', '1.0'],
    ['n', 'null'],
    ['e.', '{}'],
  ])('-k %s', async (key, stdout) => {
    const heat = await replay({ 's1/r': described(document) });
    expect(result(await get([...of('r', heat.base), '-k', key]))).toEqual({
      code: 0,
      stdout: `${stdout}\n`,
      stderr: '',
    });
  });

  test('--raw prints a text bare, and all else as before', async () => {
    const heat = await replay({ 's1/r': described(document) });
    const raw = async (key: string) => (await get([...of('r', heat.base), '--raw', '-k', key])).stdout;
    expect([await raw('foo.bar\\.1.baz'), await raw('foo.list')]).toEqual(['text ü\n', '[1, {"a": null}]\n']);
  });

  test.each(['nothing', 'foo.nothing', 'foo.list.0', 'foo..one', '', 'foo.one.x'])('-k %j is missing', async (key) => {
    const heat = await replay({ 's1/r': described(document) });
    expect(result(await get([...of('r', heat.base), '-k', key]))).toEqual(
      failure(/^cfn-get-metadata: no key [^\n]*\n$/),
    );
  });

  test('a secret of the metadata is printed, since it is what was asked for', async () => {
    const heat = await replay({ 's1/r': described(`{"password": "${SECRET}"}`) });
    expect((await get(of('r', heat.base))).stdout).toBe(`{"password": "${SECRET}"}\n`);
  });

  test.each([[[]], [['-s', 's1']], [['-r', 'r']], [['-s', '', '-r', 'r']]])('%j is a usage error', async (args) => {
    const { code, stdout, stderr } = await get(args);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-get-metadata: [^\n]*--(stack|resource)[^\n]*\n$/),
    });
  });
});

describe('refused: an error in one line, nothing is published, nothing older is used', () => {
  beforeEach(() => put(`${CACHE}/last_metadata`, METADATA));

  test.each<[name: string, answer: ReturnType<typeof described>, said: RegExp]>([
    ['unknown resource', recorded.noResource, /The Resource \(nosuch\) could not be found in Stack s1\.: .*--resource/],
    ['unknown stack', recorded.noStack, /The Stack \(nostack\) could not be found\.: .*--stack/],
    [
      'key of another resource',
      recorded.otherResource,
      /You are not authorized to use this action\.: .*another resource/,
    ],
    ['403', recorded.accessDenied, /HTTP 403 \(User is not authorized to perform action\): .*secret/],
    ['not Heat', { status: 200, body: '<html>Welcome</html>' }, /cannot be used/],
    ['truncated JSON', { status: 200, body: '{"DescribeStackResourceResponse": {' }, /cannot be used .*truncated/],
  ])('%s', async (_, answer, said) => {
    const heat = await replay({ 's1/r': answer });
    expect(result(await get(of('r', heat.base)))).toEqual(
      failure(new RegExp(`^cfn-get-metadata: [^\\n]*${said.source}[^\\n]*\\n$`)),
    );
    expect(result(await init(of('r', heat.base)))).toEqual(
      failure(new RegExp(`^cfn-init: [^\\n]*${said.source}[^\\n]*\\n$`)),
    );
    expect(heat.requests).toHaveLength(2);
    expect(machine().exists('/ran')).toBe(false);
    expect(machine().exists(`${CACHE}/last_metadata_r`)).toBe(false);
  });

  test.each([
    ['wrong secret', ['--access-key', KEY, '--secret-key', 'wrong-secret']],
    ['unknown key', ['--access-key', 'deadbeef', '--secret-key', SECRET]],
  ])('%s', async (_, keys) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    expect(result(await get(['-s', 's1', '-r', 'r', ...keys, '-u', heat.base]))).toEqual(failure(/HTTP 403/));
    expect(heat.requests).toHaveLength(1);
  });

  test('a clock that is off is named', async () => {
    const date = new Date(Date.now() + 20 * 60_000).toUTCString();
    const heat = await replay({ 's1/r': { ...(recorded.accessDenied as object), headers: { Date: date } } as never });
    expect((await get(of('r', heat.base))).stderr).toMatch(/the clock here is 20 minutes behind the server's/);
  });

  test('300 and 404 on a wrong base path are explained', async () => {
    const heat = await replay({});
    const root = await get(of('r', heat.url));
    expect(result(root)).toEqual(failure(new RegExp(`HTTP 300.*the base URL is ${heat.base}`)));
    put(`${BOOT}/cfn-metadata-server`, `${heat.url}/v2/`);
    expect(result(await get(of('r')))).toEqual(failure(/HTTP 404.*ends with \/v1\/.*cfn-metadata-server/));
  });

  test('more than 64 MiB', async () => {
    const heat = await replay({ 's1/r': { status: 200, body: Buffer.alloc(65 * 1024 * 1024, ' ') } });
    expect(result(await get(of('r', heat.base)))).toEqual(failure(/larger than 67108864 bytes/));
    expect(heat.requests).toHaveLength(1);
  });
});

describe('signatures', () => {
  test('v2 after IncompleteSignature', async () => {
    const heat = await replay({ 's1/r': [recorded.incompleteSignature, described(METADATA)] });
    expect((await get(of('r', heat.base))).code).toBe(0);
    expect(heat.requests.map(({ headers }) => headers.authorization === undefined)).toEqual([false, true]);
  });

  test('v2 by cfntools.conf', async () => {
    put('/etc/cfn/cfntools.conf', 'signature = v2\n');
    const heat = await replay({ 's1/r': described(METADATA) });
    expect((await get(of('r', heat.base))).code).toBe(0);
    expect(heat.requests[0]?.target).toContain('SignatureVersion=2');
  });

  test('names of stacks and resources are encoded', async () => {
    const stack = 'arn:openstack:heat::a6f8:stacks/s1/0df8';
    const heat = await replay({ [`${stack}/r.1`]: described(METADATA) });
    expect((await get(['-s', stack, '-r', 'r.1', ...KEYS, '-u', heat.base])).code).toBe(0);
  });
});

describe('trouble', () => {
  test('503, then an answer', async () => {
    const busy = { status: 503, headers: { 'Retry-After': '1' } };
    const heat = await replay({ 's1/r': [busy, busy, described(METADATA)] });
    const { code, stdout, stderr, milliseconds } = await get(of('r', heat.base));
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
    expect(heat.requests).toHaveLength(3);
    expect(milliseconds).toBeGreaterThan(1900);
  });

  test('a body cut short is asked for again', async () => {
    const whole = described(METADATA);
    const heat = await replay({ 's1/r': [{ ...(whole as object), cutAfter: 300 } as never, whole] });
    expect((await get(of('r', heat.base))).stdout).toBe(`${METADATA}\n`);
  });

  test.each<[name: string, answer: 'reset' | 'silent' | { status: number }, said: RegExp]>([
    ['reset', 'reset', /closed the connection/],
    ['silence', 'silent', /nothing within 1 s/],
    ['500', { status: 500 }, /HTTP 500/],
  ])('%s: falls back with a warning', async (_, answer, said) => {
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 1\nhttp_socket_timeout = 1\nmax_retry_delay = 0\n');
    put(`${BOOT}/cfn-init-data`, METADATA);
    const heat = await replay({ 's1/r': answer });
    const { code, stdout, stderr } = await get(of('r', heat.base));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${METADATA}\n` });
    expect(stderr).toMatch(
      /^cfn-get-metadata: warning: [^\n]*: using \/var\/lib\/heat-cfntools\/cfn-init-data, written [^\n]* ago\n$/,
    );
    expect(stderr).toMatch(said);
    expect(heat.requests).toHaveLength(2);
  });
});

describe('the fallback', () => {
  const places = [
    `${CACHE}/last_metadata_r`,
    `${CACHE}/last_metadata`,
    `${BOOT}/cfn-init-data`,
    `${OLD_BOOT}/cfn-init-data`,
  ];

  test.each(places.map((_, index) => places.slice(index)))('unreachable: %s comes first', async (...there) => {
    for (const place of there) put(place, JSON.stringify({ from: place }));
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 0\n');
    const threeHoursAgo = Date.now() / 1000 - 3 * 3600;
    utimesSync(machine().path(there[0] ?? ''), threeHoursAgo, threeHoursAgo);
    const { code, stdout, stderr } = await get(of('r', `http://127.0.0.1:${await unusedPort()}/v1/`));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `{"from": "${there[0]}"}\n` });
    expect(stderr).toMatch(/^cfn-get-metadata: warning: no answer: http:[^\n]*nothing listens there/);
    expect(stderr).toContain(`: using ${there[0]}, written 3 hours ago\n`);
  });

  test('cfn-init goes on with what it has', async () => {
    put(`${BOOT}/cfn-init-data`, METADATA);
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 0\n');
    put(`${BOOT}/cfn-metadata-server`, `http://127.0.0.1:${await unusedPort()}/v1/`);
    const { code, stderr } = await init(of('r'));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: [^\n]*seconds ago\n$/),
    });
    expect(machine().read('/ran')).toBe('ran\n');
  });

  test('no credentials: Heat is not asked', async () => {
    put(`${CACHE}/last_metadata`, METADATA);
    const heat = await replay({});
    const { code, stdout, stderr } = await get(['-s', 's1', '-r', 'r', '-u', heat.base]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${METADATA}\n` });
    expect(stderr).toMatch(
      /^cfn-get-metadata: warning: no credentials for heat-api-cfn: using .*last_metadata, written /,
    );
    expect(heat.requests).toEqual([]);
  });

  test('no address: says so', async () => {
    put(`${CACHE}/last_metadata`, METADATA);
    const { code, stderr } = await get([...of('r'), '--region', 'RegionOne']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('nothing names the address of heat-api-cfn'),
    });
  });

  test('nothing to fall back on: one line, exit 1', async () => {
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 0\n');
    const ended = await get(of('r', `http://127.0.0.1:${await unusedPort()}/v1/`));
    expect(result(ended)).toEqual(
      failure(/^cfn-get-metadata: no metadata: [^\n]*last_metadata_r[^\n]*: no answer: [^\n]*\n$/),
    );
  });

  test('a broken copy is named and passed over', async () => {
    put(`${CACHE}/last_metadata_r`, '{');
    put(`${CACHE}/last_metadata`, METADATA);
    const { stdout, stderr } = await get(['-s', 's1', '-r', 'r']);
    expect(stdout).toBe(`${METADATA}\n`);
    expect(complaints({ stderr } as never)[0]).toContain(`${CACHE}/last_metadata_r`);
  });
});

describe('the address', () => {
  test.each<[name: string, path: string]>([
    ['cfn-metadata-server', `${BOOT}/cfn-metadata-server`],
    ['its older place', `${OLD_BOOT}/cfn-metadata-server`],
  ])('from %s, with its port', async (_, path) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    put(path, heat.base.slice(0, -1));
    expect((await get(of('r'))).code).toBe(0);
    expect(heat.requests).toHaveLength(1);
  });

  test('a path prefix is kept', async () => {
    const heat = await replay({ 's1/r': described(METADATA) }, { path: '/heat-api-cfn/v1/' });
    expect((await get(of('r', heat.base))).code).toBe(0);
  });

  test('from cfn-boto-cfg, whose oddities are warned about', async () => {
    const heat = await replay({ 's1/r': described(METADATA) });
    put(
      `${OLD_BOOT}/cfn-boto-cfg`,
      `[Boto]\nis_secure = 0\ncfn_region_endpoint = 127.0.0.1:${heat.port}\nnum_retries = many\n`,
    );
    const { code, stderr } = await get(of('r'));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-get-metadata: warning: num_retries [^\n]*\n$/),
    });
  });

  test('the proxy of cfn-boto-cfg, with its password; the environment goes before it', async () => {
    const heat = await replay({ 's1/r': described(METADATA) });
    const settings = `[Boto]\nproxy = 127.0.0.1\nproxy_port = ${heat.port}\nproxy_user = me\nproxy_pass = a#b;c%&*@\n`;
    put(`${BOOT}/cfn-boto-cfg`, settings);
    expect((await get(of('r', 'http://heat.example.test:8000/v1/'))).code).toBe(0);
    const [seen] = heat.requests;
    expect(seen?.target).toMatch(/^http:\/\/heat\.example\.test:8000\/v1\/\?Action=/);
    expect(seen?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:a#b;c%&*@').toString('base64')}`);

    const other = await startServer({ status: 407 });
    const ended = await get(of('r', 'http://heat.example.test:8000/v1/'), {
      env: { ...ENVIRONMENT, http_proxy: other.url },
    });
    await other.close();
    expect(result(ended)).toEqual(failure(/HTTP 407.*proxy/));
    expect(heat.requests).toHaveLength(1);
  });
});

describe('credentials', () => {
  /** Characters that a shell, an INI parser or a URL would eat. */
  const secrets = ['&hf9*8Dh1G0XEEiE9BG8yDE5qDX9K7yK', 'OFwa^8ia8^Hu634tee%6@nr^t08wYbDc', 'a#b;c=d e+f/g\\h"i\'j$k`l'];

  test.each(secrets)('%s from every source', async (secret) => {
    const heat = await replay({ 's1/r': described(METADATA) }, { keys: { [KEY]: secret } });
    put('/etc/cfn/cfn-credentials', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${secret}\n`);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base];
    const environment = { ...ENVIRONMENT, AWS_ACCESS_KEY_ID: KEY, AWS_SECRET_ACCESS_KEY: secret };
    for (const ended of [
      await get([...asked, '--access-key', KEY, '--secret-key', secret]),
      await get([...asked, '--credential-file', '/etc/cfn/cfn-credentials']),
      await init([...asked, '-f', '/etc/cfn/cfn-credentials']),
      await get(asked, { env: environment }),
    ])
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(heat.requests).toHaveLength(4);
  });

  test('the file that others can read: a warning; --strict refuses it', async () => {
    const heat = await replay({ 's1/r': described(METADATA) });
    put('/etc/cfn/cfn-credentials', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`, 0o644);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base, '--credential-file', '/etc/cfn/cfn-credentials'];
    expect(result(await get(asked))).toEqual({
      code: 0,
      stdout: `${METADATA}\n`,
      stderr: expect.stringMatching(/^cfn-get-metadata: warning: others can read [^\n]*cfn-credentials[^\n]*\n$/),
    });
    expect(result(await get([...asked, '--strict']))).toEqual(failure(/^cfn-get-metadata: others can read /));
    expect(result(await init([...asked, '--strict']))).toEqual(failure(/^cfn-init: others can read /));
    expect(heat.requests).toHaveLength(1);
  });

  test('a file that is not there is an error, whatever was fetched before', async () => {
    put(`${CACHE}/last_metadata`, METADATA);
    const ended = await get(['-s', 's1', '-r', 'r', '-u', 'http://127.0.0.1:9/', '--credential-file', '/nowhere']);
    expect(result(ended)).toEqual(failure(/^cfn-get-metadata: cannot read: \/nowhere: /));
  });

  test('one flag without the other is a usage error', async () => {
    const ended = await get(['-s', 's1', '-r', 'r', '--secret-key', SECRET]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).not.toContain(SECRET);
  });

  test('no secret, signature or metadata gets into a log', async () => {
    const hidden = '{"AWS::CloudFormation::Init": {"config": {}}, "custom": {"inner": "metadata-text"}}';
    const heat = await replay({ 's1/r': [{ status: 503 }, described(hidden)] });
    put('/etc/cfn/cfn-credentials', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base];
    await get([...asked, '--credential-file', '/etc/cfn/cfn-credentials']);
    await get([...asked, ...KEYS]);
    const said = await init(['-v', ...asked, ...KEYS]);
    await get([...asked, '--access-key', KEY, '--secret-key', 'wrong-secret']);
    const logs = ['cfn-get-metadata', 'cfn-init'].map((name) => {
      const path = machine().path(`/var/log/${name}.log`);
      expect(statSync(path).mode & 0o7777).toBe(0o600);
      return readFileSync(path, 'utf8');
    });
    for (const text of [...logs, said.stdout, said.stderr])
      for (const secret of [SECRET, 'wrong-secret', 'Signature=', 'metadata-text', 'AWS4-HMAC'])
        expect(text).not.toContain(secret);
  });
});
