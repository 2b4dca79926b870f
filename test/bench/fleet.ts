import { FIRST_POLL_STATE, type PollState, phaseOf, planPoll } from '../../src/hup/schedule.ts';

/** One kind of guest in a fleet. Times are milliseconds. */
export interface Guest {
  /** When it first polls. */
  readonly first: number;
  /** When it polls again, after a poll at `now` that went well or not. */
  next(now: number, went: Went): number;
}

export interface Went {
  readonly well: boolean;
  readonly changed: boolean;
  readonly retryAfter: number | undefined;
}

export interface Story {
  readonly guests: number;
  /** Milliseconds that are simulated. */
  readonly length: number;
  /** While the server is down. */
  readonly outage?: readonly [from: number, to: number];
  /** What a server that is down still says, milliseconds. */
  readonly retryAfter?: number;
  /** When the metadata of all guests changes at once. */
  readonly change?: number;
}

export type Kind = 'cfn-hup' | 'cron' | 'sleep';

export const INTERVAL = 60_000;
export const SECOND = 1000;
/** Guests of one stack come up within this time. */
const START = 30_000;

/** Numbers in [0, 1) that are the same in each run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The daemon's own scheduling. */
function hupGuest(name: string, random: () => number): Guest {
  const timing = { interval: INTERVAL, phase: phaseOf([name]) };
  let state: PollState = FIRST_POLL_STATE;
  return {
    first: random() * START,
    next(now, { well, changed, retryAfter }) {
      const plan = planPoll(state, { changed, hasFailed: !well, retryAfter }, timing, now, random);
      state = plan.state;
      return now + plan.delay;
    },
  };
}

/** `* * * * *`: each minute, on the minute; the machines' clocks agree, and cron is done within a second. */
function cronGuest(random: () => number): Guest {
  const minute = (now: number): number => (Math.floor(now / 60_000) + 1) * 60_000 + random() * SECOND;
  return { first: minute(0), next: minute };
}

/** A pass, then a sleep of the interval, as aws-cfn-bootstrap's loop has it. */
function sleepGuest(random: () => number): Guest {
  return { first: random() * START, next: (now) => now + 200 + random() * 300 + INTERVAL };
}

/** @returns requests in each second of a story */
export function simulate(kind: Kind, { guests, length, outage, retryAfter, change }: Story, seed = 1): Uint32Array {
  const random = seededRandom(seed);
  const seconds = new Uint32Array(Math.ceil(length / SECOND));
  const makers: Record<Kind, (index: number) => Guest> = {
    'cfn-hup': (index) => hupGuest(`guest-${index}`, random),
    cron: () => cronGuest(random),
    sleep: () => sleepGuest(random),
  };
  for (let index = 0; index < guests; index++) {
    const guest = makers[kind](index);
    let hasChanged = false;
    for (let now = guest.first; now < length; ) {
      const second = Math.floor(now / SECOND);
      seconds[second] = (seconds[second] ?? 0) + 1;
      const well = outage === undefined || now < outage[0] || now >= outage[1];
      const changed: boolean = well && !hasChanged && change !== undefined && now >= change;
      hasChanged ||= changed;
      now = guest.next(now, { well, changed, retryAfter: well ? undefined : retryAfter });
    }
  }
  return seconds;
}

/** The most requests in one second, from one second to another. */
export function peak(seconds: Uint32Array, from: number, to: number): number {
  return Math.max(...seconds.subarray(from, to));
}

/** Requests per second on average. */
export function mean(seconds: Uint32Array, from: number, to: number): number {
  return seconds.subarray(from, to).reduce((sum, count) => sum + count, 0) / (to - from);
}
