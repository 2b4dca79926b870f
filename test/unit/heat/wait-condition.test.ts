import { describe, expect, it } from 'vitest';
import {
  decodeSignalUrl,
  isWorthRetrying,
  judge,
  refusal,
  retryDelay,
  type SignalWish,
  signalOf,
} from '../../../src/heat/wait-condition.ts';

const nothing: SignalWish = { success: undefined, exitCode: undefined, reason: undefined, data: undefined };

describe('judge', () => {
  it.each<[wish: Partial<SignalWish>, status: string, warns: boolean]>([
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
  ])('%j: %s', (wish, status, warns) => {
    const verdict = judge({ ...nothing, ...wish });
    expect(verdict.status).toBe(status);
    expect(verdict.warning !== undefined).toBe(warns);
  });
});

describe('signalOf', () => {
  it.each<[wish: Partial<SignalWish>, status: 'SUCCESS' | 'FAILURE', reason: string, data: string]>([
    [{}, 'SUCCESS', 'Configuration Complete', 'Application has completed configuration.'],
    [{}, 'FAILURE', 'Configuration failed', 'Application has completed configuration.'],
    [{ reason: 'why', data: 'what' }, 'SUCCESS', 'why', 'what'],
    [{ reason: 'why "not"\n' }, 'FAILURE', 'why "not"\n', 'Application has completed configuration.'],
  ])('%j %s', (wish, status, reason, data) => {
    expect(signalOf({ ...nothing, ...wish }, status, 'i-1')).toStrictEqual({
      Status: status,
      Reason: reason,
      UniqueId: 'i-1',
      Data: data,
    });
  });
});

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

it.each<[status: number, isWorth: boolean]>([
  [200, false],
  [301, false],
  [400, false],
  [401, false],
  [403, false],
  [404, false],
  [408, true],
  [409, false],
  [429, true],
  [500, true],
  [502, true],
  [503, true],
  [504, true],
])('HTTP %d is tried again: %s', (status, isWorth) => {
  expect(isWorthRetrying(status)).toBe(isWorth);
});

describe('retryDelay', () => {
  const now = new Date('2026-01-01T00:00:00Z');

  it('doubles, up to a bound', () => {
    const bounds = [2, 3, 4, 5, 6, 7, 20].map((attempt) => retryDelay(attempt, undefined, now, 1));
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]);
  });

  it('is spread', () => {
    expect([0, 0.25, 0.5].map((random) => retryDelay(4, undefined, now, random))).toEqual([0, 1000, 2000]);
  });

  it.each<[retryAfter: string | string[], milliseconds: number]>([
    ['5', 5000],
    [' 7 ', 7000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:20 GMT', 20_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['soon', 500],
    ['', 500],
    ['1.5', 500],
    ['-5', 500],
    [['1', '2'], 500],
  ])('heeds Retry-After: %j', (retryAfter, milliseconds) => {
    expect(retryDelay(2, retryAfter, now, 0.5)).toBe(milliseconds);
  });

  it.each(['86400', 'Thu, 01 Jan 2027 00:00:00 GMT'])('does not sleep for ever: %s', (retryAfter) => {
    expect(retryDelay(2, retryAfter, now, 0.5)).toBeLessThanOrEqual(600_000);
  });
});

describe('refusal', () => {
  const server = 'http://heat:8000';
  const line = (status: number, body = ''): string => refusal({ status, headers: {}, body }, server).line;

  it.each<[status: number, says: RegExp]>([
    [302, /redirect/],
    [400, /not accept/],
    [401, /signature/],
    [403, /expired/],
    [404, /handle/],
    [500, /trouble/],
    [503, /trouble/],
  ])('of HTTP %d says where and what next', (status, says) => {
    expect(line(status)).toContain(`HTTP ${status}`);
    expect(line(status)).toContain(server);
    expect(line(status)).toMatch(says);
    expect(refusal({ status, headers: {}, body: '' }, server).exitCode).toBe(1);
  });

  it.each<[body: string, detail: string]>([
    [
      '<ErrorResponse><Error><Message>User is not authorized</Message></Error></ErrorResponse>',
      'User is not authorized',
    ],
    ['{"error": {"message": "no such stack"}}', 'no such stack'],
  ])('repeats what Heat explains: %s', (body, detail) => {
    expect(line(403, body)).toContain(detail);
  });

  it('leaves out pages of HTML, and is one line', () => {
    const text = line(502, '<html>\n<body>Bad gateway</body></html>');
    expect(text).not.toMatch(/html|\n/);
  });
});
