import { readFileSync, statSync, utimesSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { complaints } from '../support/cfn-init.ts';
import {
  BOOT,
  CACHE,
  ENVIRONMENT,
  failure,
  KEYS,
  METADATA,
  OLD_BOOT,
  of,
  result,
  useHeatGuest,
} from '../support/heat-guest.ts';
import { described, KEY, recorded, SECRET } from '../support/heat-replay.ts';
import { type Answer, startServer, unusedPort } from '../support/http-server.ts';

const { machine, replay, put, get, init } = useHeatGuest();

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
    ['silence', 'silent', /timed out after 1 s/],
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
    for (const place of there) utimesSync(machine().path(place), threeHoursAgo, threeHoursAgo);
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
      stderr: expect.stringContaining('no address is set for heat-api-cfn'),
    });
  });

  test('nothing to fall back on: one line, exit 1', async () => {
    put(`${BOOT}/cfn-boto-cfg`, '[Boto]\nnum_retries = 0\n');
    const ended = await get(of('r', `http://127.0.0.1:${await unusedPort()}/v1/`));
    expect(result(ended)).toEqual(
      failure(/^cfn-get-metadata: no metadata: [^\n]*last_metadata_r[^\n]*: no answer: [^\n]*\n$/),
    );
  });

  test('a copy that an image of another guest brought along loses to what cloud-init brought, with a warning', async () => {
    const stale = JSON.stringify({ from: 'another instance' });
    for (const name of ['last_metadata', 'last_metadata_r']) {
      put(`${CACHE}/${name}`, stale);
      const monthAgo = Date.now() / 1000 - 30 * 86_400;
      utimesSync(machine().path(`${CACHE}/${name}`), monthAgo, monthAgo);
    }
    put('/var/lib/cloud/data/instance-id', 'ba14d706-9a70-46fb-af0b-c9a81b2a2425\n');
    put(`${BOOT}/cfn-init-data`, METADATA);
    const first = await init(['-s', 's1', '-r', 'r']);
    expect(first.code).toBe(0);
    const ignored = `is older than ${BOOT}/cfn-init-data: ignored, since this machine may be made from an image`;
    expect(first.stderr).toContain(`cfn-init: warning: ${CACHE}/last_metadata_r ${ignored}`);
    expect(first.stderr).toContain(`cfn-init: warning: ${CACHE}/last_metadata ${ignored}`);
    expect(machine().read('/ran')).toBe('ran\n');
    // Published by this instance now; the next one knows that, whatever cloud-init brought.
    expect((await get(['-s', 's1', '-r', 'r'])).stderr).not.toContain('ignored');
    put('/var/lib/cloud/data/instance-id', '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11\n');
    const ended = await init(['-s', 's1', '-r', 'r']);
    expect(result(ended)).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/cfn-init: no metadata: [^\n]*no credentials[^\n]*\n$/);
  });

  test('a broken copy is named and passed over', async () => {
    put(`${CACHE}/last_metadata_r`, '{');
    put(`${CACHE}/last_metadata`, METADATA);
    const { stdout, stderr } = await get(['-s', 's1', '-r', 'r']);
    expect(stdout).toBe(`${METADATA}\n`);
    expect(complaints({ stderr } as never)[0]).toContain(`${CACHE}/last_metadata_r`);
  });
});

