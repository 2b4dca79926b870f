import { isRecord, parseJson, textOf } from '../json.ts';
import { sha256Hex } from '../signing/signature-v4.ts';
import { isoTime, isTimeText } from '../time.ts';
import type { Hook, Trigger } from './hooks.ts';
import { type Acknowledged, type Observation, triggersOf } from './observation.ts';

/** The saved state of a hook; each hook has its own file. Times are ISO texts. */
export interface HookState {
  readonly hook: string;
  /** The files that the hook was read from, see Origin. Earlier versions saved neither, or only `file`. */
  readonly main: string | undefined;
  readonly file: string | undefined;
  /** cloud-init's id of the instance that wrote the record; undefined where it is not known. */
  readonly instance: string | undefined;
  /** The path in the file when the hook last ran. A hook with another path is a new hook. */
  readonly path: string;
  readonly acknowledged: Acknowledged;
  /** The hook has the trigger service.restarted, a service was restarted, and the hook has not succeeded since. */
  readonly isRestartPending: boolean;
  /** Runs of the action for the value of `failing`, including the current one. */
  readonly attempts: number;
  /** Digest of the value that the attempts are for. */
  readonly failing: string | undefined;
  /** The action does not run before this time; undefined for the next pass. */
  readonly nextAttempt: string | undefined;
  readonly isParked: boolean;
  readonly lastChange: string | undefined;
  readonly lastSuccess: string | undefined;
  readonly lastFailure: string | undefined;
  /** Of the last failure, in one line, without secrets. */
  readonly reason: string | undefined;
}

const VERSION = 1;
/** Milliseconds. */
const FIRST_WAIT = 10_000;
const LONGEST_WAIT = 600_000;

/** The state of a hook that was never seen. */
export function newHookState(hook: Hook, acknowledged: Acknowledged): HookState {
  return {
    hook: hook.name,
    ...hook.origin,
    instance: undefined,
    path: hook.path.text,
    acknowledged,
    isRestartPending: false,
    attempts: 0,
    failing: undefined,
    nextAttempt: undefined,
    isParked: false,
    lastChange: undefined,
    lastSuccess: undefined,
    lastFailure: undefined,
    reason: undefined,
  };
}

export type Decision =
  /** Nothing has happened. */
  | { readonly kind: 'rest' }
  /** The value has changed in a way that is none of the hook's triggers. */
  | { readonly kind: 'acknowledge' }
  /** The action has failed, and is not due yet. */
  | { readonly kind: 'wait'; readonly milliseconds: number }
  /** The action has failed, or did not finish, too often. */
  | { readonly kind: 'parked' }
  /** `attempts` counts the failed runs before this one. */
  | { readonly kind: 'run'; readonly triggers: readonly Trigger[]; readonly attempts: number };

/**
 * Decides what to do for a hook that sees this value.
 * @param maxAttempts the limit of runs; starts are counted, so that an action that takes the machine down counts too
 */
export function decide(state: HookState, value: Observation, hook: Hook, maxAttempts: number, now: Date): Decision {
  const happened = [...triggersOf(state.acknowledged, value, hook.path), ...reverted(state, value, hook)];
  const all: readonly Trigger[] = state.isRestartPending ? [...happened, 'service.restarted'] : happened;
  const triggers = all.filter((trigger) => hook.triggers.includes(trigger));
  if (triggers.length === 0) {
    const isClean = !state.isRestartPending && state.failing === undefined;
    return isAcknowledged(state, value) && isClean ? { kind: 'rest' } : { kind: 'acknowledge' };
  }
  if (state.failing !== digestOf(value)) return { kind: 'run', triggers, attempts: 0 };
  if (state.isParked || state.attempts >= maxAttempts) return { kind: 'parked' };
  const milliseconds = waitOf(state, now);
  return milliseconds > 0 ? { kind: 'wait', milliseconds } : { kind: 'run', triggers, attempts: state.attempts };
}

function isAcknowledged({ acknowledged }: HookState, value: Observation): boolean {
  return acknowledged.kind === 'value' && acknowledged.value === value;
}

/**
 * The triggers when the value is back that the hook has handled, after the action was started for another value: for example
 * after a stack update that was rolled back. The action may have left the machine half changed.
 */
function reverted(state: HookState, value: Observation, { path }: Hook): readonly Trigger[] {
  const { failing } = state;
  if (failing === undefined || !isAcknowledged(state, value)) return [];
  if (value === null) return ['post.remove'];
  // The failed action was for the same value. If it was for a restarted service, isRestartPending triggers it.
  if (failing === digestOf(value)) return state.isRestartPending ? [] : ['post.add', 'post.update'];
  return triggersOf({ kind: 'value', value: failing === digestOf(null) ? null : `not ${value}` }, value, path);
}

