import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/redact.ts';

function redacted(text: string, ...secrets: string[]): string {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.addSecret(secret);
  return redactor.redact(text);
}

describe('what is recognised by its form', () => {
  it.each<[text: string, clean: string]>([
    [
      'PUT http://h:8000/v1/w/x?Timestamp=1&Signature=a%2Fb%3D&z=1 failed',
      'PUT http://h:8000/v1/w/x?[redacted] failed',
    ],
    ['https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=00ff', 'https://b.s3.amazonaws.com/k?[redacted]'],
    ['https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIA1&Expires=1', 'https://b.s3.amazonaws.com/k?[redacted]'],
    ['"https://h/t?temp_url_sig=1&token=abc", more', '"https://h/t?[redacted]", more'],
    ['<a href="http://h/?SIGNATURE=x">', '<a href="http://h/?[redacted]">'],
    ['two: http://a/?signature=1 http://b/?Signature=2', 'two: http://a/?[redacted] http://b/?[redacted]'],
    ['http://user:pass@h/x', 'http://[redacted]@h/x'],
    ['proxy https://tok3n@p:3128', 'proxy https://[redacted]@p:3128'],
    ['Authorization: AWS4-HMAC-SHA256 Credential=AK/1, Signature=00', 'Authorization: [redacted]'],
    ['proxy-authorization: Basic Zm9vOmJhcg==\nHost: h', 'proxy-authorization: [redacted]\nHost: h'],
    ['X-Auth-Token: gAAAAAB', 'X-Auth-Token: [redacted]'],
    ['secret_key = x', 'secret_key = [redacted]'],
    ['secret-key=abc', 'secret-key=[redacted]'],
    ['AWSSecretKey=abc/def+ghi', 'AWSSecretKey=[redacted]'],
    ['AWS_SECRET_ACCESS_KEY=abc', 'AWS_SECRET_ACCESS_KEY=[redacted]'],
    ['{"SecretAccessKey": "abc", "Region": "r"}', '{"SecretAccessKey": "[redacted]", "Region": "r"}'],
    ['db_password: letmein', 'db_password: [redacted]'],
    ['password = "a b, c" next', 'password = "[redacted]" next'],
    ['{"password":"a\\"b"}', '{"password":"[redacted]"}'],
  ])('%s', (text, clean) => {
    expect(redacted(text)).toBe(clean);
  });

  it.each([
    'http://h/x?a=1&b=2',
    'http://h:8000/v1/',
    'mail root@localhost',
    'the password is wrong',
    'no secret here',
    'commands  changed    01_install  (exit 0)',
    '',
  ])('leaves %j alone', (text) => {
    expect(redacted(text)).toBe(text);
  });
});

describe('known values', () => {
  it.each<[secrets: string[], text: string, clean: string]>([
    [['s3cret-value'], 'a s3cret-value b s3cret-value', 'a [redacted] b [redacted]'],
    [['s3cret'], 'as3cretb', 'a[redacted]b'],
    [['secret1', 'secret12345'], 'secret12345 secret1', '[redacted] [redacted]'],
    [['secret12345', 'secret1'], 'secret12345 secret1', '[redacted] [redacted]'],
    [['a.c*(d[e'], 'abc a.c*(d[e', 'abc [redacted]'],
    [['  padded-secret\n'], 'x padded-secret y', 'x [redacted] y'],
    [['first line\nsecond line'], 'first line\nsecond line!', '[redacted]!'],
    [['yes', 'on', ''], 'yes, it is on', 'yes, it is on'],
    [['pa$$word$&'], 'is pa$$word$& ok', 'is [redacted] ok'],
  ])('%j in %j', (secrets, text, clean) => {
    expect(redacted(text, ...secrets)).toBe(clean);
  });
});

describe('the content of a private file', () => {
  it.each<[content: string, text: string, clean: string]>([
    ['first line\nsecond line\n', 'tool says: second line', 'tool says: [redacted]'],
    ['first line\r\n  indented value\r\n', 'got indented value', 'got [redacted]'],
    ['-----BEGIN KEY-----\nMIIabcdefgh\n', 'MIIabcdefgh', '[redacted]'],
    ['db_password = s3cret!\n', 'denied for s3cret!', 'denied for [redacted]'],
    ['{"token": "abcdef", "x": 1}', 'bad abcdef', 'bad [redacted]'],
    ['#!/bin/sh\ndone\nfi\n', 'all done', 'all done'],
    ['', 'nothing', 'nothing'],
  ])('%j in %j', (content, text, clean) => {
    const redactor = new Redactor();
    redactor.addPrivateText(content);
    expect(redactor.redact(text)).toBe(clean);
  });
});
