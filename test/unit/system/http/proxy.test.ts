import { describe, expect, it } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { chooseProxy, type NamedProxy, parseProxy } from '../../../../src/system/http/proxy.ts';

const P = 'http://proxy:3128';
const S = 'http://secure:3129';

function shown(proxy: NamedProxy | undefined): string | undefined {
  if (proxy === undefined) return undefined;
  const { scheme, host, port, login } = proxy;
  return `${scheme}://${login === undefined ? '' : `${login.user}:${login.password}@`}${host}:${port}`;
}
const chosen = (...args: Parameters<typeof chooseProxy>): string | undefined => shown(chooseProxy(...args));

describe('the environment', () => {
  it.each<[url: string, environment: Record<string, string>, expected: string | undefined]>([
    ['http://h/', {}, undefined],
    ['http://h/', { http_proxy: P }, P],
    ['https://h/', { http_proxy: P }, undefined],
    ['https://h/', { https_proxy: S }, S],
    ['https://h/', { HTTPS_PROXY: S }, S],
    ['http://h/', { HTTP_PROXY: P }, undefined],
    ['http://h/', { https_proxy: S, http_proxy: P }, P],
    ['https://h/', { https_proxy: S, HTTPS_PROXY: P }, S],
    ['http://h/', { all_proxy: P }, P],
    ['https://h/', { ALL_PROXY: P }, P],
    ['http://h/', { http_proxy: '', all_proxy: '' }, undefined],
    ['http://h/', { http_proxy: 'proxy:3128' }, P],
    ['http://h/', { http_proxy: 'http://u:p@proxy:3128/' }, 'http://u:p@proxy:3128'],
    ['http://h/', { all_proxy: 'socks5://p' }, 'socks5://p:1080'],
    ['http://h/', { http_proxy: ' ', all_proxy: P }, P],
    ['http://h/', { http_proxy: 'ftp://p', no_proxy: 'h' }, undefined],
  ])('%s with %j: %s', (url, environment, expected) => {
    expect(chosen(url, {}, environment)).toBe(expected);
  });
});

