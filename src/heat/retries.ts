import { ExitCode, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { inSeconds, parseRetryAfter, retrying, TransientFailure } from '../retry.ts';
import type { Clock } from '../system/clock.ts';
import { isTransient } from '../system/http/problem.ts';
import type { Bounds } from './endpoint.ts';

/** Milliseconds for work that must get done, such as a signal, when no time is given: long enough for a restart of Heat. */
const SIGNAL_TIME = 600_000;
/** Milliseconds before the end at which the last attempt is made, when there is that much time. */
const LAST_ATTEMPT = 5_000;
/** The part of all the time that the last attempt has at most. */
const LAST_PART = 0.2;
/** Milliseconds between two warnings that it is still being tried. */
const REMINDER = 60_000;
/** Milliseconds for all questions for metadata together: a boot must not hang. */
const METADATA_TIME = 180_000;
/** The longest pause, in milliseconds, that a server may ask for between two of these questions. */
const LONGEST_METADATA_PAUSE = 120_000;

/** For how long something is tried. */
export interface Budget {
  /** `--timeout`; undefined where SIGNAL_TIME counts. */
  readonly seconds: number | undefined;
  /** When it began and when it is over, on the clock of elapsed(). */
  readonly begin: number;
  readonly deadline: number;
  /** Called once something has failed. */
  readonly bounds: () => Promise<AttemptBounds>;
}

/** What cfn-boto-cfg says (num_retries, max_retry_delay). */
export interface AttemptBounds {
  /** Counts where no `--timeout` is given. */
  readonly attempts: number;
  /** Milliseconds of a pause at most. */
  readonly longestDelay: number;
}

/** Begins a budget of `--timeout` seconds, or of SIGNAL_TIME. */
export function beginBudget(seconds: number | undefined, clock: Clock, bounds: Budget['bounds']): Budget {
  const begin = clock.elapsed();
  return { seconds, begin, deadline: begin + (seconds === undefined ? SIGNAL_TIME : seconds * 1000), bounds };
}

/**
 * Tries until it works, fails for good, or the time or the attempts are used up. The last pause is cut, so that one more attempt
 * is made just before the end.
 * @param failure what is said when the time is over, as in `the signal was not accepted`
 * @param attempt gets the milliseconds that are left; it throws TransientFailure for what may pass
 * @throws Problem with exit code 75 when the time of `--timeout` is over, and never before; with 1 when it was given up
 */
export async function retryWithin<T>(
  failure: string,
  attempt: (left: number) => Promise<T>,
  { seconds, begin, deadline, bounds }: Budget,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<T> {
  let most = Number.POSITIVE_INFINITY;
  let reminded: number | undefined;
  return retrying(attempt, {
    clock,
    deadline,
    lastAttempt: deadline - Math.min(LAST_ATTEMPT, (deadline - begin) * LAST_PART),
    limits: async () => {
      const { attempts, longestDelay } = await bounds();
      if (seconds === undefined) most = attempts;
      return { attempts: most, longestPause: longestDelay };
    },
    note: ({ line }, { pause }) => {
      const next = `${line}: trying again ${inSeconds(pause)}`;
      const now = clock.elapsed();
      if (reminded === undefined || now - reminded >= REMINDER) {
        reminded = now;
        log.warning(`${next}, ${limitInWords(seconds, most, deadline - begin)}`);
      } else log.info(next);
    },
    giveUp: async ({ problem }, why) => {
      if (why === 'attempts') return problem;
      if (seconds !== undefined) await clock.sleep(Math.max(0, deadline - clock.elapsed()));
      return tooLate(failure, problem, seconds);
    },
  });
}

/** That the time is over, and what it was spent on. */
export function tooLate(failure: string, { where, message, hint }: Problem, seconds: number | undefined): Problem {
  const details = { where, hint: hint === undefined ? message : `${message}: ${hint}` };
  return seconds === undefined
    ? new Problem(`${failure} within ${SIGNAL_TIME / 60_000} minutes`, details)
    : new Problem(`${failure} within ${seconds} s`, { ...details, exitCode: ExitCode.deadline });
}

function limitInWords(seconds: number | undefined, attempts: number, milliseconds: number): string {
  if (seconds !== undefined) return `for ${seconds} s in all`;
  const minutes = `for ${Math.round(milliseconds / 60_000)} minutes in all`;
  return Number.isFinite(attempts) ? `${attempts} times in all, ${minutes}` : minutes;
}

/**
 * Asks for metadata until there is an answer, as long as a boot may wait for it.
 * @param attempt gets the milliseconds that are left; it throws TransientFailure for what may pass
 * @param note is called with each failure that another attempt follows
 * @throws Problem with the code CFN_HEAT_UNREACHABLE when there was no answer, however often it was tried
 */
export async function retryForMetadata<T>(
  attempt: (left: number) => Promise<T>,
  { attempts, longestDelay }: Omit<Bounds, 'timeout'>,
  { clock, note }: { readonly clock: Clock; readonly note: (text: string) => void },
): Promise<T> {
  return retrying(attempt, {
    clock,
    deadline: clock.elapsed() + METADATA_TIME,
    limits: { attempts, longestPause: Math.min(longestDelay, LONGEST_METADATA_PAUSE) },
    note: ({ message, where = '' }, { pause }) => note(`${message}: ${where}: trying again ${inSeconds(pause)}`),
    giveUp: ({ problem, retryAfter }) => unreachable(problem, parseRetryAfter(retryAfter, clock.now())),
  });
}

/**
 * What to throw for an exchange that has thrown.
 * @param url that was asked for
 * @returns TransientFailure for what may pass; a Problem with the code CFN_HEAT_UNREACHABLE where another attempt would not help,
 * or CFN_HEAT_REFUSED for an unusable answer, such as a body without end, since older metadata must not hide it; any other error
 * unchanged
 */
export function failureOfExchange(error: unknown, url: string): unknown {
  if (!(error instanceof Problem)) return error;
  const { message, hint, code } = error;
  if (isTransient(error)) return new TransientFailure(new Problem(message, { code, where: url, hint }));
  if (code === 'CFN_SERVER_UNTRUSTED') return unreachable(new Problem(message, { where: url, hint }));
  return new Problem(message, { code: 'CFN_HEAT_REFUSED', where: error.where ?? url, hint });
}

function unreachable({ message, where, hint }: Problem, retryAfter?: number): Problem {
  return new Problem(message, { code: 'CFN_HEAT_UNREACHABLE', where, hint, retryAfter });
}
