import type { LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { describeError, Problem } from '../../../../src/errors.ts';
import { exchange } from '../../../../src/system/http/exchange.ts';
import type { HttpRequest } from '../../../../src/system/http/http.ts';
import { Line } from '../../../../src/system/http/line.ts';
import { parseProxy } from '../../../../src/system/http/proxy.ts';
import { transferFor } from '../../../../src/system/http/way-through.ts';
import { answer, head, type Script, startFaultServer } from '../../../support/fault-server.ts';
import { startServer, unusedPort } from '../../../support/http-server.ts';
import { type SocksFault, type SocksServer, startSocksServer } from '../../../support/socks-server.ts';

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
    const { status, body } = await exchange(whole, parseProxy(proxy ?? '', 'http_proxy'), async () => ({}));
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
    expect(await answered({ url: await breaking(script) })).toMatch(/^no answer: .*timed out after 1 s$/);
  });

  test('a TLS handshake that never ends', async () => {
    const url = (await breaking(() => ['hang'])).replace('http:', 'https:');
    expect(await answered({ url })).toMatch(/^no answer: .*timed out after 1 s$/);
  });

  test.each<[name: string, script: Script, url: string]>([
    ['says nothing', () => ['hang'], 'http://h.test/'],
    ['says nothing to CONNECT', () => ['hang'], 'https://h.test/'],
    ['falls silent after CONNECT', () => [CONNECTED, 'hang'], 'https://h.test/'],
    ['answers CONNECT by drops', () => [drip(LONG_HEAD)], 'https://h.test/'],
  ])('a proxy that %s', async (_, script, url) => {
    expect(await answered({ url }, await breaking(script))).toMatch(
      /^no answer: https?:\/\/h\.test: timed out after 1 s, through the proxy http:\/\/127.* \(http_proxy\)$/,
    );
  });
});

test.each([0.5, 0, -1, Number.NaN])('a time of %d ms is over at once', async (timeout) => {
  expect(await answered({ url: await breaking(() => ['hang']), timeout })).toMatch(/timed out after/);
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
    expect(await answered({ url: 'http://h.test/' }, url)).toMatch(/^no answer: http:\/\/h\.test: .*\(http_proxy\)/);
  });

  test('101 is a failure', async () => {
    const url = await breaking(() => [{ send: head(101, { Connection: 'Upgrade', Upgrade: 'x' }) }, 'hang']);
    const words = /^the server switches protocols \(HTTP 101\), .*: .*check the address/;
    expect(await answered({ url })).toMatch(words);
    expect(await answered({ url: 'http://h.test/' }, url)).toMatch(words);
  });
});

test.each(['101', '099'])('a bare %s of a proxy is a failure in words', async (status) => {
  const url = await breaking(() => [{ send: `HTTP/1.1 ${status} X\r\n\r\n` }, 'hang']);
  expect(await answered({ url: 'http://h.test/' }, url)).toMatch(
    /^(the server switches protocols|no answer: http:\/\/h\.test: the proxy .* that is not HTTP)/,
  );
});

