import { expect, test } from 'vitest';
import { isoTime } from '../../src/time.ts';

test.each([
  0,
  -1,
  Date.UTC(2026, 10, 28, 4, 5, 6, 7),
  Date.UTC(2028, 1, 29, 23, 59, 59, 999),
  Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  Date.parse('0001-01-01T00:00:00.000Z'),
])('%d milliseconds since 1970 are written as toISOString writes them', (milliseconds) => {
  const time = new Date(milliseconds);
  expect(isoTime(time)).toBe(time.toISOString());
});
