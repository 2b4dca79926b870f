import { afterEach, describe, expect, test } from 'vitest';
import { describeError } from '../../../src/errors.ts';
import type { HttpRequest } from '../../../src/system/http.ts';
import { exchange } from '../../../src/system/http-exchange.ts';
import { Line } from '../../../src/system/http-line.ts';
import { answer, head, type Script, startFaultServer } from '../../support/fault-server.ts';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
const breaking = async (script: Script): Promise<string> => {
  const server = await startFaultServer(script);
  servers.push(server);
  return server.url;
};

/** What an exchange comes to: status and body, or what is said of the failure. */
async function answered(request: Partial<HttpRequest> & { readonly url: string }, proxy?: string): Promise<string> {
  const whole = { method: 'GET', headers: {}, timeout: 200, ...request } as const;
  try {
    const { status, body } = await exchange(whole, proxy, async () => undefined);
    return `${status} ${body}`;
  } catch (error) {
    return describeError(error);
  }
}

const drip = (text: string) => ({ drip: text, every: 20 });
const LONG_HEAD = head(200, { X: 'x'.repeat(9000) });
const CONNECTED = { send: 'HTTP/1.1 200 Connection established\r\n\r\n' };

describe('the time of the request bounds each phase', () => {
  test.each<[name: string, script: Script]>([
    ['the server says nothing', () => ['hang']],
    ['the head comes by drops', () => [drip(LONG_HEAD)]],
    ['interim answers come without end', () => [drip(head(100).repeat(100))]],
    ['the body comes by drops', () => [{ send: head(200) }, drip('x'.repeat(9000))]],
    ['the body does not come', () => [{ send: head(200, { 'Content-Length': 9 }) }, 'hang']],
  ])('%s', async (_, script) => {
    expect(await answered({ url: await breaking(script) })).toMatch(/^no answer: .*nothing within 1 s$/);
  });

  test('a TLS handshake that never ends', async () => {
    const url = (await breaking(() => ['hang'])).replace('http:', 'https:');
    expect(await answered({ url })).toMatch(/^no answer: .*nothing within 1 s$/);
  });

  test.each<[name: string, script: Script, url: string]>([
    ['says nothing', () => ['hang'], 'http://h.test/'],
    ['says nothing to CONNECT', () => ['hang'], 'https://h.test/'],
    ['falls silent after CONNECT', () => [CONNECTED, 'hang'], 'https://h.test/'],
    ['answers CONNECT by drops', () => [drip(LONG_HEAD)], 'https://h.test/'],
  ])('a proxy that %s', async (_, script, url) => {
    expect(await answered({ url }, await breaking(script))).toMatch(/^no answer: .*nothing within 1 s$/);
  });
});

test.each([0.5, 0, -1, Number.NaN])('a time of %d ms is over at once', async (timeout) => {
  expect(await answered({ url: await breaking(() => ['hang']), timeout })).toMatch(/nothing within/);
});

test.each([2 ** 31, 1e12, Number.POSITIVE_INFINITY, 4999.5])('a time of %d ms is one', async (timeout) => {
  expect(await answered({ url: await breaking(() => answer(200, 'whole')), timeout })).toBe('200 whole');
});

describe('interim answers', () => {
  test.each([100, 102, 103])('%d is ignored', async (status) => {
    const url = await breaking(() => [{ send: head(status).repeat(2) }, ...answer(200, 'whole')]);
    expect(await answered({ url })).toBe('200 whole');
  });

  test.each([102, 103])('%d is ignored, of a proxy as well', async (status) => {
    const url = await breaking(() => [{ send: head(status).repeat(2) }, ...answer(200, 'whole')]);
    expect(await answered({ url: 'http://h.test/' }, url)).toBe('200 whole');
  });

  test('100 of a proxy, which nobody asked for, is at least no answer: undici refuses it', async () => {
    const url = await breaking(() => [{ send: head(100) }, ...answer(200, 'whole')]);
    expect(await answered({ url: 'http://h.test/' }, url)).toMatch(/^no answer: http:\/\/h\.test: /);
  });

  test('101 is a failure', async () => {
    const url = await breaking(() => [{ send: head(101, { Connection: 'Upgrade', Upgrade: 'x' }) }, 'hang']);
    const words = /^the server switches protocols \(HTTP 101\), .*: check the address/;
    expect(await answered({ url })).toMatch(words);
    expect(await answered({ url: 'http://h.test/' }, url)).toMatch(words);
  });
});