/** The state to save before the action runs. It also counts the attempts of an action that reboots the machine. */
export function afterStart(state: HookState, value: Observation, attempts: number, now: Date): HookState {
  const isNew = state.failing !== digestOf(value);
  return {
    ...state,
    attempts: attempts + 1,
    failing: digestOf(value),
    nextAttempt: dueAfter(attempts + 1, now),
    isParked: false,
    lastChange: isNew ? isoTime(now) : state.lastChange,
    reason: isNew ? undefined : state.reason,
  };
}

/** The state after the hook has handled the value: its action succeeded, or the change is none of its triggers. */
export function afterSuccess(state: HookState, value: Observation, now: Date, ran: boolean): HookState {
  return {
    ...state,
    acknowledged: { kind: 'value', value },
    isRestartPending: false,
    attempts: 0,
    failing: undefined,
    nextAttempt: undefined,
    isParked: false,
    lastChange: ran ? state.lastChange : isoTime(now),
    lastSuccess: ran ? isoTime(now) : state.lastSuccess,
    reason: undefined,
  };
}

/** The state after the action failed. @param state the result of afterStart */
export function afterFailure(state: HookState, reason: string, maxAttempts: number, now: Date): HookState {
  return {
    ...state,
    nextAttempt: dueAfter(state.attempts, now),
    isParked: state.attempts >= maxAttempts,
    lastFailure: isoTime(now),
    reason,
  };
}

/** Milliseconds until a failed action is due. A longer wait than the longest means that the clock was set back: then it is due. */
export function waitOf({ nextAttempt }: HookState, now: Date): number {
  const left = nextAttempt === undefined ? 0 : Date.parse(nextAttempt) - now.getTime();
  return left > 0 && left <= LONGEST_WAIT ? left : 0;
}

/** After the first failure at the next pass; then after 10 s, doubled up to 10 min (contract section 5, cfn-hup). */
function dueAfter(attempts: number, now: Date): string | undefined {
  if (attempts < 2) return undefined;
  const wait = Math.min(FIRST_WAIT * 2 ** Math.min(attempts - 2, 30), LONGEST_WAIT);
  return isoTime(new Date(now.getTime() + wait));
}

function digestOf(value: Observation): string {
  return value === null ? 'nothing' : sha256Hex(value);
}

/** The text of a state for its file; decodeHookState reads it. */
export function encodeHookState(state: HookState): string {
  return `${JSON.stringify({ version: VERSION, ...state })}\n`;
}

/** @returns what is wrong, in a few words, when the text is not a state */
export function decodeHookState(text: string): HookState | string {
  const result = parseJson(text);
  if ('problem' in result) return result.problem;
  const { value } = result;
  if (!isRecord(value)) return 'it is not an object';
  if (value['version'] !== VERSION) return `its version is not ${VERSION}`;
  const { hook, path, attempts, isParked, isRestartPending } = value;
  const acknowledged = decodeAcknowledged(value['acknowledged']);
  const isSound =
    typeof hook === 'string' &&
    typeof path === 'string' &&
    typeof isParked === 'boolean' &&
    typeof isRestartPending === 'boolean' &&
    typeof attempts === 'number' &&
    Number.isInteger(attempts) &&
    attempts >= 0;
  if (!isSound || acknowledged === undefined) return 'a field is missing or has the wrong type';
  return {
    hook,
    main: textOf(value['main']),
    file: textOf(value['file']),
    instance: textOf(value['instance']),
    path,
    acknowledged,
    isRestartPending,
    attempts,
    isParked,
    failing: textOf(value['failing']),
    nextAttempt: timeOf(value['nextAttempt']),
    lastChange: timeOf(value['lastChange']),
    lastSuccess: timeOf(value['lastSuccess']),
    lastFailure: timeOf(value['lastFailure']),
    reason: textOf(value['reason']),
  };
}

function decodeAcknowledged(value: unknown): Acknowledged | undefined {
  if (!isRecord(value)) return undefined;
  if (value['kind'] === 'nothing' || value['kind'] === 'unknown') return { kind: value['kind'] };
  const acknowledged = value['value'];
  if (value['kind'] !== 'value' || !(acknowledged === null || typeof acknowledged === 'string')) return undefined;
  return { kind: 'value', value: acknowledged };
}

function timeOf(value: unknown): string | undefined {
  return isTimeText(value) ? value : undefined;
}
