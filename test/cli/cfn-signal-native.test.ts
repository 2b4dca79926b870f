import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Answers } from '../support/http-server.ts';
import { HANDLE, useSignalRig, withoutRetries } from '../support/signal-rig.ts';
import { expectSoon } from '../support/soon.ts';

const { directory, serve, signal } = useSignalRig();
const TOKEN = 'gAAAAABnative-t0ken_of-the-handle==';
const ENDPOINT = '/v1/5a5b/stacks/s1/0df890ad-48cc-4edd-b6e9-f8633e1eb409/resources/hhandle/signal';
const line = (text: string) => new RegExp(`^cfn-signal: [^\\n]*${text}[^\\n]*\\n$`);

describe('a native handle by its token', () => {
  test.each<[string[], object]>([
    [
      [],
      {
        status: 'SUCCESS',
        reason: 'Configuration Complete',
        data: 'Application has completed configuration.',
        id: 'me',
      },
    ],
    [
      ['-e', '1', '-r', 'no "disk"', '-d', '{"a": 1}', '-i', 'n2'],
      { status: 'FAILURE', reason: 'no "disk"', data: '{"a": 1}', id: 'n2' },
    ],
  ])('%j: posts its own keys', async (args, body) => {
    const server = await serve({ status: 200, body: 'null' });
    const { code, stdout, stderr } = await signal(['--token', TOKEN, ...args, server.url + ENDPOINT]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    const [request] = server.requests;
    expect({ ...request, time: 0, body: JSON.parse(request?.body ?? '') }).toMatchObject({
      method: 'POST',
      target: ENDPOINT,
      headers: { 'x-auth-token': TOKEN, 'content-type': 'application/json', accept: 'application/json' },
      body,
    });
    expect(server.requests).toHaveLength(1);
  });

  test.each<[number, string]>([
    [401, 'token is wrong or has expired'],
    [403, 'stack is deleted'],
    [404, '"endpoint" attribute'],
    [400, 'does not accept'],
  ])('%i is a failure that says what next, and not the token', async (status, hint) => {
    const server = await serve({ status, body: '{"error": {"message": "no, said Heat"}}' });
    const { code, stderr } = await signal(['-v', '--token', TOKEN, server.url + ENDPOINT]);
    expect({ code, asked: server.requests.length }).toEqual({ code: 1, asked: 1 });
    expect(stderr).toMatch(line(`HTTP ${status} \\(no, said Heat\\).*${hint}`));
    expect(stderr).not.toContain('t0ken');
  });

  test.each<[string, string[]]>([
    ['an empty token', ['--token', '', `http://127.0.0.1:9${ENDPOINT}`]],
    ['a token of two lines', ['--token', 'a\nb', `http://127.0.0.1:9${ENDPOINT}`]],
    ['a token without a URL', ['--token', TOKEN]],
    ['a token for a resource by its name', ['--token', TOKEN, '--stack', 's', '--resource', 'r']],
  ])('%s is a mistake of the command line', async (_, args) => {
    const { code, stderr } = await signal(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(line('')) });
    expect(stderr).not.toContain('t0ken');
  });
});

