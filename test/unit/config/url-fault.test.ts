import { expect, test } from 'vitest';
import { urlFault } from '../../../src/config/values.ts';

test.each([
  'http://h',
  'HTTPS://h:8443/a b?c d',
  'http://bücher.example/ä',
  'http://me:p@ss@h/x',
  'http://h/a\\b',
  'file:///a b',
  'FILE:///a%20b',
  'file://localhost/a',
])('%j is fine', (url) => {
  expect(urlFault(url)).toBeUndefined();
});

test.each([
  ['s3://bucket/key', /^not a URL: write it as https:\/\/BUCKET\.s3\.REGION/],
  ['http:/h/x', /write it as https:\/\/HOST\/PATH/],
  ['http:///x', /HOST/],
  ['http:\\\\h\\x', /HOST/],
  ['http://my host/x', /HOST/],
  ['http://', /HOST/],
  ['/etc/motd', /file:\/\/\/PATH/],
  ['file:x', /file:\/\/\/PATH/],
  ['file://server/share', /file:\/\/\/PATH/],
  ['ftp://h/x', /only http/],
  ['git+https://h/x', /only http/],
  ['example.com/a b', /begin it with https:\/\/ or http:/],
  ['files.example.com:8080/x', /begin it/],
  ['localhost/x', /begin it/],
  ['motd', /^not a URL: http:/],
  ['', /^not a URL: http:/],
  ['http://h/a\nb', /line break.*one line/],
  ['http://h/a\tb', /control character/],
])('%j is not', (url, words) => {
  const { what, hint } = urlFault(url) ?? { what: '', hint: '' };
  expect(`${what}: ${hint}`).toMatch(words);
});