describe('no_proxy', () => {
  it.each<[list: string, url: string, isDirect: boolean]>([
    ['', 'http://h/', false],
    ['h', 'http://h/', true],
    ['h', 'http://H:8000/', true],
    ['H', 'http://h/', true],
    ['h', 'http://hh/', false],
    ['h', 'http://x-h/', false],
    ['example.org', 'http://a.example.org/', true],
    ['example.org', 'http://example.org/', true],
    ['example.org', 'http://badexample.org/', false],
    ['example.org', 'http://example.org.evil/', false],
    ['.example.org', 'http://a.b.example.org/', true],
    ['.example.org', 'http://badexample.org/', false],
    ['*.example.org', 'http://a.example.org/', true],
    ['a, b ,c', 'http://b/', true],
    ['a b', 'http://b/', true],
    [',, a,', 'http://b/', false],
    ['*', 'http://any.thing/', true],
    ['h:8000', 'http://h:8000/', true],
    ['h:8000', 'http://h:9000/', false],
    ['h:80', 'http://h/', true],
    ['192.0.2.1', 'http://192.0.2.1:8000/', true],
    ['2.0.2.1', 'http://192.0.2.1/', false],
    ['::1', 'http://[::1]:8000/', true],
    ['[::1]', 'http://[::1]:8000/', true],
    ['fd00::1', 'http://[fd00::2]/', false],
    ['example.*', 'http://example.org/', false],
    // As curl 7.86 and later.
    ['example.org.', 'http://a.example.org/', true],
    ['.example.org.', 'http://a.example.org/', true],
    ['example.org', 'http://example.org./', true],
    ['.example.org', 'http://example.org/', true],
    ['h\th2', 'http://h2/', true],
    ['.', 'http://h/', false],
    ['x,192.168.0.0/16', 'http://192.168.7.8/', true],
    ['192.168.0.0/16', 'http://192.169.0.1/', false],
    ['192.168.0.0/16', 'http://192.168.0.1.example.org/', false],
    ['10.0.0.0/8 192.168.1.0/24', 'http://192.168.1.255/', true],
    ['192.168.1.7/24', 'http://192.168.1.9/', true],
    ['192.168.1.0/25', 'http://192.168.1.128/', false],
    ['192.0.2.1/32', 'http://192.0.2.1/', true],
    ['192.0.2.1/32', 'http://192.0.2.2/', false],
    ['192.0.2.0/33', 'http://192.0.2.0/', false],
    ['0.0.0.0/0', 'http://192.0.2.1/', false],
    ['192.0.2.1/0', 'http://192.0.2.1/', true],
    ['192.0.2.1/', 'http://192.0.2.1/', true],
    ['192.168', 'http://192.168.1.1/', false],
    ['127.0.0.0/8', 'http://127.1/', true],
    ['127.0.0.0/8', 'http://localhost/', false],
    ['0.2.1', 'http://192.0.2.1/', false],
    ['192.0.2.1:80', 'http://192.0.2.1/', true],
    ['192.0.2.1:81', 'http://192.0.2.1/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['fd00::/8', 'http://[fe12::1]/', false],
    ['2001:db8::/33', 'http://[2001:db8:8000::1]/', false],
    ['2001:db8::/33', 'http://[2001:db8:7fff::1]/', true],
    ['[2001:db8::]/32', 'http://[2001:db8::1]/', true],
    ['2001:DB8:0:0::1', 'http://[2001:db8::1]/', true],
    ['[::1]:80', 'http://[::1]/', true],
    ['[::1]:81', 'http://[::1]/', false],
    ['::/129', 'http://[::1]/', false],
    ['::ffff:0:0/96', 'http://192.0.2.1/', false],
    ['1.2.3/8', 'http://1.2.3.4/', false],
  ])('%j, %s: direct %s', (list, url, isDirect) => {
    expect(chosen(url, {}, { http_proxy: P, no_proxy: list })).toBe(isDirect ? undefined : P);
  });

  it('may be in capitals', () => {
    expect(chosen('http://h/', {}, { http_proxy: P, NO_PROXY: 'h' })).toBeUndefined();
    expect(chosen('http://h/', {}, { http_proxy: P, NO_PROXY: 'h', no_proxy: 'x' })).toBe(P);
    expect(chosen('http://h/', {}, { http_proxy: P, NO_PROXY: 'h', no_proxy: '' })).toBeUndefined();
  });
});

describe('the command line', () => {
  it.each<[url: string, choice: { http?: string; https?: string }, expected: string | undefined]>([
    ['http://h/', { http: 'http://flag:1' }, 'http://flag:1'],
    ['https://h/', { https: 'http://flag:1' }, 'http://flag:1'],
    ['https://h/', { http: 'http://flag:1' }, S],
    ['http://h/', { https: 'http://flag:1' }, P],
    ['http://h/', { http: 'flag:1' }, 'http://flag:1'],
    ['http://h/', { http: '' }, undefined],
  ])('%s with %j: %s', (url, choice, expected) => {
    expect(chosen(url, choice, { http_proxy: P, https_proxy: S })).toBe(expected);
  });

  it('is refused when it names no proxy', () => {
    expect(() => chooseProxy('http://h/', { http: 'http://' }, {})).toThrow(Problem);
  });
});

it.each([
  'http://169.254.169.254/latest/meta-data/',
  'http://169.254.169.254:80/',
  'http://[fe80::a9fe:a9fe]/',
  'http://[fd00:ec2::254]/',
  'http://[fd00:ec2:0::0254]/',
])('the metadata service is never asked through a proxy: %s', (url) => {
  expect(chosen(url, { http: P, https: P }, { http_proxy: P, all_proxy: P })).toBeUndefined();
});

describe('what can name a proxy', () => {
  it.each<[text: string, expected: string | undefined]>([
    ['', undefined],
    [' ', undefined],
    ['proxy', 'http://proxy:80'],
    [' proxy:3128\n', P],
    ['HTTP://PROXY:3128', P],
    ['http://proxy:3128/path?q#f', P],
    ['https://proxy', 'https://proxy:443'],
    ['https://proxy:3128', 'https://proxy:3128'],
    ['socks5://proxy', 'socks5://proxy:1080'],
    ['socks5h://proxy:1', 'socks5h://proxy:1'],
    ['socks://proxy', 'socks5h://proxy:1080'],
    ['[::1]:3128', 'http://[::1]:3128'],
    ['http://[2001:DB8:0::1]', 'http://[2001:db8::1]:80'],
    ['u:p@proxy:3128', 'http://u:p@proxy:3128'],
    ['http://u@proxy', 'http://u:@proxy:80'],
    ['http://u:p%40%3A@proxy', 'http://u:p@:@proxy:80'],
    ['http://u:p@ss/w#r?d:%zz@proxy', 'http://u:p@ss/w#r?d:%zz@proxy:80'],
    ['http://u%zz:p@proxy', 'http://u%zz:p@proxy:80'],
    ['socks5://dom\\u:p@proxy', 'socks5://dom\\u:p@proxy:1080'],
  ])('%j: %s', (text, expected) => {
    expect(shown(parseProxy(text, 'http_proxy'))).toBe(expected);
  });

  it.each([
    'http://',
    'socks5://',
    'socks4://h',
    'socks4a://h:1',
    'ftp://h',
    'file:///x',
    'unix:///run/x',
    'http://h:99999',
    'http://h:0',
    'http://h:x',
    'http://:3128',
    'http://u:p@',
    'http:/h',
    'http:h:3128',
    'mailto:x',
    '://h',
    ':',
    '::1',
    '[::1',
    '[fe80::1%eth0]:1',
    'a b',
    'http://a b',
    'http://a\nb',
    'http://h\\x',
    '/etc/x',
    '?',
  ])('%j is none: exit 2 for an option, 1 for a variable, and no value', (text) => {
    for (const [from, exitCode] of [
      ['--http-proxy', 2],
      ['all_proxy', 1],
    ] as const) {
      const error = caught(() => parseProxy(text, from));
      expect(error).toMatchObject({ exitCode });
      expect(error?.line).toMatch(
        new RegExp(
          `^(not the URL of a proxy|unsupported proxy scheme [a-z0-9]+://): ${from}: .*http://HOST:PORT.*socks5h://`,
        ),
      );
    }
  });

  it('has a title without its login', () => {
    expect(parseProxy('socks5://me:s3cret@Proxy', 'all_proxy')?.title).toBe(
      'the proxy socks5://proxy:1080 (all_proxy)',
    );
  });
});

function caught(work: () => unknown): Problem | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  return undefined;
}