describe("Heat's policy forbids guests to ask", () => {
  const asJson = {
    status: 403,
    headers: { 'Content-Type': 'application/json' },
    body: '{"ErrorResponse": {"Error": {"Type": "Sender", "Code": "AccessDenied", "Message": "User is not authorized to perform action:Action DescribeStackResource not allowed for user"}}}',
  };
  /** Cause and remedy, in one line. */
  const SAID =
    /^cfn-\S+: (?<how>warning|no metadata): [^\n]*HTTP 403 [^\n]*Action DescribeStackResource not allowed for user\)[^\n]*policy\.yaml: "cloudformation:DescribeStackResource": "role:heat_stack_user or role:reader"(?<which>[^\n]*)\n$/;
  const saidOf = (stderr: string) => ({ ...(SAID.exec(stderr)?.groups ?? { stderr }) });

  test.each([
    ['XML', recorded.forbiddenByPolicy],
    ['JSON', asJson],
  ])('in %s: what is on the guest is used, with one warning', async (_, answer) => {
    const heat = await replay({ 's1/r': answer });
    put(`${BOOT}/cfn-init-data`, METADATA);
    const asked = await get(of('r', heat.base));
    expect({ code: asked.code, stdout: asked.stdout }).toEqual({ code: 0, stdout: `${METADATA}\n` });
    expect(saidOf(asked.stderr)).toEqual({
      how: 'warning',
      which: expect.stringMatching(/^: using \/var\/lib\/heat-cfntools\/cfn-init-data, written \S+ \S+ ago$/),
    });
    const { code, stderr } = await init(of('r', heat.base));
    expect({ code, ran: machine().read('/ran') }).toEqual({ code: 0, ran: 'ran\n' });
    expect(saidOf(stderr)).toEqual({
      how: 'warning',
      which: expect.stringContaining(`: using ${CACHE}/last_metadata_r,`),
    });
    expect(stderr).not.toMatch(/access key/);
    expect(heat.requests).toHaveLength(2);
  });

  test('with nothing on the guest: the same cause and remedy, exit 1', async () => {
    const heat = await replay({ 's1/r': recorded.forbiddenByPolicy });
    for (const ended of [await get(of('r', heat.base)), await init(of('r', heat.base))]) {
      expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 1, stdout: '' });
      expect(saidOf(ended.stderr)).toEqual({ how: 'no metadata', which: '' });
    }
  });

  test.each<[name: string, secret: string, answer: Answer]>([
    ['a wrong secret', 'wrong', recorded.forbiddenByPolicy],
    ['a key that is refused', SECRET, recorded.accessDenied],
    ['another call', SECRET, { ...asJson, body: asJson.body.replace('Resource not', 'Resources not') }],
    ['another status', SECRET, { ...asJson, status: 401 }],
    [
      'a page',
      SECRET,
      { status: 403, body: '<html><body>Action DescribeStackResource not allowed for user</body></html>' },
    ],
  ])('%s never falls back', async (_, secret, answer) => {
    const heat = await replay({ 's1/r': answer });
    put(`${BOOT}/cfn-init-data`, METADATA);
    put(`${CACHE}/last_metadata_r`, METADATA);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base, '--access-key', KEY, '--secret-key', secret];
    for (const ended of [await get(asked), await init(asked)])
      expect(result(ended)).toEqual(failure(/^cfn-\S+: heat-api-cfn refused with HTTP 40[13][^\n]*\n$/));
    expect(machine().exists('/ran')).toBe(false);
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

  test('a path prefix and no port, as of Heat 25 and later', async () => {
    const heat = await replay({ 's1/r': described(METADATA) }, { path: '/heat-api-cfn/v1/' });
    put(`${BOOT}/cfn-metadata-server`, 'http://heat.example.test/heat-api-cfn/v1');
    expect((await get(of('r'), { env: { ...ENVIRONMENT, http_proxy: heat.url } })).code).toBe(0);
    const [seen] = heat.requests;
    expect(seen?.target).toMatch(/^http:\/\/heat\.example\.test\/heat-api-cfn\/v1\/\?Action=/);
    expect(seen?.headers['host']).toBe('heat.example.test');
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
    expect(result(ended)).toEqual(
      failure(/^cfn-get-metadata: the proxy http:.* \(http_proxy\) refused .* HTTP 407: .*in its URL/),
    );
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

  test.each<[name: string, prepare: string, says: string]>([
    ['another user owns it', 'chown 7007 FILE', 'the credential file belongs to another user, 7007: '],
    ['another user owns it, and it is open', 'chown 7007 FILE; chmod 644 FILE', 'the credential file belongs to '],
    [
      'another user owns its directory',
      'chown 7007 /srv/keys',
      'others can replace the credential file: [^\\n]*: move the file to a directory of root',
    ],
    ['anybody can write to its directory', 'chmod 777 /srv/keys', 'others can replace the credential file: '],
    [
      'a link to it is in a directory of another user',
      'mkdir /srv/links; mv FILE /etc/cfn/moved; ln -s /etc/cfn/moved /srv/links/file; ln -s /srv/links/file FILE; chown 7007 /srv/links',
      'others can replace the credential file: ',
    ],
  ])('%s: a warning; --strict refuses it', async (_, prepare, says) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    const path = '/srv/keys/file';
    await machine().run('rm -rf /srv/keys /srv/links');
    await machine().run('mkdir -p /etc/cfn');
    put(path, `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`);
    await machine().run(`cd / && ${prepare.replaceAll('FILE', path)}`);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base, '--credential-file', path];
    expect(result(await get(asked))).toEqual({
      code: 0,
      stdout: `${METADATA}\n`,
      stderr: expect.stringMatching(`^cfn-get-metadata: warning: ${says}[^\\n]+\\n$`),
    });
    expect(result(await get([...asked, '--strict']))).toEqual(
      failure(new RegExp(`^cfn-get-metadata: ${says}[^\\n]+\\n$`)),
    );
    expect(result(await init([...asked, '--strict']))).toEqual(failure(new RegExp(`^cfn-init: ${says}[^\\n]+\\n$`)));
    expect(heat.requests).toHaveLength(1);
  });

  test.each<[name: string, script: string]>([
    ['in a sticky directory', 'chmod 1777 /srv/keys; exec "$0" "$@" --credential-file /srv/keys/file'],
    ['from a pipe', 'exec "$0" "$@" --credential-file <(cat /srv/keys/file)'],
    ['by an open file', 'exec "$0" "$@" --credential-file /dev/fd/7 7</srv/keys/file'],
    ['by a relative path', 'cd /srv/keys; exec "$0" "$@" --credential-file file'],
  ])('a private one %s: not a word, --strict takes it', async (_, script) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    await machine().run('rm -rf /srv/keys');
    put('/srv/keys/file', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`);
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base, '--strict'];
    const ended = await machine().run(['/bin/bash', '-c', script, binary('cfn-get-metadata'), ...asked], {
      env: ENVIRONMENT,
    });
    expect(result(ended)).toEqual({ code: 0, stdout: `${METADATA}\n`, stderr: '' });
  });

  test.each<[name: string, script: string]>([
    ['that another user owns', 'chown 7007 /srv/keys/pipe'],
    ['that another user can replace', 'chown 7007 /srv/keys'],
  ])('a pipe with a name %s: --strict refuses it', async (_, prepare) => {
    const heat = await replay({ 's1/r': described(METADATA) });
    await machine().run('rm -rf /srv/keys');
    put('/srv/keys/file', `AWSAccessKeyId=${KEY}\nAWSSecretKey=${SECRET}\n`);
    const script = `mkfifo -m 600 /srv/keys/pipe; ${prepare}; cat /srv/keys/file >/srv/keys/pipe & exec "$0" "$@"`;
    const asked = ['-s', 's1', '-r', 'r', '-u', heat.base, '--strict', '--credential-file', '/srv/keys/pipe'];
    const ended = await machine().run(['/bin/bash', '-c', script, binary('cfn-get-metadata'), ...asked], {
      env: ENVIRONMENT,
    });
    expect(result(ended)).toEqual(
      failure(/^cfn-get-metadata: (the credential file belongs to another user, 7007|others can replace)/),
    );
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
