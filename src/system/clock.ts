import { setTimeout } from 'node:timers/promises';

/** The one door to time. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never go backwards, for durations. */
  elapsed(): number;
  sleep(milliseconds: number): Promise<void>;
  /** A number in [0, 1), for jitter. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsed: () => performance.now(),
  sleep: async (milliseconds) => {
    await setTimeout(milliseconds);
  },
  random: Math.random,
};
