import { describe, expect, it } from 'vitest';
import { type SignalOptions, signalOf, signedHandle, statusOf } from '../../../src/heat/wait-condition.ts';
import { serverOf } from '../../../src/url.ts';

const nothing: SignalOptions = { success: undefined, exitCode: undefined, reason: undefined, data: undefined };

describe('statusOf', () => {
  it.each<[wanted: Partial<SignalOptions>, status: string, warns: boolean]>([
    [{}, 'SUCCESS', false],
    [{ success: 'true' }, 'SUCCESS', false],
    [{ success: 'TRUE' }, 'SUCCESS', false],
    [{ success: 'True' }, 'SUCCESS', false],
    [{ success: 'false' }, 'FAILURE', false],
    [{ success: 'yes' }, 'FAILURE', false],
    [{ success: '1' }, 'FAILURE', false],
    [{ success: '' }, 'FAILURE', false],
    [{ success: 'Broker 1 setup complete' }, 'FAILURE', false],
    [{ exitCode: '0' }, 'SUCCESS', false],
    [{ exitCode: '00' }, 'SUCCESS', false],
    [{ exitCode: '1' }, 'FAILURE', false],
    [{ exitCode: '-1' }, 'FAILURE', false],
    [{ exitCode: '255' }, 'FAILURE', false],
    [{ exitCode: '10' }, 'FAILURE', false],
    [{ exitCode: '' }, 'FAILURE', true],
    [{ exitCode: 'abc' }, 'FAILURE', true],
    [{ exitCode: '0.0' }, 'FAILURE', true],
    [{ exitCode: '0x0' }, 'FAILURE', true],
    [{ exitCode: '$?' }, 'FAILURE', true],
    [{ exitCode: '%ERRORLEVEL%' }, 'FAILURE', true],
    [{ success: 'false', exitCode: '0' }, 'SUCCESS', false],
    [{ success: 'true', exitCode: '1' }, 'FAILURE', false],
    [{ success: 'true', exitCode: '' }, 'FAILURE', true],
  ])('%j: %s', (wanted, status, warns) => {
    const verdict = statusOf({ ...nothing, ...wanted });
    expect(verdict.status).toBe(status);
    expect(verdict.warning !== undefined).toBe(warns);
  });
});

describe('signalOf', () => {
  it.each<[wanted: Partial<SignalOptions>, status: 'SUCCESS' | 'FAILURE', reason: string, data: string]>([
    [{}, 'SUCCESS', 'Configuration Complete', 'Application has completed configuration.'],
    [{}, 'FAILURE', 'Configuration failed', 'Application configuration failed.'],
    [{ reason: 'why', data: 'what' }, 'SUCCESS', 'why', 'what'],
    [{ reason: 'why "not"\n' }, 'FAILURE', 'why "not"\n', 'Application configuration failed.'],
  ])('%j %s', (wanted, status, reason, data) => {
    expect(signalOf({ ...nothing, ...wanted }, status, 'i-1')).toStrictEqual({
      Status: status,
      Reason: reason,
      UniqueId: 'i-1',
      Data: data,
    });
  });
});

describe('signedHandle', () => {
  const url = 'http://heat:8000/v1/waitcondition/arn%3Aopenstack?Signature=a%2Bb%3D';
  const target = signedHandle(url);
  const signal = { Status: 'FAILURE', Reason: 'r', UniqueId: 'i', Data: 'd' } as const;

  it('puts the four keys without a Content-Type', () => {
    expect(target.request(signal, 1000)).toStrictEqual({
      method: 'PUT',
      url,
      headers: {},
      body: JSON.stringify(signal),
    });
  });

  it.each<[status: number, body: string, isNative: boolean]>([
    [500, '<Message>internal error:ValueError: resources.hhandle: Metadata format invalid</Message>', true],
    [500, '<Message>something else</Message>', false],
    [500, '', false],
    [403, 'Metadata format invalid', false],
    [200, 'Metadata format invalid', false],
  ])('takes the keys of a native handle when Heat answers %i %s: %s', (status, body, isNative) => {
    const other = target.alternative?.({ status, headers: {}, body })?.target;
    expect(other !== undefined).toBe(isNative);
    if (other === undefined) return;
    expect(other.request(signal, 1000)).toStrictEqual({
      method: 'PUT',
      url,
      headers: {},
      body: '{"status":"FAILURE","reason":"r","data":"d","id":"i"}',
    });
    expect(other.alternative?.({ status, headers: {}, body })).toBeUndefined();
  });
});

