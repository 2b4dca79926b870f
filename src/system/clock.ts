/** The one door to time. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never go backwards, for durations. */
  elapsed(): number;
  /** @throws the reason of `abort` as soon as it is aborted */
  sleep(milliseconds: number, abort?: AbortSignal): Promise<void>;
  /** A number in [0, 1), for jitter. */
  random(): number;
}

/** The longest time of a Node timer: one with a longer time fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Milliseconds in a form that all timers of Node accept: a whole number, not below 0, and 24 days at most. NaN becomes 0.
 */
export function timerDelay(milliseconds: number): number {
  return Number.isNaN(milliseconds) ? 0 : Math.ceil(Math.min(Math.max(milliseconds, 0), LONGEST_TIMER));
}

export const systemClock: Clock = {
  now: () => new Date(),
  // Not performance.now() and node:timers/promises: loading those costs each start 2 ms.
  elapsed: () => Number(process.hrtime.bigint()) / 1e6,
  sleep,
  random: Math.random,
};

/** A clock whose sleeps end when `abort` does. */
export function clockUntil(abort: AbortSignal): Clock {
  const both = (other: AbortSignal | undefined): AbortSignal =>
    other === undefined || other === abort ? abort : AbortSignal.any([abort, other]);
  return { ...systemClock, sleep: (milliseconds, other) => sleep(milliseconds, both(other)) };
}

/** @throws the reason of `abort` as soon as it is aborted */
export async function sleep(milliseconds: number, abort?: AbortSignal): Promise<void> {
  let left = milliseconds;
  for (; left > LONGEST_TIMER; left -= LONGEST_TIMER) await timer(LONGEST_TIMER, abort);
  await timer(left, abort);
}

function timer(milliseconds: number, abort: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timeout);
      reject(abort?.reason);
    };
    const timeout = setTimeout(() => {
      abort?.removeEventListener('abort', onAbort);
      resolve();
    }, timerDelay(milliseconds));
    if (abort?.aborted === true) onAbort();
    else abort?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A sleep that can be cut short. */
export interface Pause {
  /** Waits so many milliseconds, or until `wake` is called. @returns true when `wake` was called */
  wait(milliseconds: number): Promise<boolean>;
  /** Ends the current wait, or else the next one. */
  wake(): void;
}

/** A wait that can be ended from elsewhere. */
export function createPause(): Pause {
  let isWoken = false;
  let end: (() => void) | undefined;
  return {
    async wait(milliseconds) {
      if (!isWoken)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timerDelay(milliseconds));
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      end = undefined;
      const wasWoken = isWoken;
      isWoken = false;
      return wasWoken;
    },
    wake() {
      isWoken = true;
      end?.();
    },
  };
}