describe('a native handle by its pre-signed URL', () => {
  /** As heat-api-cfn answers for it. */
  const native: Answers = ({ body }) =>
    Object.keys(JSON.parse(body) as object).every((key) => ['status', 'reason', 'data', 'id'].includes(key))
      ? { status: 200, body: '<resource>hhandle</resource>' }
      : {
          status: 500,
          body: '<ErrorResponse><Error><Type>Server</Type><Code>InternalFailure</Code><Message>The request processing has failed due to an internal error:ValueError: resources.hhandle: Metadata format invalid</Message></Error></ErrorResponse>',
        };

  test('gets its own keys once it has refused the others', async () => {
    const server = await serve(native);
    const { code, stderr, milliseconds } = await signal(['-s', 'false', '-r', 'why', server.url + HANDLE]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectSoon(milliseconds, 2_000);
    expect(server.requests.map(({ method, target, body }) => [method, target, Object.keys(JSON.parse(body))])).toEqual([
      ['PUT', HANDLE, ['Status', 'Reason', 'UniqueId', 'Data']],
      ['PUT', HANDLE, ['status', 'reason', 'data', 'id']],
    ]);
    expect(JSON.parse(server.requests[1]?.body ?? '')).toMatchObject({ status: 'FAILURE', reason: 'why', id: 'me' });
    expect(server.requests[1]?.headers['content-type'] ?? '').toBe('');
  });

  test('that refuses both ends with exit 1', async () => {
    const server = await serve({ status: 500, body: 'Metadata format invalid' });
    const { code } = await signal(['--timeout', '2', server.url + HANDLE]);
    expect(code).not.toBe(0);
  });
});

describe('a resource by --stack and --resource', () => {
  const KEYS = { AWS_ACCESS_KEY_ID: 'AK4711', AWS_SECRET_ACCESS_KEY: 's3cr&t/#*-key' };
  const wanted = (url: string) => [
    '--stack',
    's/1 2',
    '--resource',
    'web',
    '--url',
    `${url}/v1/`,
    '--region',
    'eu-west-1',
  ];

  test('is signalled by a signed call of SignalResource, signed anew at each attempt', async () => {
    const server = await serve((_, count) =>
      count === 1
        ? { status: 503, headers: { 'Retry-After': '1' } }
        : { status: 200, body: '<SignalResourceResponse/>' },
    );
    const { code, stderr } = await signal(['-e', '3', ...wanted(server.url)], KEYS);
    expect({ code, stderr: withoutRetries(stderr) }).toEqual({ code: 0, stderr: '' });
    const [first, second] = server.requests;
    expect(first?.method).toBe('GET');
    const target = new URL(first?.target ?? '', server.url);
    expect(target.pathname).toBe('/v1/');
    expect(Object.fromEntries(target.searchParams)).toEqual({
      Action: 'SignalResource',
      LogicalResourceId: 'web',
      StackName: 's/1 2',
      Status: 'FAILURE',
      UniqueId: 'me',
      Version: '2010-05-15',
    });
    expect(first?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AK4711\/\d{8}\/eu-west-1\/cloudformation\/aws4_request, SignedHeaders=host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    expect(second?.headers['x-amz-date']).not.toBe(first?.headers['x-amz-date']);
  });

  test('of a Heat says that it takes the URL of a WaitConditionHandle', async () => {
    const server = await serve({
      status: 400,
      body: '<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The action or operation requested is invalid</Message></Error></ErrorResponse>',
    });
    const { code, stderr } = await signal(wanted(server.url), KEYS);
    expect({ code, stderr, asked: server.requests.length }).toEqual({
      code: 1,
      stderr: expect.stringMatching(line('HTTP 400 .*URL of a WaitConditionHandle')),
      asked: 1,
    });
  });

  test.each([403, 404, 300])('%i is a failure', async (status) => {
    const server = await serve({ status });
    const { code, stderr } = await signal(['-v', ...wanted(server.url)], KEYS);
    expect({ code, stderr, asked: server.requests.length }).toEqual({
      code: 1,
      stderr: expect.stringMatching(line(`HTTP ${status}`)),
      asked: 1,
    });
    expect(stderr).not.toContain('s3cr');
  });

  test('without credentials says what there is to do', async () => {
    const server = await serve({ status: 200 });
    const { code, stderr } = await signal(wanted(server.url));
    expect({ code, stderr, asked: server.requests }).toEqual({
      code: 1,
      stderr: expect.stringMatching(line('no credentials.*WaitConditionHandle')),
      asked: [],
    });
  });

  test('with a pipe for a credential file, into which nobody writes, ends with --timeout: exit 75', async () => {
    const pipe = `${directory()}/fifo`;
    execFileSync('mkfifo', [pipe]);
    const { code, stderr, milliseconds } = await signal([
      ...['--timeout', '1', '-f', pipe],
      ...wanted('http://127.0.0.1:9'),
    ]);
    expect({ code, stderr }).toEqual({
      code: 75,
      stderr: expect.stringMatching(line('no data arrived within 1 s.*fifo')),
    });
    await expectSoon(milliseconds, 3_000);
  });

  test.each([[['--stack', 's']], [['--resource', 'r']], [['--stack', 's', '--resource', '']]])(
    '%j alone is a mistake of the command line',
    async (args) => {
      const { code, stderr } = await signal(args, KEYS);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(line('without')) });
    },
  );

  test('is not signalled when there is a URL: it wins', async () => {
    const server = await serve({ status: 200 });
    const other = await serve({ status: 500 });
    expect((await signal([...wanted(other.url), server.url + HANDLE], KEYS)).code).toBe(0);
    expect([server.requests.length, other.requests.length]).toEqual([1, 0]);
  });
});
