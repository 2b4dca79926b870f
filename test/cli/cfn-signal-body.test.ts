import { describe, expect, test } from 'vitest';
import type { Ended } from '../support/process.ts';
import { HANDLE, useSignalRig } from '../support/signal-rig.ts';

const { serve, signal } = useSignalRig();

/** Signals, and returns what the server saw of it. */
async function sent(args: readonly string[]): Promise<{ result: Ended; body: Record<string, unknown>; raw: string }> {
  const server = await serve({ status: 200 });
  const result = await signal([...args, server.url + HANDLE]);
  expect(server.requests).toHaveLength(1);
  const raw = server.requests[0]?.body ?? '';
  return { result, raw, body: JSON.parse(raw) as Record<string, unknown> };
}

const REASON = 'Configuration Complete';
const FAILED = 'Configuration failed';
const DATA = 'Application has completed configuration.';
const success = { Status: 'SUCCESS', Reason: REASON, UniqueId: 'me', Data: DATA };
const failure = { Status: 'FAILURE', Reason: FAILED, UniqueId: 'me', Data: 'Application configuration failed.' };

describe('the body', () => {
  test.each<[string[], object]>([
    [[], success],
    [['-s', 'true'], success],
    [['-s', 'TRUE'], success],
    [['--success', 'True'], success],
    [['--success=true'], success],
    [['-strue'], success],
    [['-s', 'false'], failure],
    [['-s', 'yes'], failure],
    [['-s', '1'], failure],
    [['-s', ''], failure],
    [['-s', 'SUCCESS'], failure],
    [['-e', '0'], success],
    [['-e0'], success],
    [['--exit-code=0'], success],
    [['--exit-code', '00'], success],
    [['-e', ' 0 '], success],
    [['-e', '1'], failure],
    [['-e', '-1'], failure],
    [['-e', '255'], failure],
    [['--exit', '0'], success],
    [['--exit', '3'], failure],
    [['-e', '0', '-s', 'false'], success],
    [['-e', '1', '-s', 'true'], failure],
    [['-e', '4', '-r', 'because'], { ...failure, Reason: 'because' }],
    [['-s', 'true', '-r', 'because'], { ...success, Reason: 'because' }],
    [['--reason', ''], { ...success, Reason: '' }],
    [['-d', 'data'], { ...success, Data: 'data' }],
    [['--data', ''], { ...success, Data: '' }],
    [['-d', '{"a": "b"}'], { ...success, Data: '{"a": "b"}' }],
    [['-d', 'Grüße "q" \\ \n 🎉'], { ...success, Data: 'Grüße "q" \\ \n 🎉' }],
    [['-d', '-5'], { ...success, Data: '-5' }],
    [['-i', 'other'], { ...success, UniqueId: 'other' }],
    [['--id=a b/c'], { ...success, UniqueId: 'a b/c' }],
    [['-k'], success],
    [['-vk'], success],
    [['--reas', 'r', '--dat=d', '--succ', 'false'], { ...failure, Reason: 'r', Data: 'd' }],
  ])('of %j', async (args, body) => {
    const { result, ...was } = await sent(args);
    expect(was.body).toEqual(body);
    expect(Object.keys(was.body).sort()).toEqual(['Data', 'Reason', 'Status', 'UniqueId']);
    expect(result.code).toBe(0);
    expect(result.stdout).toBe('');
  });

  test.each([
    [['-e', '']],
    [['--exit-code=']],
    [['-e', 'abc']],
    [['-e', '0x0']],
    [['-e', '0.0']],
    [['-e', ' ']],
    [['--exit', '']],
  ])('a missing exit code must not report success: %j', async (args) => {
    const { result, body } = await sent(args);
    expect(body).toEqual(failure);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 0, stdout: '' });
    expect(result.stderr).toMatch(/^cfn-signal: warning: [^\n]*FAILURE/m);
  });

  test('without options nothing is said on stderr', async () => {
    expect((await sent([])).result.stderr).toBe('');
  });
});

