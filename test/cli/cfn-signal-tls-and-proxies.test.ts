import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import type { TestServer } from '../support/http-server.ts';
import { HANDLE, useSignalRig, withoutRetries } from '../support/signal-rig.ts';
import { startSocksServer } from '../support/socks-server.ts';
import { isInstalled } from '../support/use-machine.ts';

const { serve, signal, directory } = useSignalRig();
const targets = (server: TestServer): string[] => server.requests.map(({ target }) => target);

describe('https', () => {
  let certificates: ReturnType<typeof makeCertificates>;
  beforeAll(() => {
    if (isInstalled('openssl')) certificates = makeCertificates(directory());
  });
  beforeEach((context) => {
    if (!isInstalled('openssl')) context.skip('needs openssl');
  });

  test('a self-signed certificate is refused, with a hint', async () => {
    const server = await serve({ status: 200 }, certificates.selfSigned);
    const { code, stderr } = await signal(['--timeout', '1', server.url + HANDLE]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^cfn-signal: [^\n]*self-signed[^\n]*-k[^\n]*\n$/);
    expect(server.requests).toEqual([]);
  });

  test.each([[['-k']], [['--insecure']], [['-vk']], [['--insec']]])('and accepted with %j', async (args) => {
    const server = await serve({ status: 200 }, certificates.selfSigned);
    expect((await signal([...args, server.url + HANDLE])).code).toBe(0);
    expect(targets(server)).toEqual([HANDLE]);
  });

  test('an unknown CA is refused; the one in SSL_CERT_FILE is trusted', async () => {
    const server = await serve({ status: 200 }, certificates.signed);
    const unknown = await signal(['--timeout', '1', server.url + HANDLE]);
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toMatch(/^cfn-signal: [^\n]*(unknown CA|certificate)[^\n]*\n$/);
    const trusted = await signal([server.url + HANDLE], { SSL_CERT_FILE: certificates.caFile });
    expect({ code: trusted.code, stderr: trusted.stderr, targets: targets(server) }).toEqual({
      code: 0,
      stderr: '',
      targets: [HANDLE],
    });
  });

  test.each(['/nowhere/typo.pem', '/etc/passwd', '/etc'])(
    'an SSL_CERT_FILE that names nothing is told of: %s',
    async (path) => {
      const server = await serve({ status: 200 }, certificates.signed);
      const env = { SSL_CERT_FILE: path };
      const refused = await signal(['--timeout', '10', server.url + HANDLE], env);
      expect({ code: refused.code, lines: refused.stderr.trimEnd().split('\n') }).toEqual({
        code: 1,
        lines: [
          expect.stringMatching(new RegExp(`^cfn-signal: (warning: )?SSL_CERT_FILE cannot be used: ${path}: .*`)),
          expect.stringMatching(
            new RegExp(`^cfn-signal: no answer: .*CA.*; SSL_CERT_FILE cannot be used: ${path}: .*`),
          ),
        ],
      });
      // No certificate is looked at, so none is looked for.
      expect(await signal(['-k', server.url + HANDLE], env)).toMatchObject({ code: 0, stderr: '' });
    },
  );

  test('SSL_CERT_DIR is trusted besides', async () => {
    const server = await serve({ status: 200 }, certificates.signed);
    const env = { SSL_CERT_DIR: dirname(certificates.caFile) };
    expect(await signal([server.url + HANDLE], env)).toMatchObject({ code: 0, stderr: '' });
  });

  test('a proxy whose certificate is for another host is said at once, without a warning of Node', async () => {
    const proxy = await serve({ status: 200 }, certificates.otherHost);
    const env = { SSL_CERT_FILE: certificates.caFile, http_proxy: proxy.url, https_proxy: proxy.url };
    for (const url of ['http://heat.example.test:8000', 'https://heat.example.test:8000']) {
      const { code, stderr, milliseconds } = await signal([url + HANDLE], env);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^cfn-signal: [^\n]*the proxy https:[^\n]*_proxy\): [^\n]*another host[^\n]*\n$/),
      });
      expect(milliseconds).toBeLessThan(10_000);
    }
  });

  test.each(['http', 'https'])('through SOCKS5 to %s', async (scheme) => {
    const server = await serve({ status: 200 }, scheme === 'http' ? undefined : certificates.signed);
    const proxy = await startSocksServer(server.port, 'me:s3cret');
    const env = { SSL_CERT_FILE: certificates.caFile, all_proxy: `socks5://me:s3cret@127.0.0.1:${proxy.port}` };
    const { code, stderr } = await signal([server.url + HANDLE], env);
    await proxy.close();
    expect({ code, stderr, asked: proxy.asked, seen: targets(server) }).toEqual({
      code: 0,
      stderr: '',
      asked: [`me:s3cret@ipv4 127.0.0.1:${server.port}`],
      seen: [HANDLE],
    });
  });

  test('an SSL_CERT_FILE that is a pipe is not waited for', async () => {
    const server = await serve({ status: 200 }, certificates.signed);
    const pipe = join(directory(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { code, milliseconds } = await signal(['-k', server.url + HANDLE], { SSL_CERT_FILE: pipe });
    expect(code).toBe(0);
    expect(milliseconds).toBeLessThan(10_000);
  });

  test('a proxy may itself be reached by TLS', async () => {
    const server = await serve({ status: 200 }, certificates.signed);
    const proxy = await serve({ status: 200 }, certificates.signed);
    const env = { SSL_CERT_FILE: certificates.caFile, https_proxy: proxy.url, http_proxy: proxy.url };
    const tunnelled = await signal(['--timeout', '10', server.url + HANDLE], env);
    const plain = await signal(['--timeout', '10', `http://heat.example.test:8000${HANDLE}`], env);
    expect({ codes: [tunnelled.code, plain.code], tunnels: proxy.tunnels, seen: targets(server) }).toEqual({
      codes: [0, 0],
      tunnels: [`127.0.0.1:${server.port}`],
      seen: [HANDLE],
    });
    expect(targets(proxy)).toEqual([`http://heat.example.test:8000${HANDLE}`]);
  });

  test.each(['option', 'environment'])('through a proxy by CONNECT: %s', async (way) => {
    const server = await serve({ status: 200 }, certificates.selfSigned);
    const proxy = await serve({ status: 500 });
    const { code, stderr } =
      way === 'option'
        ? await signal(['-k', '--https-proxy', proxy.url, server.url + HANDLE])
        : await signal(['-k', server.url + HANDLE], { https_proxy: proxy.url });
    expect({ code, stderr, tunnels: proxy.tunnels, proxy: targets(proxy), server: targets(server) }).toEqual({
      code: 0,
      stderr: '',
      tunnels: [`127.0.0.1:${server.port}`],
      proxy: [],
      server: [HANDLE],
    });
    expect(server.requests[0]?.headers['content-type'] ?? '').toBe('');
  });

  test('through a proxy the certificate still counts', async () => {
    const server = await serve({ status: 200 }, certificates.selfSigned);
    const proxy = await serve({ status: 500 });
    const { code } = await signal(['--timeout', '1', '--https-proxy', proxy.url, server.url + HANDLE]);
    expect(code).not.toBe(0);
    expect(server.requests).toEqual([]);
  });

  test('a trusted CA counts through a proxy too', async () => {
    const server = await serve({ status: 200 }, certificates.signed);
    const proxy = await serve({ status: 500 });
    const env = { SSL_CERT_FILE: certificates.caFile, HTTPS_PROXY: proxy.url };
    expect((await signal([server.url + HANDLE], env)).code).toBe(0);
    expect(targets(server)).toEqual([HANDLE]);
  });
});

