import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import type { Answer, Answers } from '../support/http-server.ts';
import { tokenBody } from '../support/keystone-token.ts';
import { HANDLE, useSignalRig } from '../support/signal-rig.ts';

const { directory, serve, signal } = useSignalRig();
const SIGNAL = '/v1/p/stacks/s/1/resources/h/signal';
const QUEUE = '/v2/queues/q1/messages';
const SWIFT = '/v1/AUTH_p/container/object?temp_url_sig=0123456789abcdef&temp_url_expires=2147483646';
const PASSWORD = 'pa55word-of-the-handle';

/** Keystone, Heat and Zaqar at one address. */
const cloud =
  (answers: Readonly<Record<string, Answer>> = {}): Answers =>
  ({ method, target, headers }, count) => {
    const given = answers[`${method} ${target}`];
    if (given !== undefined) return given;
    if (method === 'POST' && target === '/v3/auth/tokens') {
      const endpoint = { interface: 'public', region_id: 'One', url: `http://${headers.host}` };
      return {
        status: 201,
        headers: { 'X-Subject-Token': `t0ken-${count}` },
        body: tokenBody({ messaging: [endpoint] }),
      };
    }
    return { status: method === 'POST' || method === 'PUT' ? 200 : 405, body: 'null' };
  };

const ofKeystone = (url: string): Record<string, unknown> => ({
  ...{ auth_url: `${url}/v3`, username: 'user', user_id: 'u', password: PASSWORD },
  ...{ project_id: 'p', domain_id: 'd', region_name: 'One' },
});

function leave(text: string, mode = 0o600): string {
  const path = join(directory(), 'handle');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const NATIVE = {
  status: 'SUCCESS',
  reason: 'Configuration Complete',
  data: 'Application has completed configuration.',
  id: 'me',
};
const done = { code: 0, stdout: '', stderr: '' };
const line = (text: string): RegExp => new RegExp(`^cfn-signal: [^\\n]*${text}[^\\n]*\\n$`);

describe('the JSON of a handle', () => {
  test('HEAT_SIGNAL: by a token of keystone, to the URL of the handle', async () => {
    const server = await serve(cloud());
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
    expect(await signal([`@${handle}`])).toMatchObject(done);
    expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'POST /v3/auth/tokens',
      `POST ${SIGNAL}`,
    ]);
    const [auth, sent] = server.requests;
    expect(JSON.parse(auth?.body ?? '')).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { id: 'u', password: PASSWORD } } },
        scope: { project: { id: 'p' } },
      },
    });
    expect(sent?.headers['x-auth-token']).toBe('t0ken-1');
    expect(JSON.parse(sent?.body ?? '')).toEqual(NATIVE);
  });

  test('ZAQAR_SIGNAL: a message in the queue', async () => {
    const server = await serve(cloud());
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), queue_id: 'q1' }));
    expect(await signal(['-e', '1', '-r', 'why', `@${handle}`])).toMatchObject(done);
    const [, sent] = server.requests;
    expect(sent).toMatchObject({
      method: 'POST',
      target: QUEUE,
      headers: { 'client-id': expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      messages: [{ ttl: 600, body: expect.objectContaining({ status: 'FAILURE', reason: 'why', id: 'me' }) }],
    });
  });

  test.each([
    ['CFN_SIGNAL', HANDLE],
    ['TEMP_URL_SIGNAL', SWIFT],
  ])('%s: puts the keys of the handle', async (_, target) => {
    const server = await serve(cloud());
    const handle = leave(JSON.stringify({ alarm_url: server.url + target }));
    expect(await signal([`@${handle}`])).toMatchObject(done);
    expect(server.requests).toMatchObject([{ method: 'PUT', target }]);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual(NATIVE);
  });

  test('a TempURL alone is one of such a handle', async () => {
    const server = await serve(cloud());
    expect(await signal([server.url + SWIFT])).toMatchObject(done);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual(NATIVE);
  });

  test('on the command line: with a warning, and without the password', async () => {
    const server = await serve(cloud());
    const handle = JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL });
    const { code, stderr } = await signal(['-v', handle]);
    expect(code).toBe(0);
    expect(stderr).toContain(
      'warning: the handle is on the command line, where other users can read its secrets: put it into a file, and give @FILE',
    );
    expect(stderr).not.toContain(PASSWORD);
  });

  test('in a file that others can read: with a warning', async () => {
    const server = await serve(cloud());
    const handle = leave(JSON.stringify({ alarm_url: server.url + HANDLE }), 0o644);
    expect(await signal([`@${handle}`])).toMatchObject({
      code: 0,
      stderr: `cfn-signal: warning: others can read or change the file of the handle: ${handle}: chmod 600 it\n`,
    });
  });

  test('in a directory that others can write to: with a warning', async () => {
    const server = await serve(cloud());
    const open = join(directory(), 'open');
    mkdirSync(open, { recursive: true });
    chmodSync(open, 0o777);
    writeFileSync(join(open, 'handle'), server.url + HANDLE, { mode: 0o600 });
    const { code, stderr } = await signal([`@${join(open, 'handle')}`]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(line('warning: others can replace the file of the handle')),
    });
  });

  test('in quotes', async () => {
    const server = await serve(cloud());
    expect(await signal([`@${leave(`'${JSON.stringify({ alarm_url: server.url + HANDLE })}'\n`)}`])).toMatchObject(
      done,
    );
  });

  test('a keystone with a self-signed certificate: -k is for it, too', async () => {
    const { selfSigned } = makeCertificates(directory());
    const server = await serve(cloud(), selfSigned);
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
    expect((await signal([`@${handle}`])).stderr).toMatch(line('self-signed certificate'));
    expect(await signal(['-k', `@${handle}`])).toMatchObject(done);
  });

  test('a URL in a file', async () => {
    const server = await serve(cloud());
    expect(await signal([`@${leave(`${server.url}${HANDLE}\n`)}`])).toMatchObject(done);
    expect(server.requests).toMatchObject([{ method: 'PUT', target: HANDLE }]);
  });
});

