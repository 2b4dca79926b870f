import { describe, expect, test } from 'vitest';
import { type Answer, unusedPort } from '../support/http-server.ts';
import { HANDLE, useSignalRig, withoutRetries } from '../support/signal-rig.ts';
import { expectSoon } from '../support/soon.ts';

const { serve, signal } = useSignalRig();

describe('accepted', () => {
  test.each([200, 201, 202, 204])('%i: exit 0, not a word', async (status) => {
    const server = await serve({ status, ...(status === 204 ? {} : { body: 'a page of text' }) });
    const { code, stdout, stderr } = await signal([server.url + HANDLE]);
    expect({ code, stdout, stderr, asked: server.requests.length }).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
      asked: 1,
    });
  });

  test('an answer larger than is read', async () => {
    const server = await serve({ status: 200, body: Buffer.alloc(5_000_000, 'x') });
    expect((await signal([server.url + HANDLE])).code).toBe(0);
  });
});

describe('refused: exit 1 at once, one line with a hint', () => {
  test.each<[number, Answer, RegExp]>([
    [301, { status: 301, headers: { Location: '/elsewhere' } }, /redirect/],
    [302, { status: 302, headers: { Location: '/elsewhere' } }, /redirect/],
    [307, { status: 307, headers: { Location: '/elsewhere' } }, /redirect/],
    [304, { status: 304 }, /304/],
    [
      400,
      { status: 400, body: '<ErrorResponse><Error><Message>Bad input</Message></Error></ErrorResponse>' },
      /Bad input/,
    ],
    [401, { status: 401 }, /signature/i],
    [403, { status: 403 }, /expired/],
    [404, { status: 404, body: '<html>\n<h1>404</h1>\n</html>' }, /no such handle/],
    [405, { status: 405 }, /405/],
    [409, { status: 409, body: '{"title": "Conflict"}' }, /Conflict/],
  ])('%i', async (status, answer, hint) => {
    const server = await serve(answer);
    const { code, stdout, stderr } = await signal([server.url + HANDLE]);
    expect({ code, stdout, asked: server.requests.length }).toEqual({ code: 1, stdout: '', asked: 1 });
    expect(stderr).toMatch(new RegExp(`^cfn-signal: [^\\n]*${status}[^\\n]*\\n$`));
    expect(stderr).toMatch(hint);
  });
});

describe.concurrent('tried again', () => {
  test.each<[string, Answer]>([
    ['500', { status: 500 }],
    ['502', { status: 502, body: '<html>\nBad Gateway</html>' }],
    ['503', { status: 503 }],
    ['408', { status: 408 }],
    ['429', { status: 429 }],
    ['a reset', 'reset'],
    ['an error that breaks off', { status: 502, body: 'x'.repeat(1000), cutAfter: 10 }],
    ['throttling', { status: 400, body: '<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>' }],
    ['a page of a portal', { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html>Sign in</html>' }],
  ])('%s twice, then accepted; the first time is said on stderr', async (_, answer) => {
    const server = await serve((__, count) => (count < 3 ? answer : { status: 200 }));
    const { code, stdout, stderr } = await signal([server.url + HANDLE]);
    expect({ code, stdout, asked: server.requests.length }).toEqual({ code: 0, stdout: '', asked: 3 });
    expect(stderr).toMatch(/^cfn-signal: warning: [^\n]+: trying again in (0\.[5-9]|1\.0) s, for 10 minutes in all\n$/);
    expect(new Set(server.requests.map(({ target, body }) => target + body)).size).toBe(1);
  });

  test('a server that comes up late', async ({ expect }) => {
    const port = await unusedPort();
    const warned = Promise.withResolvers<void>();
    const ended = signal([`http://127.0.0.1:${port}${HANDLE}`], {}, { onStderr: warned.resolve });
    await warned.promise;
    const server = await serve({ status: 200 }, undefined, { port });
    const { code, stderr } = await ended;
    expect({ code, asked: server.requests.length }).toEqual({ code: 0, asked: 1 });
    // As a rule one line; on a busy machine the second attempt may come before the server.
    expect(stderr).toMatch(
      /^(cfn-signal: warning: no answer: [^\n]*nothing listens[^\n]*: trying again in [^\n]+\n)+$/,
    );
  });

  test.each([429, 503])('Retry-After of a %i is waited for', async (status) => {
    const server = await serve((_, count) =>
      count === 1 ? { status, headers: { 'Retry-After': '2' } } : { status: 200 },
    );
    expect((await signal([server.url + HANDLE])).code).toBe(0);
    const [first, second] = server.requests;
    expect((second?.time ?? 0) - (first?.time ?? 0)).toBeGreaterThan(1_950);
    expect((second?.time ?? 0) - (first?.time ?? 0)).toBeLessThan(6_000);
  });

  test('Retry-After as a date', async ({ expect }) => {
    const date = new Date(Date.now() + 3_000).toUTCString();
    const server = await serve((_, count) =>
      count === 1 ? { status: 503, headers: { 'Retry-After': date } } : { status: 200 },
    );
    expect((await signal([server.url + HANDLE])).code).toBe(0);
    expect(server.requests[1]?.time).toBeGreaterThan(1_000);
  });
});

describe('--timeout bounds the whole call: exit 75', () => {
  test.each<[string, Answer]>([
    ['a server that never answers', 'silent'],
    ['a server that is never well', { status: 500 }],
    ['a server that asks for more patience than there is', { status: 503, headers: { 'Retry-After': '60' } }],
    ['a server that closes each connection', 'reset'],
    ['a portal', { status: 200, body: '<!DOCTYPE html><p>Sign in</p>' }],
  ])('%s', async (_, answer) => {
    const server = await serve(answer);
    const { code, stdout, stderr, milliseconds } = await signal(['--timeout', '1', server.url + HANDLE]);
    expect({ code, stdout, stderr: withoutRetries(stderr) }).toEqual({
      code: 75,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-signal: [^\n]+\n$/),
    });
    expect(milliseconds).toBeGreaterThanOrEqual(1_000);
    await expectSoon(milliseconds, 3_500);
  });

  test('nobody listens', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}${HANDLE}`;
    const { code, stderr, milliseconds } = await signal(['--timeout=1', url]);
    expect({ code, stderr: withoutRetries(stderr) }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-signal: [^\n]*nothing listens[^\n]*\n$/),
    });
    expect(milliseconds).toBeGreaterThanOrEqual(1_000);
    await expectSoon(milliseconds, 3_500);
  });

  test('a refusal is still exit 1', async () => {
    const server = await serve({ status: 403 });
    expect((await signal(['--timeout', '5', server.url + HANDLE])).code).toBe(1);
  });

  test('in time is in time', async () => {
    const server = await serve((_, count) =>
      count === 1 ? { status: 503, headers: { 'Retry-After': '0' } } : { status: 200 },
    );
    expect((await signal(['--timeout', '10', server.url + HANDLE])).code).toBe(0);
  });
});
