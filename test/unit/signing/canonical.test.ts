import { expect, it } from 'vitest';
import { percentDecode, percentEncode } from '../../../src/percent-encoding.ts';
import {
  canonicalObjectPath,
  canonicalPath,
  canonicalQuery,
  type Parameter,
  parseQuery,
} from '../../../src/signing/canonical.ts';

it.each([
  ["AZaz09-._~ !'()*/+&=#%", 'AZaz09-._~%20%21%27%28%29%2A%2F%2B%26%3D%23%25'],
  ['ü€😀', '%C3%BC%E2%82%AC%F0%9F%98%80'],
  ['\ud800', '%EF%BF%BD'],
  ['', ''],
])('percentEncode(%j)', (text, encoded) => {
  expect(percentEncode(text)).toBe(encoded);
});

it('percentDecode leaves alone what is not encoded', () => {
  expect([percentDecode('a%20b'), percentDecode('100%'), percentDecode('a+b')]).toEqual(['a b', '100%', 'a+b']);
});

it.each<[parameters: Parameter[], query: string]>([
  [[], ''],
  [
    [
      ['b', '1'],
      ['a', '2'],
      ['B', '3'],
      ['a', '1'],
    ],
    'B=3&a=1&a=2&b=1',
  ],
  [
    [
      ['Param-3', ''],
      ['Param', 'x y'],
    ],
    'Param=x%20y&Param-3=',
  ],
])('canonicalQuery(%j)', (parameters, query) => {
  expect(canonicalQuery(parameters)).toBe(query);
});

it.each<[query: string, parameters: Parameter[]]>([
  ['', []],
  ['a', [['a', '']]],
  [
    'a=b=c&&%41=%26',
    [
      ['a', 'b=c'],
      ['A', '&'],
    ],
  ],
])('parseQuery(%j)', (query, parameters) => {
  expect(parseQuery(query)).toEqual(parameters);
});

it.each([
  ['/', '/'],
  ['', '/'],
  ['/v1/', '/v1/'],
  ['/v1', '/v1'],
  ['//a//b/./c/..', '/a/b/'],
  ['/..', '/'],
  ['/a%20b/', '/a%2520b/'],
])('canonicalPath(%j)', (path, canonical) => {
  expect(canonicalPath(path)).toBe(canonical);
});

it.each([
  ['/a//b/../c', '/a//b/../c'],
  ['/a%20b/ü+', '/a%20b/%C3%BC%2B'],
])('canonicalObjectPath(%j)', (path, canonical) => {
  expect(canonicalObjectPath(path)).toBe(canonical);
});