describe('a token', () => {
  test('that Heat no longer takes is renewed once', async () => {
    let refusals = 0;
    const well = cloud();
    const server = await serve((request, count) =>
      request.target === SIGNAL && refusals++ === 0 ? { status: 401 } : well(request, count),
    );
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
    expect(await signal([`@${handle}`])).toMatchObject(done);
    expect(server.requests.map(({ headers }) => headers['x-auth-token'])).toEqual([
      undefined,
      't0ken-1',
      undefined,
      't0ken-3',
    ]);
  });

  test.each<[answer: Answer, says: string]>([
    [
      { status: 401, body: '{"error": {"message": "no"}}' },
      'keystone refused with HTTP 401 \\(no\\): [^\\n]*: check user, password and domain, and that the stack that they belong to is not deleted',
    ],
    [{ status: 300 }, 'keystone refused with HTTP 300'],
    [{ status: 200, body: '<html>' }, 'keystone gave an answer that cannot be used'],
  ])('that keystone does not give, %j: exit 1 at once', async (answer, says) => {
    const server = await serve(cloud({ 'POST /v3/auth/tokens': answer }));
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
    const { code, stderr } = await signal([`@${handle}`]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(line(says)) });
    expect(stderr).not.toContain(PASSWORD);
  });

  test('from a keystone that is not well: exit 75 with --timeout', async () => {
    const server = await serve(cloud({ 'POST /v3/auth/tokens': { status: 503 } }));
    const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
    const { code, stderr } = await signal(['--timeout', '2', `@${handle}`]);
    expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringContaining('keystone answered with HTTP 503') });
  });
});

test.each<[status: number, says: string]>([
  [401, 'keystone gave a token that heat-api does not accept'],
  [403, 'the user of the handle may not use this handle'],
  [404, 'there is no such handle; the stack may be deleted'],
])('Heat answers with %d', async (status, says) => {
  const server = await serve(cloud({ [`POST ${SIGNAL}`]: { status, body: '{"error": {"message": "said Heat"}}' } }));
  const handle = leave(JSON.stringify({ ...ofKeystone(server.url), alarm_url: server.url + SIGNAL }));
  const { code, stderr } = await signal([`@${handle}`]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(line(`HTTP ${status} \\(said Heat\\).*${says}`)),
  });
});

describe('what is no handle: exit 2', () => {
  test.each<[text: string, says: string]>([
    ['{}', 'JSON that is no handle: .*: it is empty: with NO_SIGNAL, a handle waits for nothing'],
    ['null', 'JSON that is no handle: .*: it is null: with TOKEN_SIGNAL'],
    ['[]', 'JSON that is no handle: .*: it is not an object'],
    ['{"a": 1}', 'it has no alarm_url and no queue_id'],
    ['{"alarm_url": "ftp://h"}', 'its alarm_url is no URL'],
    [
      `{"alarm_url": "http://h/", "auth_url": "http://k", "password": "${PASSWORD}"}`,
      'no user_id and no username in the handle',
    ],
    [
      `{"alarm_url": "http://h/", "auth_url": "http://k", "user_id": "u", "password": "${PASSWORD}"}`,
      'no project_id in the handle',
    ],
    [`{"alarm_url": "http://h/", "password": "${PASSWORD}"}`, 'no auth_url in the handle: .*HEAT_SIGNAL'],
    ['{"alarm_url": "http://h:99999/"}', 'a URL with a bad port: .*alarm_url: check the URL'],
    [`{"password": "${PASSWORD}"`, 'the handle is not JSON'],
    ['', 'it is empty, perhaps an unset variable'],
    ['nonsense!', 'it is neither a URL nor the base64 of one'],
  ])('%j', async (text, says) => {
    const { code, stderr } = await signal([`@${leave(text)}`]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(line(says)) });
    expect(stderr).not.toContain(PASSWORD);
  });

  test('nothing on stdin', async () => {
    const { code, stderr } = await signal(['-']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(line('stdin: it is empty')) });
  });

  test('@ alone', async () => {
    expect(await signal(['@'])).toMatchObject({
      code: 2,
      stderr: "cfn-signal: '@' without the name of a file: write @FILE\n",
    });
  });

  test('a file that is not there: exit 1', async () => {
    const { code, stderr } = await signal(['@/nowhere/handle']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(line('/nowhere/handle')) });
  });
});

describe('the age of a signed URL', () => {
  const signedAt = (minutes: number): string =>
    HANDLE.replace(
      /Timestamp=[^&]*/,
      `Timestamp=${encodeURIComponent(new Date(Date.now() - minutes * 60_000).toISOString().replace(/\.\d+/, ''))}`,
    );

  test.each([
    [
      23,
      'the URL has expired: it was signed 23 minutes ago, and by default keystone refuses a signature after 15 minutes \\(auth_ttl\\); for a longer boot use a handle with HEAT_SIGNAL',
    ],
    [
      1,
      "the URL was signed \\d+ seconds ago, and by keystone's default \\(auth_ttl\\) expires after 15 minutes: the stack is deleted, or the URL was altered",
    ],
  ])('%d minutes', async (minutes, says) => {
    const server = await serve({ status: 403 });
    const { code, stderr } = await signal([server.url + signedAt(minutes)]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(line(says)) });
  });
});
