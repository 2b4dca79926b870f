import { describe, expect, it } from 'vitest';
import { isWorthRetrying, retryDelay } from '../../src/retry.ts';

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
    ['1e9', 500],
    ['NaN', 500],
    ['Infinity', 500],
    ['1, 2', 500],
    ['Thu, 99 Foo 1970 00:00:00 GMT', 500],
    [['1', '2'], 500],
  ])('heeds Retry-After: %j', (retryAfter, milliseconds) => {
    expect(retryDelay(2, retryAfter, now, 0.5)).toBe(milliseconds);
  });

  it.each(['86400', '9'.repeat(400), '9'.repeat(20), 'Thu, 01 Jan 2027 00:00:00 GMT'])(
    'does not sleep for ever: %s',
    (retryAfter) => {
      expect(retryDelay(2, retryAfter, now, 0.5)).toBeLessThanOrEqual(600_000);
    },
  );
});
