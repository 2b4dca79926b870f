import { describe, expect, it } from 'vitest';
import { decodeSignalUrl, signalUrlFault } from '../../../src/heat/signal-url.ts';

describe('decodeSignalUrl', () => {
  const url = 'http://heat:8000/v1/waitcondition/arn%3Aopenstack%3A?Signature=a%2Bb%3D&x=~~~???';
  const base64 = Buffer.from(url).toString('base64');

  it.each<[operand: string, expected: string | undefined]>([
    [url, url],
    ['https://h/%3a%3A?q=/../', 'https://h/%3a%3A?q=/../'],
    [base64, url],
    [base64.replace(/=+$/, ''), url],
    [Buffer.from(url).toString('base64url'), url],
    [Buffer.from(`${url}\n`).toString('base64'), url],
    [`${base64.slice(0, 40)}\n${base64.slice(40)}\n`, url],
    [` ${url} `, url],
    [`${url}\r`, url],
    [`${url}\r\n`, url],
    [`\uFEFF${url}`, url],
    [`"${url}"`, url],
    [`'${url}'`, url],
    [`"${url}"\r\n`, url],
    [`\u201C${url}\u201D`, url],
    [`${url}"`, url],
    [`"${base64}"`, url],
    ["http://h/it's'", "http://h/it's'"],
    ['ref-WaitHandle', undefined],
    ['', undefined],
    [' ', undefined],
    ['/tmp/url', undefined],
    ['ftp://h/x', undefined],
    [Buffer.from('ftp://h/x').toString('base64'), undefined],
    ['http://h/x y', undefined],
    ['${WAIT_HANDLE}', undefined],
  ])('%s', (operand, expected) => {
    expect(decodeSignalUrl(operand)).toBe(expected);
  });
});

describe('signalUrlFault', () => {
  it.each<[operand: string, says: string]>([
    ['', 'it is empty'],
    ['\r\n', 'it is empty'],
    ['""', 'it is empty'],
    ['$WAIT_HANDLE', 'a variable that was not replaced'],
    ['{"Ref": "WaitHandle"}', 'JSON'],
    ['ftp://h/x', 'begins with ftp://'],
    ['http:/h/x', 'two slashes are missing'],
    ['http://h/x y', 'a blank in the middle'],
    ['http://h/x\r\ny', 'a line break in the middle'],
    ['http://h/x\u00A0y', 'a blank in the middle'],
    ['http://h/\u2026y', 'a character that no URL has, U+2026'],
    ['http://h/\u0007y', 'a character that no URL has, U+0007'],
    ['http:///x', 'no host'],
    ['heat:8000/v1/x', 'http:// or https:// is missing'],
    ['ref-WaitHandle', 'neither a URL nor the base64 of one'],
    ["curl -i -X PUT 'http://h/x'", 'a call of curl'],
    ['<http://h/x>', 'a bracket in front of it'],
    ['arn:aws:cloudformation:eu-west-1:1:stack/s/1', 'an ARN'],
    ['None', '"None"'],
  ])('%j: %s', (operand, says) => {
    expect(decodeSignalUrl(operand)).toBeUndefined();
    expect(signalUrlFault(operand)).toContain(says);
  });

  it('shows nothing of the URL', () => {
    expect(signalUrlFault('ftp://user:s3cret@h/x?Signature=s3cret')).not.toContain('s3cret');
  });
});
