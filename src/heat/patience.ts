import { Problem } from '../errors.ts';
import { parseRetryAfter, retryDelay } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import { NoAnswer } from '../system/http-problem.ts';
import type { Bounds } from './endpoint.ts';
import { Refused, Unreachable } from './failures.ts';
import { Passing } from './persist.ts';

/** Milliseconds for all attempts together: a boot must not hang. */
const PATIENCE = 180_000;
/** The longest pause, in milliseconds, that a server may ask for. */
const LONGEST_PAUSE = 120_000;

export interface PatienceTools {
  readonly clock: Clock;
  /** Hears of attempts that failed. */
  readonly note: (text: string) => void;
}

/**
 * Asks until there is an answer, with growing pauses, as long as a boot may wait for metadata.
 * @param attempt gets the milliseconds that are left; it throws what does not pass
 * @throws Unreachable when there was none, however often it was tried
 */
export async function askPatiently<T>(
  attempt: (left: number) => Promise<T | Passing>,
  { attempts, longestDelay }: Omit<Bounds, 'timeout'>,
  { clock, note }: PatienceTools,
): Promise<T> {
  const deadline = clock.elapsed() + PATIENCE;
  for (let count = 1; ; count++) {
    const outcome = await attempt(Math.max(1, deadline - clock.elapsed()));
    if (!(outcome instanceof Passing)) return outcome;
    const { problem, retryAfter } = outcome;
    const longest = Math.min(longestDelay, LONGEST_PAUSE);
    const delay = retryDelay(count + 1, retryAfter, clock.now(), clock.random(), longest);
    // Waiting past the deadline would only make the failure later.
    if (count >= attempts || clock.elapsed() + delay >= deadline)
      throw unreachable(problem, parseRetryAfter(retryAfter, clock.now()));
    note(`${problem.message}: ${problem.where ?? ''}: trying again in ${(delay / 1000).toFixed(1)} s`);
    await clock.sleep(delay);
  }
}

/**
 * What an exchange that threw comes to.
 * @returns a fault that may pass
 * @throws Unreachable where another try would not help; Refused for an unusable answer, such as a body without end, because older
 * metadata must not hide it; any other error unchanged
 */
export function faultOfExchange(error: unknown, url: string): Passing {
  if (error instanceof NoAnswer) {
    const { message, hint, isPassing } = error;
    const problem = new Problem(message, { where: url, ...(hint === undefined ? {} : { hint }) });
    if (isPassing) return new Passing(problem);
    throw unreachable(problem, undefined);
  }
  if (error instanceof Problem)
    throw new Refused(error.message, {
      where: error.where ?? url,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  throw error;
}

function unreachable({ message, where, hint }: Problem, retryAfter: number | undefined): Unreachable {
  return new Unreachable(message, {
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
    retryAfter,
  });
}
