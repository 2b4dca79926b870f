import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/errors.ts';
import { encodeUrl, isWebUrl, shownRedirect, splitUrl } from '../../src/url.ts';

const SIGNED =
  '/v1/waitcondition/arn%3Aopenstack%3Aheat%3A%3Aabc%3Astacks%2Fs%2F1%2Fresources%2Fw?Timestamp=2026-01-01T00%3A00%3A00Z&SignatureMethod=HmacSHA256&Signature=a%2Bb/c%3D+d';

describe('splitUrl', () => {
  it.each<[url: string, scheme: string, host: string, port: number, authority: string, target: string]>([
    [`http://heat:8000${SIGNED}`, 'http', 'heat', 8000, 'heat:8000', SIGNED],
    ['http://h', 'http', 'h', 80, 'h', '/'],
    ['https://h', 'https', 'h', 443, 'h', '/'],
    ['HTTPS://Heat.Example.ORG/X', 'https', 'heat.example.org', 443, 'Heat.Example.ORG', '/X'],
    ['http://h/a/../b//c/./%7e', 'http', 'h', 80, 'h', '/a/../b//c/./%7e'],
    ["http://h/?q='{}|^`\\", 'http', 'h', 80, 'h', "/?q='{}|^`\\"],
    ['http://h?x=1', 'http', 'h', 80, 'h', '/?x=1'],
    ['http://h/x?a=1?b=2&c=http://o/p', 'http', 'h', 80, 'h', '/x?a=1?b=2&c=http://o/p'],
    ['http://h:80/', 'http', 'h', 80, 'h:80', '/'],
    ['http://h/x#part', 'http', 'h', 80, 'h', '/x'],
    ['http://[fe80::1]:8000/x', 'http', '[fe80::1]', 8000, '[fe80::1]:8000', '/x'],
    ['https://[2001:DB8::1]/', 'https', '[2001:db8::1]', 443, '[2001:DB8::1]', '/'],
    ['http://192.0.2.1:65535/x@y', 'http', '192.0.2.1', 65535, '192.0.2.1:65535', '/x@y'],
  ])('takes %s apart', (url, scheme, host, port, authority, target) => {
    expect(splitUrl(url)).toEqual({ scheme, host, port, authority, target, userInfo: undefined });
  });

  it.each([
    ['http://user:pass@h:1/x', 'user:pass'],
    ['http://user@h:1/x', 'user'],
    ['http://u%40x:p%3Aw@h:1/x', 'u@x:p:w'],
    ['http://u@x:p@w@h:1/x', 'u@x:p@w'],
  ])('knows the user in %s', (url, userInfo) => {
    expect(splitUrl(url)).toMatchObject({ userInfo, host: 'h', port: 1, authority: 'h:1', target: '/x' });
  });

  it.each([
    '',
    'h/x',
    '/etc/passwd',
    'ftp://h/x',
    'file:///x',
    'http:/h',
    'http://',
    'http:///x',
    'http://:80/x',
    'http://h:port/',
    'http://h:99999/',
    'http://u%zz@h/',
    'http://h/a b',
    'http://h/a\nHost: x',
    'http://h/ä',
    'http://[::1/x',
    'http://::1/x',
    'http://h\\evil/x',
    ' http://h/',
  ])('refuses %j', (url) => {
    expect(() => splitUrl(url)).toThrow(Problem);
  });
});

describe('encodeUrl', () => {
  it.each([
    ['http://h/a b/c  d?e f#g h', 'http://h/a%20b/c%20%20d?e%20f#g%20h'],
    ['  https://h/x\n', 'https://h/x'],
    ['http://h/ä/日本 語?ü=€', 'http://h/%C3%A4/%E6%97%A5%E6%9C%AC%20%E8%AA%9E?%C3%BC=%E2%82%AC'],
    ['http://h/a\\b', 'http://h/a%5Cb'],
    ['HTTP://Bücher.example:8080/x', 'HTTP://xn--bcher-kva.example:8080/x'],
    ['http://me:pä ss@w@h/x', 'http://me:p%C3%A4%20ss@w@h/x'],
    ['http://h/\ud800', 'http://h/%EF%BF%BD'],
    [`http://heat:8000${SIGNED}`, `http://heat:8000${SIGNED}`],
    ["http://h/a//b/%7E/../x'y;z?sig=a%2Bb+c%3D&e=%3a~%zz", "http://h/a//b/%7E/../x'y;z?sig=a%2Bb+c%3D&e=%3a~%zz"],
    ['http://my host/x', 'http://my host/x'],
    ['file:///a b', 'file:///a b'],
    ['/a b', '/a b'],
    ['', ''],
  ])('%j', (text, url) => {
    expect(encodeUrl(text)).toBe(url);
  });
});

describe('isWebUrl', () => {
  it.each([
    [`https://heat:8000${SIGNED}`, true],
    ['HTTP://h', true],
    ['http://h/a b', false],
    ['http://h/\n', false],
    ['ftp://h/', false],
    ['aHR0cDovL2gv', false],
    ['', false],
  ])('%j: %s', (text, isOne) => {
    expect(isWebUrl(text)).toBe(isOne);
  });
});

it.each([
  ['/b?sig=s', 'https://h/b'],
  ['http://me:pw@o/x#y', 'http://o/x'],
  ['ftp://me:pw@o/x', 'ftp://o/x'],
  ['data:,a?b', 'data:,a'],
  ['http://', 'http://'],
  ['', 'https://h/a'],
  [`/${'x'.repeat(400)}`, `https://h/${'x'.repeat(290)}...`],
  ['gopher:\u001b[31m', 'gopher: [31m'],
])('a redirect to %j is shown as %s', (location, shown) => {
  expect(shownRedirect(location, 'https://h/a?sig=s')).toBe(shown);
});
