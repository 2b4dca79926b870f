import type { Problem } from './errors.ts';
import type { Clock } from './system/clock.ts';

/** The shortest pause, in milliseconds: trying again at once would make an overloaded server worse. */
const SHORTEST_PAUSE = 100;
/** The longest pause before the second attempt, in milliseconds. */
const FIRST_PAUSE = 1000;
/** The longest pause in milliseconds, unless the server asks for more. */
const LONGEST_PAUSE = 30_000;
/** Characters of an answer that are searched for a code, which is at the beginning of an error. */
const LONGEST_ERROR = 64 * 1024;

/**
 * The codes with which AWS asks clients to try later, in XML or JSON, whatever the status: CloudFormation sends them with 400. Source:
 * botocore, retries/standard.py.
 */
const THROTTLED =
  /(?:<Code>\s*|"(?:Code|code|__type)"\s*:\s*"(?:[\w.]{1,99}#)?)(?:(?:EC2)?Thrott(?:ling|led)(?:Exception)?|RequestThrottled(?:Exception)?|RequestLimitExceeded|TooManyRequestsException|PriorRequestNotComplete|SlowDown|RequestTimeout(?:Exception)?)\s*["<]/;

/**
 * Whether to try again after this answer: the server is failing, or asks us to wait.
 * @param body of the answer, where the caller has it
 */
export function isWorthRetrying(status: number, body = ''): boolean {
  if (status === 408 || status === 429 || status >= 500) return true;
  return status >= 400 && THROTTLED.test(body.slice(0, LONGEST_ERROR));
}

/**
 * Milliseconds to wait before attempt number `attempt` (the second is 2): a random time in the upper half of a bound that doubles with
 * each attempt. So guests that failed together do not try again together, and each pause is longer than the one before. A Retry-After
 * of the server (seconds or a date, RFC 9110) can only make it longer.
 * @param longest milliseconds at most, whatever the server asks for
 * @param first the bound before the second attempt
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | string[] | undefined,
  now: Date,
  random: number,
  longest = Number.POSITIVE_INFINITY,
  first = FIRST_PAUSE,
): number {
  const bound = Math.min(first * 2 ** (attempt - 2), LONGEST_PAUSE);
  const delay = Math.max((bound * (1 + random)) / 2, parseRetryAfter(retryAfter, now) ?? 0);
  return Math.max(Math.min(delay, longest), SHORTEST_PAUSE);
}

/** The milliseconds of a Retry-After header; undefined without a valid one. */
export function parseRetryAfter(value: string | string[] | undefined, now: Date): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  // Date.parse would read "-5" or "1.5" as a date in the past.
  const date = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : date - now.getTime();
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : undefined;
}

/**
 * Carries a temporary failure to `retrying`, which tries again. It is not a Problem, so no caller in between treats it as the final
 * failure.
 */
export class TransientFailure extends Error {
  readonly problem: Problem;
  /** The Retry-After header of the server. */
  readonly retryAfter: string | string[] | undefined;

  constructor(problem: Problem, retryAfter?: string | string[]) {
    super(problem.message, { cause: problem });
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The number of attempts, and the pauses between them. */
export interface RetryLimits {
  readonly attempts: number;
  /** The longest pause before the second attempt, in milliseconds; doubled before each further one. */
  readonly firstPause?: number;
  /** The longest pause in milliseconds, whatever the server asks for. */
  readonly longestPause?: number;
}

export interface RetryOptions {
  readonly clock: Pick<Clock, 'now' | 'elapsed' | 'random' | 'sleep'>;
  /** A function is called only after a failure. */
  readonly limits: RetryLimits | (() => Promise<RetryLimits>);
  /** On the clock of elapsed(): no attempt begins later. */
  readonly deadline?: number;
  /**
   * On the same clock, before the deadline: a pause that would end later is shortened, so that one more attempt begins at this time.
   * When left out, there is no further attempt if the pause would end after the deadline.
   */
  readonly lastAttempt?: number;
  /** Ends the attempts and the pauses between them. */
  readonly abort?: AbortSignal | undefined;
  /** Called when an attempt has failed and another one follows. */
  readonly note?: (failure: Problem, next: { readonly attempt: number; readonly pause: number }) => void;
  /** What is thrown when no attempt follows; the last failure itself when this is left out. */
  readonly giveUp?: (failure: TransientFailure, why: 'attempts' | 'time') => Error | Promise<Error>;
}

/**
 * Tries until an attempt succeeds or fails permanently, or the limits are reached.
 * @param attempt gets the milliseconds that are left; it throws TransientFailure when another attempt may succeed
 * @throws any other error of an attempt; the error that `giveUp` returns; the reason of the abort
 */
export async function retrying<T>(attempt: (left: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, deadline = Number.POSITIVE_INFINITY, lastAttempt, abort, note, giveUp } = options;
  for (let count = 1; ; count++) {
    abort?.throwIfAborted();
    let failure: TransientFailure;
    try {
      return await attempt(Math.max(1, deadline - clock.elapsed()));
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      failure = error;
    }
    const limits = typeof options.limits === 'function' ? await options.limits() : options.limits;
    const { firstPause, longestPause } = limits;
    const wanted = retryDelay(count + 1, failure.retryAfter, clock.now(), clock.random(), longestPause, firstPause);
    const room = (lastAttempt ?? deadline) - clock.elapsed();
    const isTimeOver = room < (lastAttempt === undefined ? wanted : SHORTEST_PAUSE);
    if (count >= limits.attempts || isTimeOver) {
      const why = count >= limits.attempts ? 'attempts' : 'time';
      throw (await giveUp?.(failure, why)) ?? failure.problem;
    }
    const pause = Math.min(wanted, room);
    note?.(failure.problem, { attempt: count + 1, pause });
    await clock.sleep(pause, abort);
  }
}

/** For the log: when the next attempt is. */
export function inSeconds(milliseconds: number): string {
  return `in ${(milliseconds / 1000).toFixed(1)} s`;
}
