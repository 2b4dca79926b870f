import { describe, expect, it } from 'vitest';
import { FIRST_POLL_STATE, type PollOutcome, type PollState, phaseOf, planPoll } from '../../../src/hup/schedule.ts';

const MINUTE = 60_000;
const NOON = Date.parse('2026-11-22T12:00:00Z');
const WELL: PollOutcome = { changed: false, hasFailed: false };
const FAILED: PollOutcome = { changed: false, hasFailed: true };

function delay(
  outcome: PollOutcome,
  more: { interval?: number; phase?: number; now?: number; random?: number; state?: PollState } = {},
) {
  const { interval = MINUTE, phase = 0.25, now = NOON, random = 0, state = FIRST_POLL_STATE } = more;
  return planPoll(state, outcome, { interval, phase }, now, () => random);
}

describe('the place of a host in an interval', () => {
  it('is the same each time, and another for another host', () => {
    expect(phaseOf(['m', 'i', 'h'])).toBe(phaseOf(['m', 'i', 'h']));
    expect(phaseOf(['m', 'i', 'h'])).not.toBe(phaseOf(['m', 'i', 'h2']));
    expect(phaseOf(['m', 'ih'])).not.toBe(phaseOf(['mi', 'h']));
  });

  it('is spread evenly', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let host = 0; host < 10_000; host++) {
      const tenth = Math.floor(phaseOf([`host-${host}`]) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('when all is well', () => {
  it.each<[name: string, now: number, expected: number]>([
    ['its own slot is next', NOON, 15_000],
    ['a slot that is gone', NOON + 15_000, 60_000],
    ['one that is nearly there counts as the one just used', NOON + 10_000, 65_000],
    ['after a long pass', NOON + 50_000, 25_000],
  ])('%s', (_, now, expected) => {
    expect(delay(WELL, { now }).delay).toBe(expected);
  });

  it('a little jitter', () => {
    expect(delay(WELL, { random: 0.5 }).delay).toBe(15_000 + 3000);
  });

  it.each([1000, 5000, 30_000, MINUTE, 15 * MINUTE, 24 * 60 * MINUTE])(
    'never closer than a second, never later than 1.2 intervals: %i',
    (interval) => {
      for (let step = 0; step < 500; step++) {
        const { delay: got } = delay(WELL, {
          interval,
          phase: (step * 0.37) % 1,
          now: NOON + step * 777,
          random: 0.999,
        });
        expect(got).toBeGreaterThanOrEqual(Math.min(1000, interval));
        expect(got).toBeLessThanOrEqual(1.2 * interval);
      }
    },
  );
});

describe('a clock that is set, or that stood still', () => {
  it.each([-1e12, -3600_000, -500, 500, 3600_000, 1e12])('by %i ms: no rush, no wait beyond 1.2 intervals', (step) => {
    let { state } = delay({ changed: true, hasFailed: false });
    let now = NOON + step;
    const ends = now + 2 * 60 * MINUTE;
    let polls = 0;
    for (; now < ends; polls++) {
      const plan = delay(WELL, { now, state, random: 0.5 });
      expect(plan.delay).toBeGreaterThanOrEqual(1000);
      expect(plan.delay).toBeLessThanOrEqual(1.2 * MINUTE);
      state = plan.state;
      now += plan.delay;
    }
    // Two hours of one a minute, and three minutes of four.
    expect(polls).toBeLessThanOrEqual(120 + 9 + 3);
  });
});

describe('after a change', () => {
  it.each<[interval: number, step: number]>([
    [MINUTE, 15_000],
    [15 * MINUTE, 225_000],
    [10_000, 5000],
    [2000, 2000],
  ])('an interval of %i: a poll each %i for three minutes', (interval, step) => {
    const first = delay({ changed: true, hasFailed: false }, { interval });
    expect(first.delay).toBeLessThanOrEqual(1.1 * step);
    expect(delay(WELL, { interval, state: first.state, now: NOON + 170_000 }).delay).toBeLessThanOrEqual(1.2 * step);
    expect(
      delay(WELL, { interval, phase: 0.5, state: first.state, now: Math.ceil((NOON + 181_000) / interval) * interval })
        .delay,
    ).toBe(interval / 2);
  });

  it('a failed action that is due earlier', () => {
    expect(delay({ ...WELL, nextAttempt: 10_000 }).delay).toBe(10_000);
    expect(delay({ ...WELL, nextAttempt: 40_000 }).delay).toBe(15_000);
    expect(delay({ ...WELL, nextAttempt: 1 }).delay).toBe(1000);
  });
});

describe('after failures', () => {
  it('it skips a random number of slots below 1, 2, 4, ..., and looks once in ten minutes at least', () => {
    let state = FIRST_POLL_STATE;
    const most: number[] = [];
    for (let failure = 1; failure <= 7; failure++) {
      const slots = new Set<number>();
      for (let random = 0; random < 1; random += 0.01) {
        const plan = planPoll(state, FAILED, { interval: MINUTE, phase: 0.25 }, NOON, () => random);
        slots.add(Math.floor((plan.delay - 15_000) / MINUTE));
      }
      state = planPoll(state, FAILED, { interval: MINUTE, phase: 0.25 }, NOON, () => 0).state;
      most.push(slots.size);
    }
    expect(most).toEqual([1, 2, 4, 8, 10, 10, 10]);
  });

  it('with an interval of more than ten minutes, each of its slots', () => {
    const interval = 30 * MINUTE;
    const { delay: got } = delay(FAILED, { interval, random: 0.99, state: { failures: 40, quickUntil: 0 } });
    expect(got).toBeLessThanOrEqual(1.2 * interval);
  });

  it('one that goes well ends it', () => {
    expect(delay(WELL, { state: { failures: 9, quickUntil: 0 } })).toEqual({ delay: 15_000, state: FIRST_POLL_STATE });
  });

  it.each<[asked: number, expected: number]>([
    [0, 15_000],
    [15_000, 15_000],
    [16_000, 75_000],
    [10 * MINUTE, 10 * MINUTE + 15_000],
    [86_400_000, 60 * MINUTE + 15_000],
  ])('Retry-After %i ms: the first own slot after it, an hour is believed', (retryAfter, expected) => {
    expect(delay({ ...FAILED, retryAfter }).delay).toBe(expected);
  });

  it('an action that is due does not go before it', () => {
    expect(delay({ ...FAILED, retryAfter: 10 * MINUTE, nextAttempt: 1000 }).delay).toBeGreaterThan(10 * MINUTE);
  });
});