describe('the request', () => {
  test('is a PUT without a Content-Type, or with an empty one', async () => {
    const server = await serve({ status: 200 });
    await signal([server.url + HANDLE]);
    const [request] = server.requests;
    expect(request?.method).toBe('PUT');
    expect(request?.headers['content-type'] ?? '').toBe('');
    expect(request?.headers['content-length']).toBe(String(Buffer.byteLength(request?.body ?? '')));
    expect(request?.headers['transfer-encoding']).toBeUndefined();
    expect(request?.headers.host).toBe(`127.0.0.1:${server.port}`);
  });

  test.each([
    HANDLE,
    '/',
    '/%3A%3a%2F%2f%7E',
    "/a+b~c'd(e)*f!g",
    '//double//slashes/./and/../dots/',
    '/a;b=c;d?e;f=g',
    '/?',
    '/?a=1&a=1&&b=&=c',
    '/%zz%',
    '/a|b^c`d{e}[f]"g<h>\\i',
    '/?q=a b'.replace(' ', '%20'),
    '/x?u=http://h/?y=z',
  ])('has the target byte for byte: %s', async (target) => {
    const server = await serve({ status: 200 });
    const { code, stderr } = await signal([server.url + target]);
    expect({ code, stderr, targets: server.requests.map((request) => request.target) }).toEqual({
      code: 0,
      stderr: '',
      targets: [target],
    });
  });

  test.each([
    ['?a=b', '/?a=b'],
    ['', '/'],
    ['/x#fragment', '/x'],
  ])('has a slash where the URL has no path, and no fragment: %j', async (rest, target) => {
    const server = await serve({ status: 200 });
    await signal([server.url + rest]);
    expect(server.requests.map((request) => request.target)).toEqual([target]);
  });

  test('user and password of a URL become an Authorization', async () => {
    const server = await serve({ status: 200 });
    await signal([server.url.replace('//', '//user:p%40ss@') + HANDLE]);
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
  });
});

