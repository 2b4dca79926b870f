import { ExitCode, errnoOf, Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { retryDelay, SHORTEST_PAUSE } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import { rootCause } from '../system/http-problem.ts';

/** Milliseconds for work that must get done, such as a signal, when no time is given: long enough for a restart of Heat. */
export const PATIENCE = 600_000;
/** Milliseconds before the end at which the last attempt is made, when there is that much time. */
const LAST_ATTEMPT = 5_000;
/** The part of all the time that the last attempt has at most. */
const LAST_PART = 0.2;
/** Milliseconds between two lines that say that it is still being tried. */
const REMINDER = 60_000;
/** Errors after which a request was certainly not sent. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** How long something is tried. */
export interface Budget {
  /** `--timeout`; undefined where PATIENCE counts. */
  readonly seconds: number | undefined;
  /** When it began and when it is over, on the clock of elapsed(). */
  readonly begin: number;
  readonly deadline: number;
  /** Asked once something has failed. */
  readonly bounds: () => Promise<AttemptBounds>;
}

/** What cfn-boto-cfg says (num_retries, max_retry_delay). */
export interface AttemptBounds {
  /** Counts where no `--timeout` is given. */
  readonly attempts: number;
  /** Milliseconds of a pause at most. */
  readonly longestDelay: number;
}

/** Begins a budget of `--timeout` seconds, or of PATIENCE. */
export function beginBudget(seconds: number | undefined, clock: Clock, bounds: Budget['bounds']): Budget {
  const begin = clock.elapsed();
  return { seconds, begin, deadline: begin + (seconds === undefined ? PATIENCE : seconds * 1000), bounds };
}

/** A fault that may pass, so that another attempt is worth it. */
export class Passing {
  readonly problem: Problem;
  readonly retryAfter: string | string[] | undefined;

  constructor(problem: Problem, retryAfter?: string | string[]) {
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/**
 * Tries until it works, fails for good, or the time or the attempts are used up. The pauses grow; the last one is cut, so
 * that one more attempt is made just before the end.
 * @param failure what is said when the time is over, as in `the signal was not accepted`
 * @param attempt gets the milliseconds that are left; it throws what does not pass
 * @throws Problem with exit code 75 when the time of `--timeout` is over, and never before; with 1 when it was given up
 */
export async function persist<T>(
  failure: string,
  attempt: (left: number) => Promise<T | Passing>,
  budget: Budget,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<T> {
  const { seconds, begin, deadline } = budget;
  const lastAttempt = deadline - Math.min(LAST_ATTEMPT, (deadline - begin) * LAST_PART);
  let reminded: number | undefined;
  for (let count = 1; ; count++) {
    const outcome = await attempt(Math.max(1, deadline - clock.elapsed()));
    if (!(outcome instanceof Passing)) return outcome;
    const { problem, retryAfter } = outcome;
    const { attempts, longestDelay } = await budget.bounds();
    if (seconds === undefined && count >= attempts) throw problem;
    const now = clock.elapsed();
    if (now > lastAttempt - SHORTEST_PAUSE) {
      if (seconds !== undefined) await clock.sleep(Math.max(0, deadline - now));
      throw tooLate(failure, problem, seconds);
    }
    const delay = retryDelay(count + 1, retryAfter, clock.now(), clock.random(), longestDelay);
    const pause = Math.min(delay, lastAttempt - now);
    const next = `trying again in ${(pause / 1000).toFixed(1)} s`;
    if (reminded === undefined || now - reminded >= REMINDER) {
      reminded = now;
      log.warning(`${problem.line}: ${next}, ${limitInWords(seconds, attempts, deadline - begin)}`);
    } else log.info(`${problem.line}: ${next}`);
    await clock.sleep(pause);
  }
}

/** Whether the server may have got the request although no answer came. */
export function mayHaveArrived(problem: Problem): boolean {
  // A proxy's fault has the error of the connection behind it.
  return !UNSENT.has(errnoOf(rootCause(problem.cause)) ?? '');
}

/** That the time is over, and what it was spent on. */
export function tooLate(failure: string, { where, message, hint }: Problem, seconds: number | undefined): Problem {
  const why = hint === undefined ? message : `${message}: ${hint}`;
  const details = { ...(where === undefined ? {} : { where }), hint: why };
  return seconds === undefined
    ? new Problem(`${failure} within ${PATIENCE / 60_000} minutes`, details)
    : new Problem(`${failure} within ${seconds} s`, { ...details, exitCode: ExitCode.deadline });
}

function limitInWords(seconds: number | undefined, attempts: number, milliseconds: number): string {
  if (seconds !== undefined) return `for ${seconds} s in all`;
  const minutes = `for ${Math.round(milliseconds / 60_000)} minutes in all`;
  return Number.isFinite(attempts) ? `${attempts} times in all, ${minutes}` : minutes;
}