describe('a refusal', () => {
  const target = signedHandle('http://heat:8000/v1/waitcondition/x?Signature=s3cret');
  const problem = (status: number, body = '') => target.refusal({ status, headers: {}, body });

  it.each<[status: number, says: RegExp]>([
    [302, /redirect/],
    [400, /not accept/],
    [401, /signature/],
    [403, /expired.*15 minutes.*stack is deleted/],
    [404, /handle/],
    [429, /overloaded/],
    [500, /is failing/],
    [503, /is failing/],
  ])('of HTTP %d says where and what next', (status, says) => {
    const { line, exitCode } = problem(status);
    expect(line).toContain(`HTTP ${status}`);
    expect(line).toContain('http://heat:8000');
    expect(line).not.toContain('s3cret');
    expect(line).toMatch(says);
    expect(exitCode).toBe(1);
  });

  it.each<[body: string, detail: string]>([
    [
      '<ErrorResponse><Error><Message>User is not authorized</Message></Error></ErrorResponse>',
      'User is not authorized',
    ],
    ['{"error": {"message": "no such stack"}}', 'no such stack'],
  ])('repeats what Heat explains: %s', (body, detail) => {
    expect(problem(403, body).line).toContain(detail);
  });

  it.each<[status: number, message: string, says: string]>([
    [400, 'Signal resource during DELETE is not supported.', 'no longer waits for signals, it is in state DELETE'],
    [400, 'Stack s is in CREATE_COMPLETE state and cannot be signaled', 'it is in state CREATE_COMPLETE'],
    [400, 'The Stack (s) could not be found.', 'there is no such stack or resource'],
  ])('HTTP %d, %s', (status, message, says) => {
    const { line } = problem(status, `<ErrorResponse><Error><Message>${message}</Message></Error></ErrorResponse>`);
    expect(line).toContain(says);
    expect(line).not.toContain('keystone');
  });

  const arn = 'http://heat:8000/v1/waitcondition/arn%3Aopenstack%3Aheat';
  it.each<[status: number, url: string, says: string]>([
    [403, `${arn}?Timestamp=2026`, 'cut at "&"'],
    [400, `${arn}?SignatureMethod=HmacSHA256`, 'cut at "&"'],
    [403, arn, 'cut at "?"'],
    [403, 'https://b.s3.amazonaws.com/arn?AWSAccessKeyId=s3cret', 'cut at "&"'],
    [401, 'https://swift:8080/v1/a/c/o?temp_url_sig=s3cret', 'cut at "&"'],
    [403, `${arn}?Timestamp=1&amp;Signature=s3cret`, '"&amp;"'],
    [403, `${arn}?Timestamp=1\\u0026Signature=s3cret`, 'a backslash'],
    [403, `${arn.replace('%3A', '%253A')}?Timestamp=1&Signature=s3cret`, 'encoded twice'],
    [401, 'https://swift:8080/v1/a/c/o?temp_url_sig=s3cret&temp_url_expires=1', 'the signature was not accepted'],
  ])('HTTP %d of %s says what happened to the URL', (status, url, says) => {
    const { line } = signedHandle(url).refusal({ status, headers: {}, body: '' });
    expect(line).toContain(says);
    expect(line).not.toContain('s3cret');
  });

  it('leaves out pages of HTML, and is one line', () => {
    const { line } = problem(502, '<html>\n<body>Bad gateway</body></html>');
    expect(line).not.toMatch(/html|\n/);
  });
});

it.each([
  ['http://heat:8000/v1/x?Signature=s', 'http://heat:8000'],
  ['https://user:pass@[::1]/x', 'https://[::1]'],
])('serverOf(%s)', (url, server) => {
  expect(serverOf(url)).toBe(server);
});
