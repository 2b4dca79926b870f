import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeError } from '../../../../src/errors.ts';
import { type DownloadBounds, download, keepsCredentials } from '../../../../src/system/http/download.ts';
import { parseProxy } from '../../../../src/system/http/proxy.ts';
import { type Certificates, makeCertificates } from '../../../support/certificates.ts';
import { answer, head, type Script, startFaultServer } from '../../../support/fault-server.ts';
import { type Answers, type Certificate, startServer } from '../../../support/http-server.ts';
import { isInstalled } from '../../../support/use-machine.ts';

/** As in real life, by the hundred: nobody has to wait for a minute, and a busy machine still sends its request in time. */
const BOUNDS: DownloadBounds = {
  connection: 500,
  head: 500,
  silence: 500,
  window: 150,
  leastBytes: 25,
  firstPause: 1,
};

const servers: { close(): Promise<void> }[] = [];
// Not after each test: some run at the same time.
afterAll(async () => {
  for (const server of servers.splice(0)) await server.close();
});
const breaking = async (script: Script) => {
  const server = await startFaultServer(script);
  servers.push(server);
  return server;
};
const serve = async (answers: Answers, tls?: Certificate) => {
  const server = await startServer(answers, tls);
  servers.push(server);
  return server;
};

interface Wanted {
  readonly bounds?: Partial<DownloadBounds>;
  readonly proxy?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly allowHttpRedirects?: boolean;
  readonly ca?: string;
  readonly note?: (text: string) => void;
}

/** What a download comes to: the file, or what is said of the failure. */
async function fetched(url: string, wanted: Wanted = {}): Promise<string> {
  const { bounds, proxy, headers = {}, allowHttpRedirects = false, ca, note = () => undefined } = wanted;
  let pieces: Buffer[] = [];
  try {
    await download(
      {
        url,
        headers: () => headers,
        write: (piece) => pieces.push(piece),
        restart: () => {
          pieces = [];
        },
        note,
        allowHttpRedirects: async () => allowHttpRedirects,
      },
      () => parseProxy(proxy ?? '', 'http_proxy'),
      async () => (ca === undefined ? {} : { ca: [ca] }),
      { ...BOUNDS, ...bounds },
    );
  } catch (error) {
    return `failed: ${describeError(error)}`;
  }
  return Buffer.concat(pieces).toString('utf8');
}

const WHOLE = answer(200, 'whole');
const CONNECTED = { send: 'HTTP/1.1 200 Connection established\r\n\r\n' };
const milliseconds = async (work: Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await work;
  return performance.now() - begin;
};

describe.concurrent('each phase has a bound', () => {
  test.each<[name: string, script: Script, words: RegExp]>([
    ['a server that says nothing', () => ['hang'], /no answer: .*timed out after 1 s/],
    ['a head by drops', () => [{ drip: head(200, { X: 'x'.repeat(9000) }), every: 20 }], /timed out after 1 s/],
    ['interim answers without end', () => [{ drip: head(102).repeat(400), every: 1 }], /timed out after 1 s/],
    ['silence in the body', () => [{ send: `${head(200)}half` }, 'hang'], /was interrupted: .*timed out after 1 s/],
    [
      'a body by drops',
      () => [{ send: head(200) }, { drip: 'x'.repeat(5000), every: 20 }],
      /was interrupted: .*fewer than 25 bytes/,
    ],
  ])('%s', async (_, script, words) => {
    const server = await breaking(script);
    expect(await fetched(server.url)).toMatch(words);
    expect(server.requests.length).toBe(5);
  });

  test('a TLS handshake that never ends', async () => {
    const { url } = await breaking(() => ['hang']);
    expect(await fetched(url.replace('http:', 'https:'))).toMatch(/no answer: .*timed out after 1 s/);
  });

  test.each<[name: string, script: Script, target: string]>([
    ['says nothing', () => ['hang'], 'http://h.test/'],
    ['says nothing to CONNECT', () => ['hang'], 'https://h.test/'],
    ['falls silent after CONNECT', () => [CONNECTED, 'hang'], 'https://h.test/'],
    ['answers CONNECT by drops', () => [{ drip: head(200, { X: 'x'.repeat(9000) }), every: 20 }], 'https://h.test/'],
  ])('a proxy that %s', async (_, script, target) => {
    const proxy = await breaking(script);
    expect(await fetched(target, { proxy: proxy.url })).toMatch(
      /no answer: .*h\.test: timed out after 1 s, through the proxy http:[^ ]+ \(http_proxy\)$/,
    );
    expect(proxy.requests.length).toBe(5);
  });

  test('a server that is reached may think longer than a connection may take', async () => {
    const server = await breaking(() => [{ drip: head(200, { 'Content-Length': 5 }), every: 20 }, ...WHOLE]);
    const spent = fetched(server.url, { bounds: { connection: 500, head: 20_000 } });
    expect(await milliseconds(spent)).toBeGreaterThan(600);
    expect({ file: await spent, asked: server.requests.length }).toEqual({ file: 'HTTP/', asked: 1 });
  });

  test('a slow line may take its time', async () => {
    const server = await breaking(() => [{ send: head(200) }, { drip: 'x'.repeat(60), every: 10 }, 'close']);
    expect(await fetched(server.url, { bounds: { window: 200, leastBytes: 3, silence: 5000 } })).toBe('x'.repeat(60));
  });
});