test.each(['101', '099'])('a bare %s of a proxy is a failure in words', async (status) => {
  const url = await breaking(() => [{ send: `HTTP/1.1 ${status} X\r\n\r\n` }, 'hang']);
  expect(await answered({ url: 'http://h.test/' }, url)).toMatch(
    /^(the answer has a status that is none|the server switches protocols|no answer): /,
  );
});

test('a proxy that has an address for a name is reached by TLS without a warning', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  const proxy = (await breaking(() => ['hang'])).replace('http:', 'https:');
  for (const url of ['http://h.test/', 'https://h.test/'])
    expect(await answered({ url }, proxy)).toMatch(/nothing within/);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

describe('where the status is enough, the body is what came of it', () => {
  const bodies: readonly [name: string, rest: Script][] = [
    ['breaks off', () => [{ send: 'part' }, 'reset']],
    ['ends too soon', () => [{ send: 'part' }, 'close']],
    ['does not come', () => [{ send: 'part' }, 'hang']],
    ['comes by drops', () => [{ send: 'part' }, { drip: ' '.repeat(900), every: 50 }]],
  ];
  const with_ = (status: number, rest: Script): Script => {
    return (count) => [{ send: head(status, { 'Content-Length': 1000 }) }, ...rest(count)];
  };

  test.each(bodies)('an error whose body %s', async (_, rest) => {
    expect(await answered({ url: await breaking(with_(403, rest)) })).toMatch(/^403 (part *)?$/);
  });

  test.each(bodies)('a success whose body %s', async (_, rest) => {
    const url = await breaking(with_(200, rest));
    expect(await answered({ url, isStatusEnough: true })).toMatch(/^200 (part *)?$/);
    expect(await answered({ url })).toMatch(/^no answer: /);
  });

  describe('that comes late', () => {
    const late: Script = () => [
      { send: head(403, { 'Content-Length': 5 }) },
      { drip: 'w', every: 400 },
      { send: 'hole' },
    ];
    const asked = async (request: Partial<HttpRequest>) => {
      const whole = { method: 'GET', headers: {}, url: await breaking(late), ...request } as const;
      const { body, isCutShort } = await exchange({ timeout: 10_000, ...whole }, undefined, async () => undefined, 100);
      return { body, isCutShort };
    };

    test('is read within the time of the request', async () => {
      expect(await asked({})).toEqual({ body: 'whole', isCutShort: false });
    });

    test('is cut short at the end of that', async () => {
      expect(await asked({ timeout: 200 })).toEqual({ body: expect.stringMatching(/^w?$/), isCutShort: true });
    });

    test('is not waited for where the caller has enough of the status', async () => {
      expect(await asked({ isStatusEnough: true })).toEqual({
        body: expect.stringMatching(/^w?$/),
        isCutShort: true,
      });
    });
  });

  test('an error that is too large', async () => {
    const url = await breaking(() => answer(500, 'x'.repeat(100)));
    expect(await answered({ url, mostBytes: 10 })).toMatch(/^500 /);
  });
});

test('a body without a length that is reset is no answer', async () => {
  const url = await breaking(() => [{ send: `${head(200)}half` }, { drip: '', every: 0 }, 'reset']);
  expect(await answered({ url, timeout: 5000 })).toMatch(/^no answer: .*the server closed the connection$/);
});

test.each([
  [407, /^407 $/],
  [503, /^no answer: https:\/\/h\.test: the proxy answered CONNECT with HTTP 503$/],
])('a proxy that opens no tunnel: HTTP %d', async (status, words) => {
  expect(await answered({ url: 'https://h.test/', timeout: 5000 }, await breaking(() => answer(status)))).toMatch(
    words,
  );
});

test('a bound that is set after the end keeps no timer', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const line = await Line.use(async (used) => used);
  const before = timers();
  line.bound(60_000);
  expect(timers()).toBe(before);
});
