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
  // Not performance.now() and node:timers/promises: loading those costs each start 2 ms.
  elapsed: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
};
