import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/errors.ts';
import { isWorthRetrying, type RetryOptions, retryDelay, retrying, TransientFailure } from '../../src/retry.ts';

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

it.each<[status: number, body: string, isWorth: boolean]>([
  [400, '<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>', true],
  [400, '<Error><Code>\n  ThrottlingException\n</Code></Error>', true],
  [400, '{"Error": {"Code": "RequestLimitExceeded", "Message": "no"}}', true],
  [400, '{"__type": "com.amazonaws.cloudformation#ThrottlingException"}', true],
  [403, '<Code>RequestThrottled</Code>', true],
  [400, '<Code>RequestTimeout</Code>', true],
  [400, '<Code>ValidationError</Code><Message>Throttling</Message>', false],
  [400, '<Code>LimitExceededException</Code>', false],
  [200, '<Code>Throttling</Code>', false],
])('HTTP %d %s is tried again: %s', (status, body, isWorth) => {
  expect(isWorthRetrying(status, body)).toBe(isWorth);
});

describe('retryDelay', () => {
  const now = new Date('2026-01-01T00:00:00Z');

  it('doubles, up to a bound', () => {
    const bounds = [2, 3, 4, 5, 6, 7, 8, 20].map((attempt) => retryDelay(attempt, undefined, now, 1));
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('is spread, and never shorter than the one before', () => {
    expect([0, 0.25, 0.5].map((random) => retryDelay(4, undefined, now, random))).toEqual([2000, 2500, 3000]);
    expect(retryDelay(5, undefined, now, 0)).toBeGreaterThanOrEqual(retryDelay(4, undefined, now, 1));
  });

  it('is never 0, whatever the server and cfn-boto-cfg say', () => {
    expect(retryDelay(2, '0', now, 0)).toBe(500);
    expect(retryDelay(2, '0', now, 0, 0)).toBe(100);
  });

  it('has a bound for whatever asks for more', () => {
    expect(retryDelay(9, '3600', now, 1, 1500)).toBe(1500);
  });

  it.each<[retryAfter: string | string[], milliseconds: number]>([
    ['5', 5000],
    [' 7 ', 7000],
    ['0', 750],
    ['Thu, 01 Jan 2026 00:00:20 GMT', 20_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 750],
    ['soon', 750],
    ['', 750],
    ['1.5', 750],
    ['-5', 750],
    ['1e9', 750],
    ['NaN', 750],
    ['Infinity', 750],
    ['1, 2', 750],
    ['Thu, 99 Foo 1970 00:00:00 GMT', 750],
    [['1', '2'], 750],
  ])('heeds Retry-After: %j', (retryAfter, milliseconds) => {
    expect(retryDelay(2, retryAfter, now, 0.5)).toBe(milliseconds);
  });
});

describe('retrying', () => {
  const failing = (retryAfter?: string) => new TransientFailure(new Problem('down'), retryAfter);

  /** Attempts that come to `outcomes`, the last one again and again, with a clock that only sleeping moves. */
  async function attempts(outcomes: readonly unknown[], options: Omit<RetryOptions, 'clock' | 'note'>) {
    let elapsed = 0;
    const notes: string[] = [];
    const left: number[] = [];
    const clock = {
      now: () => new Date('2026-01-01T00:00:00Z'),
      elapsed: () => elapsed,
      random: () => 1,
      sleep: async (milliseconds: number, abort?: AbortSignal) => {
        elapsed += milliseconds;
        abort?.throwIfAborted();
      },
    };
    const attempt = async (time: number): Promise<unknown> => {
      left.push(time);
      const outcome = outcomes[left.length - 1] ?? outcomes.at(-1);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    const note: RetryOptions['note'] = (failure, next) =>
      notes.push(`${failure.line}: ${next.attempt} in ${next.pause}`);
    const outcome = await retrying(attempt, { ...options, clock, note }).catch((error: unknown) => error);
    return { outcome, left, notes };
  }

  it('tries until it succeeds, and notes each failure that another attempt follows', async () => {
    const { outcome, notes } = await attempts([failing(), failing('7'), 'done'], { limits: { attempts: 3 } });
    expect({ outcome, notes }).toEqual({ outcome: 'done', notes: ['down: 2 in 1000', 'down: 3 in 7000'] });
  });

  it('ends with the last failure when the attempts are used up', async () => {
    const { outcome, left } = await attempts([failing()], { limits: async () => ({ attempts: 3 }) });
    expect({ outcome, count: left.length }).toEqual({ outcome: new Problem('down'), count: 3 });
  });

  it('ends at once with anything else that is thrown', async () => {
    const { outcome, left } = await attempts([new Problem('refused')], { limits: { attempts: 3 } });
    expect({ outcome, count: left.length }).toEqual({ outcome: new Problem('refused'), count: 1 });
  });

  it('begins no pause that would end after the deadline, and says why it gave up', async () => {
    const giveUp = (_: TransientFailure, why: string): Error => new Problem(why);
    const { outcome, left } = await attempts([failing()], { limits: { attempts: 9 }, deadline: 5000, giveUp });
    expect({ outcome, left }).toEqual({ outcome: new Problem('time'), left: [5000, 4000, 2000] });
  });

  it('cuts the last pause where one more attempt is wanted before the end', async () => {
    const { left } = await attempts([failing('600')], { limits: { attempts: 9 }, deadline: 5000, lastAttempt: 4000 });
    expect(left).toEqual([5000, 1000]);
  });

  it('ends with the reason of an abort', async () => {
    const abort = AbortSignal.abort(new Error('stop'));
    const { outcome, left } = await attempts(['done'], { limits: { attempts: 3 }, abort });
    expect({ outcome, left }).toEqual({ outcome: new Error('stop'), left: [] });
  });
});