describe('the URL', () => {
  test.each<[string, (url: string) => string[]]>([
    ['before the options', (url) => [url, '-e', '0', '-r', 'x']],
    ['behind the options', (url) => ['-e', '0', '-r', 'x', url]],
    ['between the options', (url) => ['-e', '0', url, '-r', 'x']],
    ['behind --', (url) => ['-e', '0', '-r', 'x', '--', url]],
    ['as base64', (url) => [Buffer.from(url).toString('base64'), '-r', 'x']],
    ['as base64 with a newline in it', (url) => [Buffer.from(`${url}\n`).toString('base64'), '-r', 'x']],
    ['as URL-safe base64', (url) => [Buffer.from(url).toString('base64url'), '-r', 'x']],
    ['with the scheme in capitals', (url) => [url.replace('http:', 'HTTP:'), '-r', 'x']],
  ])('%s', async (_, args) => {
    const server = await serve({ status: 200 });
    const { code, stderr } = await signal(args(server.url + HANDLE));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(server.requests.map(({ target, body }) => [target, JSON.parse(body).Reason])).toEqual([[HANDLE, 'x']]);
  });

  test.each<[string, (url: string) => string[]]>([
    ['a carriage return', (url) => [`${url}\r`]],
    ['blanks', (url) => [`  ${url} `]],
    ['a byte order mark', (url) => [`\uFEFF${url}`]],
    ['quotes', (url) => [`"${url}"`]],
    ['quotes, and a line of Windows', (url) => [`'${url}'\r\n`]],
  ])('without %s around it', async (_, args) => {
    const server = await serve({ status: 200 });
    const { code, stderr } = await signal(args(server.url + HANDLE));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(server.requests.map(({ target }) => target)).toEqual([HANDLE]);
  });

  const SECRET = `http://127.0.0.1:9${HANDLE}`;
  test.each<[args: string[], says: RegExp]>([
    [['-e', SECRET], /^option -e has no value: .*-e "\$\?"$/],
    [['-r', SECRET, '-e', '0'], /^option -r has no value: .*quotes/],
    [['-d', Buffer.from(SECRET).toString('base64')], /^option -d has no value: the URL after it/],
    [['--timeout', SECRET], /^option --timeout has no value: the URL after it/],
    [['-e', '0', '--token', SECRET], /^option '--token' has no value: the URL after it/],
    [['--role', SECRET], /^option --role has no value: the URL after it/],
    [['--stack', SECRET], /^option --stack has no value: the URL after it/],
    [['--stack', 's', '--resource', SECRET, '--role', 'x'], /^option --resource has no value: the URL after it/],
    [['--stack', ' ', '--resource', 'r', '--region', 'eu-west-1'], /^--resource without --stack/],
    [['--token', '', SECRET], /^not a token: give '--token' the attribute/],
    [['--insecure=true', SECRET], /^option --insecure takes no value/],
    [['--stack', '${AWS::StackName}', '--resource', 'r'], /^--stack is .* that was not replaced/],
    [['--stack', 's', '--resource', '$RES'], /^--resource is .* that was not replaced/],
    [['-e', '0', '--url', SECRET], /--url is the base URL of an API/],
    [['\u2013e', '0', SECRET], /^an option begins with \u2013 \(U\+2013\)/],
    [['-s', 'STACK', '-r', 'RES'], /-r is --reason; write --stack and --resource/],
    [['-s', 'STACK', '-r', 'RES', '-e', ''], /write --stack and --resource/],
    [['-resource', 'R', '--stack', 'S'], /^option -resource has one dash: write --resource$/],
    [['-stack=S', '--resource', 'R'], /^option -stack has one dash: write --stack$/],
    [['-e', '0'], /^no URL to signal: .*--stack and --resource/],
    [[], /^no URL to signal: .*--stack and --resource/],
    [[''], /it is empty, perhaps an unset variable/],
    [[SECRET.replace('?', ' ?')], /a blank in the middle/],
    [[SECRET.replace('http', 'ftp')], /it begins with ftp:\/\//],
    [[SECRET.replace(':9', ':99999')], /a URL with a bad port/],
    [[SECRET, SECRET], /^too many arguments/],
    [['-r', 'three', 'words', 'more', SECRET], /^too many arguments.*quotes/],
    [
      ['-e', '0', '-i', 'x'.repeat(65), '--stack', 's', '--resource', 'r', '--url', 'http://127.0.0.1:9/'],
      /64 at most/,
    ],
  ])('%j is a mistake on the command line', async (args, says) => {
    const { code, stdout, stderr } = await signal(args, {
      AWS_ACCESS_KEY_ID: 'AK4711',
      AWS_SECRET_ACCESS_KEY: 's3cret',
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^cfn-signal: [^\n]+\n$/);
    expect(stderr.slice('cfn-signal: '.length).trimEnd()).toMatch(says);
    expect(stderr).not.toMatch(/a%2Bb|a\+b/);
  });

  test('a region that is none is named', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'AK4711', AWS_SECRET_ACCESS_KEY: 's3cret' };
    const args = ['--stack', 's', '--resource', 'r', '--region', '${AWS::Region}'];
    const { code, stderr } = await signal(args, env);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/"\$\{AWS::Region\}".* not an AWS region/),
    });
  });

  test('signalling by --stack and --resource says what to do instead', async () => {
    const { code, stderr } = await signal(['--stack', 's', '--resource', 'r']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^cfn-signal: [^\n]*--role[^\n]*WaitConditionHandle[^\n]*\n$/);
    expect(stderr).not.toContain('heat-api');
  });

  test('of a handle on AWS takes 4,096 bytes of reason', async () => {
    const proxy = await serve({ status: 200 });
    const url = 'http://cloudformation-waitcondition-test.s3.amazonaws.com/arn?Expires=1&Signature=a';
    const long = 'ü'.repeat(3000);
    const { code, stderr } = await signal(['-e', '1', '-r', long, url], { http_proxy: proxy.url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^[^\n]*cut to 4096 bytes[^\n]*\n$/) });
    const { Reason: reason } = JSON.parse(proxy.requests[0]?.body ?? '') as { Reason: string };
    expect(reason).toBe(`${'ü'.repeat(2045)} [cut]`);
    const server = await serve({ status: 200 });
    await signal(['-e', '1', '-r', long, server.url + HANDLE]);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({ Reason: long });
  });
});
