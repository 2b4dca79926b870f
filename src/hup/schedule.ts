import { sha256Hex } from '../signing/signature-v4.ts';

/** The settings of a host's polls. */
export interface PollTiming {
  /** Milliseconds from one poll to the next while nothing happens. */
  readonly interval: number;
  /** The position of the host's slot in an interval, in [0, 1). */
  readonly phase: number;
}

/** The state that is kept from one poll to the next. */
export interface PollState {
  /** Polls in a row that failed. */
  readonly failures: number;
  /** Until this time (milliseconds since 1970) it polls more often: changes rarely come alone. */
  readonly quickUntil: number;
}

/** The result of a poll. Times are milliseconds from now. */
export interface PollOutcome {
  readonly changed: boolean;
  /** The server returned nothing, or asked us to wait. */
  readonly hasFailed: boolean;
  readonly retryAfter?: number | undefined;
  /** When a failed action is due again. */
  readonly nextAttempt?: number | undefined;
}

export const FIRST_POLL_STATE: PollState = { failures: 0, quickUntil: 0 };

const QUICK_PERIOD = 3 * 60_000;
const QUICK_FACTOR = 4;
const LEAST_QUICK = 5000;
/** Polls are never closer than this, whatever the clock does. */
const LEAST_GAP = 1000;
/** After failures it polls at least this often, or once an interval if that is longer. */
const LONGEST_BACK_OFF = 10 * 60_000;
/** A longer Retry-After is cut to this. */
const LONGEST_RETRY_AFTER = 60 * 60_000;
/** Fractions of an interval: how late after its slot a poll may be, and how soon after a poll a slot is skipped. */
const JITTER = 0.1;
const GUARD = 0.1;

/**
 * The position of a host's slot in the interval: evenly spread over hosts, and the same after each start.
 * @param identities what identifies this host (machine id, instance id, host name): clones of one image may share some of
 *   them, but not all
 */
export function phaseOf(identities: readonly string[]): number {
  return Number.parseInt(sha256Hex(identities.join('\n')).slice(0, 12), 16) / 2 ** 48;
}

/**
 * Plans the next poll. Each host polls in its own slot on the wall clock, `(k + phase) * interval`. So a fleet is spread
 * evenly, however it was started. A little jitter separates hosts that share a phase by chance. After failures it skips a
 * random number of slots, up to 1, 2, 4 and so on, so that hosts which failed together do not come back together.
 * Retry-After is a lower bound: the first slot after it is used.
 * @param now milliseconds since 1970; the result is a duration, so that setting the clock later does not matter
 * @param random a source of numbers in [0, 1)
 * @returns delay: at most 1.2 intervals when all is well
 */
export function planPoll(
  state: PollState,
  outcome: PollOutcome,
  { interval, phase }: PollTiming,
  now: number,
  random: () => number,
): { readonly delay: number; readonly state: PollState } {
  if (outcome.hasFailed) {
    const failures = state.failures + 1;
    const most = Math.max(1, Math.min(2 ** Math.min(failures - 1, 30), Math.floor(LONGEST_BACK_OFF / interval)));
    const skipped = Math.floor(random() * most) * interval;
    const wait = Math.max(Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER), skipped);
    return { delay: untilSlot(wait, interval, phase, now, random()), state: { ...state, failures } };
  }
  const quickUntil = quickEnd(state, outcome, now);
  const step = now < quickUntil ? Math.min(interval, Math.max(LEAST_QUICK, interval / QUICK_FACTOR)) : interval;
  const delay = untilSlot(0, step, phase, now, random());
  return {
    delay: Math.max(Math.min(delay, outcome.nextAttempt ?? delay), Math.min(LEAST_GAP, interval)),
    state: { failures: 0, quickUntil },
  };
}

/** The end of the quick polls. A clock that was set back must not make it later. */
function quickEnd({ quickUntil }: PollState, { changed }: PollOutcome, now: number): number {
  return changed ? now + QUICK_PERIOD : Math.min(quickUntil, now + QUICK_PERIOD);
}

/** Milliseconds until the first slot of this host that is at least `wait` away. */
function untilSlot(wait: number, step: number, phase: number, now: number, random: number): number {
  const earliest = now + Math.max(wait, GUARD * step);
  const slot = (Math.ceil(earliest / step - phase) + phase) * step;
  return slot - now + random * JITTER * step;
}
