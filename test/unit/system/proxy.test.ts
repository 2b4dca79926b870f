import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { chooseProxy } from '../../../src/system/proxy.ts';

const P = 'http://proxy:3128';
const S = 'http://secure:3129';

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
    ['http://h/', { http_proxy: 'http://u:p@proxy:3128/' }, 'http://u:p@proxy:3128/'],
  ])('%s with %j: %s', (url, environment, expected) => {
    expect(chooseProxy(url, {}, environment)).toBe(expected);
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
    ['fe80::1', 'http://[fe80::2]/', false],
    ['example.*', 'http://example.org/', false],
  ])('%j, %s: direct %s', (list, url, isDirect) => {
    expect(chooseProxy(url, {}, { http_proxy: P, no_proxy: list })).toBe(isDirect ? undefined : P);
  });

  it('may be in capitals', () => {
    expect(chooseProxy('http://h/', {}, { http_proxy: P, NO_PROXY: 'h' })).toBeUndefined();
    expect(chooseProxy('http://h/', {}, { http_proxy: P, NO_PROXY: 'h', no_proxy: 'x' })).toBe(P);
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
    expect(chooseProxy(url, choice, { http_proxy: P, https_proxy: S })).toBe(expected);
  });

  it('is refused when it names no proxy', () => {
    expect(() => chooseProxy('http://h/', { http: 'http://' }, {})).toThrow(Problem);
  });
});

it.each(['http://169.254.169.254/latest/meta-data/', 'http://169.254.169.254:80/', 'http://[fe80::a9fe:a9fe]/'])(
  'the metadata service is never asked through a proxy: %s',
  (url) => {
    expect(chooseProxy(url, { http: P, https: P }, { http_proxy: P, all_proxy: P })).toBeUndefined();
  },
);