describe('the status decides', () => {
  test.each<[name: string, script: Script]>([
    ['by drops', () => [{ send: head(404) }, { drip: 'x'.repeat(5000), every: 50 }]],
    ['that never comes', () => [{ send: head(404, { 'Content-Length': 9 }) }, 'hang']],
    ['that breaks off', () => [{ send: head(404, { 'Content-Length': 9 }) }, 'reset']],
  ])('an error with a page %s is that error, at once', async (_, script) => {
    const server = await breaking(script);
    const spent = milliseconds(fetched(server.url, { bounds: { silence: 60_000, window: 60_000 } }));
    expect(await fetched(server.url)).toMatch(/HTTP 404/);
    expect(await spent).toBeLessThan(5000);
  });

  test('a redirect with a page that never comes is followed', async () => {
    const server = await breaking((count) =>
      count > 1 ? WHOLE : [{ send: head(302, { Location: '/other', 'Content-Length': 9 }) }, 'hang'],
    );
    expect(await fetched(server.url)).toBe('whole');
  });
});

test('a part that nobody asked for is not the file', async () => {
  const server = await breaking(() => answer(206, 'part', { 'Content-Range': 'bytes 0-3/100' }));
  expect(await fetched(server.url)).toMatch(/only a part of the file \(HTTP 206\)/);
});

test('each attempt that is followed by another is told, with its reason and the pause', async () => {
  const server = await breaking((count) =>
    count === 1 ? ['reset'] : count === 2 ? answer(503, 'busy', { 'Retry-After': '0' }) : WHOLE,
  );
  const notes: string[] = [];
  expect(await fetched(`${server.url}/x?sig=s3cret`, { note: (text) => notes.push(text) })).toBe('whole');
  expect(notes.map((note) => note.replaceAll(server.url, 'http://h'))).toEqual([
    'no answer: http://h: the server closed the connection: attempt 2 of 5 in 0.1 s',
    'the download failed with HTTP 503 (busy): http://h/x: the server did not send the file: attempt 3 of 5 in 0.1 s',
  ]);
});

test.each([
  ['me', 'me:'],
  ['me:', 'me:'],
  ['me:p%40s%3As', 'me:p@s:s'],
  ['me:p@ss', 'me:p@ss'],
  [':token', ':token'],
])('%s before the host is sent as basic authorization, unless other credentials are given', async (login, sent) => {
  const server = await serve(() => ({ status: 401, body: '' }));
  const url = server.url.replace('//', `//${login}@`);
  expect(await fetched(url)).toMatch(
    /: http:\/\/127[^@]*: the server does not accept the user and the password in the URL$/,
  );
  expect(await fetched(url, { headers: { Authorization: 'Basic x' } })).toMatch(/see "authentication" of the file$/);
  const seen = server.requests.map(({ headers }) => headers.authorization);
  expect(seen).toEqual([`Basic ${Buffer.from(sent).toString('base64')}`, 'Basic x']);
});

test.each([undefined, 'proxy'])('a header that cannot be sent is an error at once, by %s', async (way) => {
  const server = await serve(() => ({ status: 200, body: '' }));
  const proxy = way === undefined ? {} : { proxy: server.url };
  expect(await fetched(server.url, { ...proxy, headers: { Authorization: 'AWS a\nb' } })).toMatch(
    /^failed: the request cannot be sent: http:.*: [^\n]*authorization/i,
  );
  expect(server.requests).toEqual([]);
});

test('an error that is packed is understood', async () => {
  const body = gzipSync('{"message":"no such file"}');
  const server = await serve(() => ({ status: 404, body, headers: { 'Content-Encoding': 'gzip' } }));
  expect(await fetched(server.url)).toMatch(/HTTP 404 \(no such file\)/);
});

describe('interim answers', () => {
  test.each([100, 102, 103])('%d before the answer', async (status) => {
    const server = await breaking(() => [{ send: head(status).repeat(2) }, ...WHOLE]);
    expect(await fetched(server.url)).toBe('whole');
  });

  test('101 is a failure, at once', async () => {
    const server = await breaking(() => [{ send: head(101, { Connection: 'Upgrade', Upgrade: 'websocket' }) }, 'hang']);
    expect(await fetched(server.url)).toMatch(/switches protocols \(HTTP 101\)/);
    expect(server.requests.length).toBe(1);
  });
});

