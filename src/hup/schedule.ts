import { sha256Hex } from '../signing/signature-v4.ts';

/** What a host goes by. */
export interface Rhythm {
  /** Milliseconds from one poll to the next while nothing happens. */
  readonly interval: number;
  /** The host's own place in an interval, in [0, 1). */
  readonly phase: number;
}

/** What is kept from one poll to the next. */
export interface Pace {
  /** Polls in a row that failed. */
  readonly failures: number;
  /** Until then (milliseconds since 1970) it looks more often: changes rarely come alone. */
  readonly quickUntil: number;
}

/** How a poll went. Times are milliseconds from now. */
export interface PollOutcome {
  readonly changed: boolean;
  /** The server gave nothing, or asked for a pause. */
  readonly hasFailed: boolean;
  readonly retryAfter?: number | undefined;
  /** When a failed action is due again. */
  readonly nextAttempt?: number | undefined;
}

export const FIRST_PACE: Pace = { failures: 0, quickUntil: 0 };

const QUICK_PERIOD = 3 * 60_000;
const QUICK_FACTOR = 4;
const LEAST_QUICK = 5000;
/** Polls are never closer than this, whatever the clock does. */
const LEAST_GAP = 1000;
/** After failures it looks at least this often, or once an interval where that is longer. */
const LONGEST_BACK_OFF = 10 * 60_000;
/** A server is not believed when it asks for more. */
const LONGEST_RETRY_AFTER = 60 * 60_000;
/** Parts of an interval: how far a poll may be behind its slot, and how close to a poll a slot is skipped. */
const JITTER = 0.1;
const GUARD = 0.1;

/**
 * A host's place in the interval, evenly spread over hosts and the same after each start.
 * @param identities whatever tells this host from others (machine id, instance id, host name): clones of one image may
 *   have some of them in common, not all
 */
export function phaseOf(identities: readonly string[]): number {
  return Number.parseInt(sha256Hex(identities.join('\n')).slice(0, 12), 16) / 2 ** 48;
}

/**
 * When to poll next. Each host polls in a slot of its own on the wall clock, `(k + phase) * interval`, so that a fleet is
 * spread evenly however it was started; a little jitter parts hosts that share a phase by chance. After failures slots
 * are skipped, a random number up to 1, 2, 4, ..., so that hosts which failed together do not come back together.
 * Retry-After is a lower bound, after which the next own slot counts.
 * @param now milliseconds since 1970; the answer is a duration, so that a clock which is set later does not matter
 * @param random a source of numbers in [0, 1)
 * @returns delay: at most 1.2 intervals when all is well
 */
export function planPoll(
  pace: Pace,
  outcome: PollOutcome,
  { interval, phase }: Rhythm,
  now: number,
  random: () => number,
): { readonly delay: number; readonly pace: Pace } {
  if (outcome.hasFailed) {
    const failures = pace.failures + 1;
    const most = Math.max(1, Math.min(2 ** Math.min(failures - 1, 30), Math.floor(LONGEST_BACK_OFF / interval)));
    const skipped = Math.floor(random() * most) * interval;
    const wait = Math.max(Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER), skipped);
    return { delay: untilSlot(wait, interval, phase, now, random()), pace: { ...pace, failures } };
  }
  const quickUntil = quickEnd(pace, outcome, now);
  const step = now < quickUntil ? Math.min(interval, Math.max(LEAST_QUICK, interval / QUICK_FACTOR)) : interval;
  const delay = untilSlot(0, step, phase, now, random());
  return {
    delay: Math.max(Math.min(delay, outcome.nextAttempt ?? delay), Math.min(LEAST_GAP, interval)),
    pace: { failures: 0, quickUntil },
  };
}

/** A clock that was set back must not stretch the quick time. */
function quickEnd({ quickUntil }: Pace, { changed }: PollOutcome, now: number): number {
  return changed ? now + QUICK_PERIOD : Math.min(quickUntil, now + QUICK_PERIOD);
}

/** Milliseconds until the first own slot that is at least `wait` away. */
function untilSlot(wait: number, step: number, phase: number, now: number, random: number): number {
  const earliest = now + Math.max(wait, GUARD * step);
  const slot = (Math.ceil(earliest / step - phase) + phase) * step;
  return slot - now + random * JITTER * step;
}
