/** The one door to time. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never go backwards, for durations. */
  elapsed(): number;
  sleep(milliseconds: number): Promise<void>;
  /** A number in [0, 1), for jitter. */
  random(): number;
}

/** Node's timers take no longer time: for more they would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Milliseconds in a form that all timers of Node take: a whole number, not below 0, and 24 days at most. What is no number
 * is no time.
 */
export function timerDelay(milliseconds: number): number {
  return Number.isNaN(milliseconds) ? 0 : Math.ceil(Math.min(Math.max(milliseconds, 0), LONGEST_TIMER));
}

export const systemClock: Clock = {
  now: () => new Date(),
  // Not performance.now() and node:timers/promises: loading those costs each start 2 ms.
  elapsed: () => Number(process.hrtime.bigint()) / 1e6,
  async sleep(milliseconds) {
    let left = milliseconds;
    for (; left > LONGEST_TIMER; left -= LONGEST_TIMER) await timer(LONGEST_TIMER);
    await timer(left);
  },
  random: Math.random,
};

function timer(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timerDelay(milliseconds)));
}