describe('a body that is cut short', () => {
  const chunked = (text: string): string => `${head(200, { 'Transfer-Encoding': 'chunked' })}${text}`;
  const cuts: readonly [name: string, sent: string, act: 'reset' | 'close'][] = [
    ['without a length, reset', `${head(200)}half`, 'reset'],
    ['of HTTP/1.0, reset', `${head(200).replace('1.1', '1.0')}half`, 'reset'],
    ['with a length, reset', `${head(200, { 'Content-Length': 9 })}half`, 'reset'],
    ['with a length, closed', `${head(200, { 'Content-Length': 9 })}half`, 'close'],
    ['in a chunk, closed', chunked('9\r\nhalf'), 'close'],
    ['between chunks, closed', chunked('4\r\nhalf\r\n'), 'close'],
    ['before the end of the last chunk, closed', chunked('4\r\nhalf\r\n0\r\n'), 'close'],
    [
      'that is compressed, with a length, closed',
      `${head(200, { 'Content-Encoding': 'gzip', 'Content-Length': 9 })}half`,
      'close',
    ],
  ];
  test.each(cuts)('%s: is asked for again', async (_, sent, act) => {
    const server = await breaking((count) => (count === 1 ? [{ send: sent }, { drip: '', every: 0 }, act] : WHOLE));
    expect(await fetched(server.url)).toBe('whole');
    expect(server.requests.length).toBe(2);
  });

  test.each([
    ['HTTP/1.1', head(200)],
    ['HTTP/1.0', head(200).replace('1.1', '1.0')],
  ])('without a length is whole when the connection is closed in good order: %s', async (_, sent) => {
    const server = await breaking(() => [{ send: `${sent}whole` }, 'close']);
    expect(await fetched(server.url)).toBe('whole');
  });
});