describe('an http proxy', () => {
  const url = `http://heat.example.test:8000${HANDLE}`;

  test.each<[string, (proxy: string) => [string[], Record<string, string>?]]>([
    ['--http-proxy', (proxy) => [['--http-proxy', proxy]]],
    ['--http-proxy without a scheme', (proxy) => [['--http-proxy', proxy.replace('http://', '')]]],
    ['http_proxy', (proxy) => [[], { http_proxy: proxy }]],
    ['all_proxy', (proxy) => [[], { all_proxy: proxy }]],
    [
      'the option wins over the environment',
      (proxy) => [['--http-proxy', proxy], { http_proxy: 'http://127.0.0.1:9' }],
    ],
    ['the option wins over no_proxy', (proxy) => [['--http-proxy', proxy], { no_proxy: '*' }]],
  ])('sees the absolute form, byte for byte: %s', async (_, wanted) => {
    const proxy = await serve({ status: 200 });
    const [args, env] = wanted(proxy.url);
    const { code, stderr } = await signal([...args, url], env);
    expect({ code, stderr, targets: targets(proxy), tunnels: proxy.tunnels }).toEqual({
      code: 0,
      stderr: '',
      targets: [url],
      tunnels: [],
    });
    const [request] = proxy.requests;
    expect({
      method: request?.method,
      host: request?.headers.host,
      type: request?.headers['content-type'] ?? '',
    }).toEqual({
      method: 'PUT',
      host: 'heat.example.test:8000',
      type: '',
    });
    expect(Object.keys(JSON.parse(request?.body ?? '{}') as object).sort()).toEqual([
      'Data',
      'Reason',
      'Status',
      'UniqueId',
    ]);
  });

  test('its user and password go to it', async () => {
    const proxy = await serve({ status: 200 });
    await signal(['--http-proxy', proxy.url.replace('//', '//me:s3cret@'), url]);
    expect(proxy.requests[0]?.headers['proxy-authorization']).toBe(
      `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
    );
  });

  test('its refusal is a refusal', async () => {
    const proxy = await serve({ status: 403 });
    expect((await signal(['--http-proxy', proxy.url, url])).code).toBe(1);
    expect(proxy.requests).toHaveLength(1);
  });

  test('that is not there', async () => {
    const { code, stderr } = await signal(['--timeout', '1', '--http-proxy', 'http://127.0.0.1:9', url]);
    expect({ code, stderr: withoutRetries(stderr) }).toEqual({
      code: 75,
      stderr: expect.stringMatching(/^cfn-signal: [^\n]+\n$/),
    });
  });

  test.each(['http://:::', 'http://', '$PROXY', 'ftp://me:s3cret@h', 'socks4://h', 'http://h:99999', 'file:///x'])(
    'that cannot be one: %s',
    async (proxy) => {
      // Also one that is not used for this URL.
      for (const option of ['--http-proxy', '--https-proxy'])
        expect(await signal([option, proxy, url])).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(new RegExp(`^cfn-signal: [^\\n]*: ${option}: [^\\n]*socks5h://[^\\n]*\\n$`)),
        });
      const { code, stderr } = await signal([url], { all_proxy: proxy });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^cfn-signal: [^\n]*: all_proxy: [^\n]*socks5h:\/\/[^\n]*\n$/),
      });
      expect(stderr).not.toContain('s3cret');
    },
  );

  test('its page may be the proxy’s own: it is named', async () => {
    const proxy = await serve({ status: 403, headers: { 'Content-Type': 'text/html' }, body: '<html>no</html>' });
    const { code, stderr } = await signal([url], { http_proxy: proxy.url.replace('//', '//me:s3cret@') });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(
          `^cfn-signal: [^\\n]*HTTP 403: [^\\n]*or the proxy ${proxy.url} \\(http_proxy\\) answered[^\\n]*\\n$`,
        ),
      ),
    });
  });

  test.each(['127.0.0.1', '*', 'example.test, 127.0.0.1', '127.0.0.1:PORT', 'localhost 127.0.0.1'])(
    'is passed by for hosts of no_proxy: %s',
    async (list) => {
      const server = await serve({ status: 200 });
      const proxy = await serve({ status: 500 });
      for (const name of ['no_proxy', 'NO_PROXY']) {
        const env = { http_proxy: proxy.url, [name]: list.replace('PORT', String(server.port)) };
        expect((await signal([server.url + HANDLE], env)).code).toBe(0);
      }
      expect({ server: targets(server), proxy: targets(proxy) }).toEqual({ server: [HANDLE, HANDLE], proxy: [] });
    },
  );

  test('is not passed by for other hosts, nor for other ports', async () => {
    const proxy = await serve({ status: 200 });
    for (const no_proxy of ['ample.test', 'other.test', 'heat.example.test:9000', ''])
      expect((await signal([url], { http_proxy: proxy.url, no_proxy })).code).toBe(0);
    expect(proxy.requests).toHaveLength(4);
  });

  test('HTTP_PROXY in capitals is not read: a web server can be made to set it', async () => {
    const server = await serve({ status: 200 });
    const proxy = await serve({ status: 500 });
    expect((await signal([server.url + HANDLE], { HTTP_PROXY: proxy.url })).code).toBe(0);
    expect(proxy.requests).toEqual([]);
  });
});