test('a proxy that has an address for a name is reached by TLS without a warning', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  const proxy = (await breaking(() => ['hang'])).replace('http:', 'https:');
  for (const url of ['http://h.test/', 'https://h.test/'])
    expect(await answered({ url }, proxy)).toMatch(/timed out after/);
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
      const { body, isCutShort } = await exchange({ timeout: 10_000, ...whole }, undefined, async () => ({}), 100);
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

describe('a proxy in trouble is named, and who named it', () => {
  const PROXY = 'the proxy http://PLACE \\(http_proxy\\)';
  const closed: Script = () => ['reset'];
  const garbage: Script = () => [{ send: 'SSH-2.0-OpenSSH_9.2\r\n' }, 'close'];
  const page = (status: number, headers: Readonly<Record<string, string>>): Script => {
    return () => answer(status, '<html>no</html>', { 'Content-Type': 'text/html', ...headers });
  };

  test.each<[name: string, url: string, script: Script, words: string]>([
    ['closes', 'http://h.test/', closed, `no answer: http://h.test: ${PROXY} closed the connection`],
    ['closes', 'https://h.test/', closed, `no answer: https://h.test: ${PROXY} closed the connection`],
    ['is none', 'http://h.test/', garbage, `no answer: http://h.test: ${PROXY} gave an answer that is not HTTP; .*`],
    ['is none', 'https://h.test/', garbage, `no answer: https://h.test: ${PROXY} gave an answer that is not HTTP; .*`],
    ['opens no tunnel', 'https://h.test/', page(403, {}), `${PROXY} refused to reach https://h.test with HTTP 403: .*`],
    [
      'wants a login',
      'https://h.test/',
      page(407, {}),
      `${PROXY} refused .* HTTP 407: it requires a user and a password.*`,
    ],
    [
      'wants a login',
      'http://h.test/',
      page(407, {}),
      `${PROXY} refused .* HTTP 407: it requires a user and a password.*`,
    ],
    [
      'fails',
      'https://h.test/',
      page(503, {}),
      `no answer: https://h.test: ${PROXY} answered with HTTP 503; see its log`,
    ],
    [
      'refuses',
      'http://h.test/',
      page(403, { 'X-Squid-Error': 'ERR_ACCESS_DENIED 0' }),
      `${PROXY} refused to reach http://h.test with HTTP 403: .*`,
    ],
    ['refuses', 'http://h.test/', page(403, { Server: 'tinyproxy/1.11.1' }), `${PROXY} refused .*`],
    [
      'does not know',
      'http://h.test/',
      page(401, { Server: 'tinyproxy/1.11.1' }),
      `${PROXY} refused .* HTTP 401: it requires.*`,
    ],
    ['refuses', 'http://h.test/', page(404, { Server: 'squid/5.7' }), `${PROXY} refused .* HTTP 404: .*`],
    [
      'fails',
      'http://h.test/',
      page(502, { 'Proxy-Status': 'p.test; error=dns_error' }),
      `no answer: http://h.test: ${PROXY} answered with HTTP 502; see its log`,
    ],
    // What may be the server's own.
    ['hands on', 'http://h.test/', page(403, { Via: '1.1 p', Server: 'nginx' }), '403 <html>no</html>'],
    ['hands on', 'http://h.test/', page(200, { Server: 'squid/5.7' }), '200 <html>no</html>'],
  ])('%s: %s', async (_, url, script, words) => {
    const proxy = await breaking(script);
    const wanted = new RegExp(`^${words.replace('PLACE', proxy.replace('http://', ''))}$`);
    expect(await answered({ url, timeout: 5000 }, proxy.replace('//', '//me:s3cret@'))).toMatch(wanted);
  });

  test('is not there', async () => {
    const port = await unusedPort();
    for (const url of ['http://h.test/', 'https://h.test/'])
      expect(await answered({ url, timeout: 5000 }, `127.0.0.1:${port}`)).toMatch(
        /^no answer: https?:\/\/h\.test: nothing listens at the proxy http:\/\/127\.0\.0\.1:\d+ \(http_proxy\); /,
      );
  });

  test('speaks no TLS', async () => {
    const server = await startServer({ status: 200 });
    servers.push(server);
    for (const url of ['http://h.test/', 'https://h.test/'])
      expect(await answered({ url, timeout: 5000 }, server.url.replace('http:', 'https:'))).toMatch(
        /^no answer: https?:\/\/h\.test: the proxy https:.* \(http_proxy\): it does not speak TLS; is its scheme http:\/\/\?$/,
      );
  });
});

describe('a SOCKS5 proxy', () => {
  const started = async (login?: string, fault?: SocksFault): Promise<SocksServer & { readonly to: number }> => {
    const server = await startServer({ status: 200, body: 'whole' });
    const proxy = await startSocksServer(server.port, login, fault);
    servers.push(server, proxy);
    return Object.assign(proxy, { to: server.port });
  };

  test.each<[scheme: string, host: string, asked: string]>([
    ['socks5h', 'h.test', 'name h.test'],
    ['socks', 'h.test', 'name h.test'],
    ['socks5', '192.0.2.7', 'ipv4 192.0.2.7'],
    ['socks5h', '192.0.2.7', 'ipv4 192.0.2.7'],
    ['socks5', 'localhost', 'ipv4 127.0.0.1'],
    ['socks5', '[2001:db8::1:0:2]', 'ipv6 20010db8000000000000000100000002'],
    ['socks5h', '[::1]', 'ipv6 00000000000000000000000000000001'],
  ])('%s:// reaches %s', async (scheme, host, asked) => {
    const proxy = await started();
    const url = `http://${host}:8000/`;
    expect(await answered({ url, timeout: 5000 }, `${scheme}://127.0.0.1:${proxy.port}`)).toBe('200 whole');
    expect(proxy.asked).toEqual([`${asked}:8000`]);
  });

  test('gets a login, whatever is in it', async () => {
    const proxy = await started('me:p@ss:w/rd');
    const request = { url: 'http://h.test/', timeout: 5000 };
    expect(await answered(request, `socks5h://me:p@ss:w%2Frd@127.0.0.1:${proxy.port}`)).toBe('200 whole');
    expect(proxy.asked).toEqual(['me:p@ss:w/rd@name h.test:80']);
  });

  test.each<[name: string, login: string | undefined, fault: SocksFault | undefined, words: RegExp]>([
    [
      'says nothing',
      undefined,
      'hang',
      /^no answer: http:\/\/h\.test: timed out after 1 s, through the proxy socks5h:/,
    ],
    ['closes', undefined, 'close', /^no answer: .* \(http_proxy\) closed the connection$/],
    ['closes late', undefined, 'close late', /^no answer: .* \(http_proxy\) closed the connection$/],
    ['is none', undefined, 'garbage', /^the proxy .* does not speak SOCKS version 5: /],
    ['wants another login', undefined, 'no method', /^the proxy .* requires a login: /],
    ['wants a login', 'other:s3cret', undefined, /^the proxy .* does not accept the login: /],
    ['does not allow it', undefined, 2, /^the proxy .* refused the connection to h\.test: its rules do not allow it$/],
    [
      'reaches nothing',
      undefined,
      5,
      /^no answer: .*\(http_proxy\) did not reach port 80 of h\.test: nothing listens there$/,
    ],
    ['says something new', undefined, 99, /^no answer: .* did not reach port 80 of h\.test: its reply is 99$/],
  ])('that %s', async (_, login, fault, words) => {
    const proxy = await started(login, fault);
    const timeout = fault === 'hang' ? 200 : 5000;
    const said = await answered({ url: 'http://h.test/', timeout }, `socks5h://me:word@127.0.0.1:${proxy.port}`);
    expect(said).toMatch(words);
    expect(said).not.toContain('word@');
  });

  test('that wants a login where there is none', async () => {
    const { port } = await started('me:word');
    expect(await answered({ url: 'http://h.test/', timeout: 5000 }, `socks5h://127.0.0.1:${port}`)).toMatch(
      /^the proxy socks5h:.* \(http_proxy\) requires a login: set a user and a password in its URL$/,
    );
  });

  test.each<[name: string, error: Error, words: RegExp]>([
    ['is not allowed', new Problem('a link-local address', { code: 'CFN_REDIRECT_LOCAL' }), /^a link-local address$/],
    ['fails', new Error('ENOTFOUND'), /^no answer: http:\/\/h\.test: the host name is unknown here; .*socks5h:\/\//],
  ])('with a lookup here that %s', async (_, error, words) => {
    const { port, asked } = await started();
    const transfer = await transferFor(parseProxy(`socks5://127.0.0.1:${port}`, 'http_proxy'));
    const lookup: LookupFunction = (_name, _options, callback) => callback(error, []);
    const outgoing = {
      method: 'GET',
      url: 'http://h.test/',
      headers: {},
      lookup,
      tls: async () => ({ rejectUnauthorized: true }),
    } as const;
    const receiver = { head: () => true, piece: () => true };
    const said = await Line.use((line) => transfer(outgoing, receiver, line)).catch(describeError);
    expect({ said, asked }).toEqual({ said: expect.stringMatching(words), asked: [] });
  });

  test('that is not there', async () => {
    const proxy = `socks5://127.0.0.1:${await unusedPort()}`;
    expect(await answered({ url: 'http://h.test/', timeout: 5000 }, proxy)).toMatch(
      /^no answer: http:\/\/h\.test: nothing listens at the proxy socks5:.* \(http_proxy\); /,
    );
  });
});

test('a bound that is set after the end keeps no timer', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const line = await Line.use(async (used) => used);
  const before = timers();
  line.bound(60_000);
  expect(timers()).toBe(before);
});