test.each([
  ...['-5', '1e9', 'NaN', '1.5', '', 'soon', '1, 2', '0', '99999999999999999999x', 'Infinity'],
  ...['Thu, 01 Jan 1970 00:00:00 GMT', 'Thu, 99 Foo 1970 00:00:00 GMT'],
])('Retry-After %j is no reason to wait, nor to warn', async (retryAfter) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  const server = await breaking((count) => (count === 1 ? answer(503, '', { 'Retry-After': retryAfter }) : WHOLE));
  expect(await fetched(server.url)).toBe('whole');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

describe('redirects', () => {
  let directory = '';
  let certificates: Certificates | undefined;
  beforeAll(() => {
    if (!isInstalled('openssl')) return;
    directory = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
    certificates = makeCertificates(directory);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const secured = (skip: (why: string) => void): { certificate: Certificate; ca: string } => {
    if (certificates === undefined) skip('needs openssl');
    // A certificate that is signed by itself is its own CA.
    const certificate = certificates?.selfSigned ?? { key: '', cert: '' };
    return { certificate, ca: certificate.cert };
  };

  const SECRETS = { Authorization: 'Basic c2VjcmV0', Cookie: 'a=b', 'X-Amz-Security-Token': 't', Accept: '*/*' };
  const sentTo = (server: { requests: readonly { headers: object }[] }): string[] =>
    Object.keys(server.requests.at(-1)?.headers ?? {});

  test('from https to http are refused, and the file is not asked for', async ({ skip }) => {
    const { certificate, ca } = secured(skip);
    const plain = await serve(() => ({ status: 200, body: 'plain' }));
    const server = await serve(
      () => ({ status: 302, headers: { Location: `${plain.url}/x?sig=s3cret` } }),
      certificate,
    );
    expect(await fetched(server.url, { ca })).toBe(
      `failed: redirected from https to http: ${server.url} -> ${plain.url}/x: such a redirect is followed only with allow-http-redirects = true in /etc/cfn/cfntools.conf`,
    );
    expect({ there: server.requests.length, here: plain.requests.length }).toEqual({ there: 1, here: 0 });
  });

  test('from https to http are followed where the operator allows it, without credentials', async ({ skip }) => {
    const { certificate, ca } = secured(skip);
    const plain = await serve(() => ({ status: 200, body: 'plain' }));
    const server = await serve(() => ({ status: 302, headers: { Location: `${plain.url}/x` } }), certificate);
    expect(await fetched(server.url, { ca, headers: SECRETS, allowHttpRedirects: true })).toBe('plain');
    expect(sentTo(server)).toEqual(expect.arrayContaining(['authorization', 'cookie', 'x-amz-security-token']));
    expect(sentTo(plain).sort()).toEqual(['accept', 'connection', 'host']);
  });

  test('from http to https and on to https are followed', async ({ skip }) => {
    const { certificate, ca } = secured(skip);
    const last = await serve(() => ({ status: 200, body: 'whole' }), certificate);
    const middle = await serve(() => ({ status: 301, headers: { Location: last.url } }), certificate);
    const first = await serve(() => ({ status: 307, headers: { Location: middle.url } }));
    expect(await fetched(first.url, { ca })).toBe('whole');
  });

  test('to another host take no credentials along, to the same one they do', async () => {
    const other = await serve(() => ({ status: 200, body: 'other' }));
    const server = await serve(({ target }) =>
      target === '/a' ? { status: 200, body: 'same' } : { status: 302, headers: { Location: target.slice(2) } },
    );
    expect(await fetched(`${server.url}/?/a`, { headers: SECRETS })).toBe('same');
    expect(sentTo(server)).toContain('authorization');
    expect(await fetched(`${server.url}/?${other.url}/`, { headers: SECRETS })).toBe('other');
    expect(sentTo(other).sort()).toEqual(['accept', 'connection', 'host']);
    expect(await fetched(`${server.url.replace('//', '//me:s3cret@')}/?${other.url}/`)).toBe('other');
    expect(sentTo(server)).toContain('authorization');
    expect(sentTo(other)).not.toContain('authorization');
  });

  test.each([
    ['http://h/a', 'http://h/b', true],
    ['http://h/a', 'http://H:80/b', true],
    ['http://h/a', 'https://h/a', true],
    ['https://h/a', 'http://h/a', false],
    ['http://h:8080/a', 'https://h/a', false],
    ['http://h/a', 'https://h:8443/a', false],
    ['https://h/a', 'https://h.evil/a', false],
    ['https://h/a', 'https://h:444/a', false],
  ])('from %s to %s keep credentials: %s', (from, to, keeps) => {
    expect(keepsCredentials(from, to)).toBe(keeps);
  });

  test.each([
    ['file:///etc/passwd', /not an http or https URL/],
    ['ftp://me:s3cret@127.0.0.1/x?sig=s3cret', /not an http or https URL: http:[^ ]* -> ftp:\/\/127.0.0.1\/x$/],
    ['data:,x', /not an http or https URL/],
    [
      'http://169.254.169.254/latest/?sig=s3cret',
      /link-local address: http:[^ ]* -> http:\/\/169.254.169.254\/latest\/: /,
    ],
    ['//169.254.169.254/latest/', /link-local/],
    ['http://me@169.254.169.254/', /link-local/],
    ['http://2852039166/', /link-local/],
    ['http://0xa9.0xfe.0xa9.0xfe/', /link-local/],
    ['http://[::ffff:169.254.169.254]/', /link-local/],
    ['http://[fe80::a9fe:a9fe]/', /link-local/],
    ['http://[fd00:ec2::254]/', /link-local/],
  ])('to %s are refused', async (location, words) => {
    const server = await serve(() => ({ status: 302, headers: { Location: location } }));
    expect(await fetched(server.url)).toMatch(words);
    expect(server.requests.length).toBe(1);
  });

  test.each(['/a b', 'http://HERE/a b', 'http://HERE/ü'])('to %s are followed, encoded', async (location) => {
    const server = await serve(({ target, headers }) =>
      target === '/'
        ? {
            status: 302,
            headers: { Location: Buffer.from(location.replace('HERE', String(headers['host']))).toString('latin1') },
          }
        : { status: 200, body: target },
    );
    expect(await fetched(`${server.url}/`)).toMatch(/^\/(a%20b|%C3%BC|%C3%83%C2%BC)$/);
  });

  test('without end are bounded', async () => {
    const server = await serve(() => ({ status: 302, headers: { Location: '/again' } }));
    expect(await fetched(server.url)).toMatch(/redirected too often: .*: the last redirect leads to http:.*\/again$/);
    expect(server.requests.length).toBe(11);
  });

  test('a body without a length over TLS, reset: is asked for again', async ({ skip }) => {
    const { certificate, ca } = secured(skip);
    let asked = 0;
    const server = createServer((raw: Socket) => {
      const secure = new TLSSocket(raw, { isServer: true, ...certificate });
      secure.on('error', () => undefined);
      secure.once('data', () => {
        asked += 1;
        if (asked === 1) secure.write(`${head(200)}half`, () => setTimeout(() => raw.resetAndDestroy(), 20));
        else secure.end(`${head(200)}whole`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
    const { port } = server.address() as { port: number };
    expect(await fetched(`https://127.0.0.1:${port}/`, { ca })).toBe('whole');
    expect(asked).toBe(2);
  });
});
