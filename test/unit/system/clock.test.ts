import { expect, test } from 'vitest';
import { systemClock, timerDelay } from '../../../src/system/clock.ts';

test.each([
  [0, 0],
  [0.2, 1],
  [1.5, 2],
  [1000, 1000],
  [-1, 0],
  [Number.NEGATIVE_INFINITY, 0],
  [Number.NaN, 0],
  [2 ** 31 - 1, 2 ** 31 - 1],
  [2 ** 31, 2 ** 31 - 1],
  [1e12, 2 ** 31 - 1],
  [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
])('%d ms are %d to a timer', (milliseconds, delay) => {
  expect(timerDelay(milliseconds)).toBe(delay);
});

test.each([-5, Number.NaN, 0, 0.3])('a sleep of %d ms is over at once, without a warning', async (milliseconds) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  await systemClock.sleep(milliseconds);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

test('a sleep of a month is not over at once', async () => {
  const first = await Promise.race([
    systemClock.sleep(1e10).then(() => 'sleep'),
    systemClock.sleep(20).then(() => 'race'),
  ]);
  expect(first).toBe('race');
});
