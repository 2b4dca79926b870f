import type { StackResource } from '../heat/answer.ts';
import type { Log } from '../log.ts';
import type { About, EventName } from '../logging/events.ts';
import type { Redactor } from '../redact.ts';
import type { System } from '../system/system.ts';
import { runAction } from './action.ts';
import { forgetRunning, noteRunning } from './following.ts';
import type { Hook } from './hook.ts';
import { afterFailure, afterStart, afterSuccess, type Decision, decide, type HookState, waitOf } from './hook-state.ts';
import type { HupSettings } from './hup-config.ts';
import { type Observation, observe } from './observation.ts';
import { readPublished } from './published.ts';

export interface DealerTools {
  readonly system: System;
  readonly redactor: Redactor;
  /** Says once what lasts. */
  readonly log: Log;
  /** For what happens anew each time, though it may read the same. */
  readonly events: Log;
}

/** What dealing with hooks has come to. */
export interface Tally {
  /** Some hook saw a change. */
  changed: boolean;
  failedActions: number;
  /** Hooks that do not run until what they look at changes. */
  parkedHooks: number;
  /** Milliseconds from now until a failed action is due again. */
  nextAttempt: number | undefined;
}

/** Compares what hooks look at with what they have dealt with, and runs the actions that are due. */
export class Dealer {
  readonly tally: Tally = { changed: false, failedActions: 0, parkedHooks: 0, nextAttempt: undefined };
  readonly #tools: DealerTools;
  readonly #settings: HupSettings;
  readonly #keep: (hook: Hook, state: HookState) => void;

  /** @param keep records the state of a hook; what cannot be recorded is not done */
  constructor(tools: DealerTools, settings: HupSettings, keep: (hook: Hook, state: HookState) => void) {
    this.#tools = tools;
    this.#settings = settings;
    this.#keep = keep;
  }

  /**
   * @param resource what Heat says now; undefined when it says nothing
   * @throws what `keep` throws
   */
  async deal(hook: Hook, state: HookState, resource: StackResource | undefined): Promise<void> {
    // Without news from Heat only a restarted service can be a reason.
    if (resource === undefined && !(state.isRestartPending && state.acknowledged.kind === 'value')) return;
    const value = resource === undefined ? acknowledgedValue(state) : observe(resource, hook.path);
    const { clock } = this.#tools.system;
    const decision = decide(state, value, hook, this.#settings.maxAttempts, clock.now());
    if (decision.kind === 'wait') this.#await(decision.milliseconds);
    else if (decision.kind === 'parked') {
      this.tally.parkedHooks++;
      if (!state.isParked) this.#keep(hook, { ...state, isParked: true });
      this.#tools.log.error(parkedLine(state), this.#about(hook, 'hookParked', 'parked'));
    } else if (decision.kind === 'acknowledge') {
      this.tally.changed = true;
      this.#keep(hook, afterSuccess(state, value, clock.now(), false));
    } else if (decision.kind === 'run') await this.#act(hook, state, value, resource, decision);
  }

  async #act(
    hook: Hook,
    state: HookState,
    value: Observation,
    resource: StackResource | undefined,
    { triggers, attempts }: Extract<Decision, { kind: 'run' }>,
  ): Promise<void> {
    const { system, events, log, redactor } = this.#tools;
    const { maxAttempts } = this.#settings;
    if (attempts === 0) this.tally.changed = true;
    const started = afterStart(state, value, attempts, system.clock.now());
    this.#keep(hook, started);
    events.info(`the hook ${hook.name}: ${triggers.join(', ')}: running its action`, this.#about(hook, 'actionBegun'));
    const cause = {
      before: acknowledgedValue(state),
      now: value,
      metadata: resource?.metadata.text ?? readPublished(system, hook.path.resource),
    };
    noteRunning(system, hook);
    const reason = await runAction(hook, cause, this.#settings, { system, log: events }).finally(() =>
      forgetRunning(system),
    );
    const now = system.clock.now();
    if (reason === undefined) {
      events.info(`the hook ${hook.name}: its action succeeded`, this.#about(hook, 'actionDone', 'succeeded'));
      this.#keep(hook, afterSuccess(started, value, now, true));
      return;
    }
    this.tally.failedActions++;
    const failed = afterFailure(started, redactor.redact(reason), maxAttempts, now);
    const attempt = `attempt ${failed.attempts} of ${maxAttempts}`;
    events.error(
      `the action of the hook ${hook.name} failed (${attempt}): ${reason}`,
      this.#about(hook, 'actionFailed', 'failed'),
    );
    if (failed.isParked) this.tally.parkedHooks++;
    if (failed.isParked) log.error(parkedLine(failed), this.#about(hook, 'hookParked', 'parked'));
    else this.#await(waitOf(failed, now));
    this.#keep(hook, failed);
  }

  #about({ name, path }: Hook, event: EventName, state?: string): About {
    return { event, state, hook: name, resource: path.resource, stack: this.#settings.stack };
  }

  #await(milliseconds: number): void {
    // What is due at the next pass anyway is no reason for an earlier one.
    if (milliseconds > 0)
      this.tally.nextAttempt = Math.min(milliseconds, this.tally.nextAttempt ?? Number.POSITIVE_INFINITY);
  }
}

function acknowledgedValue({ acknowledged }: HookState): Observation {
  return acknowledged.kind === 'value' ? acknowledged.value : null;
}

function parkedLine({ hook, attempts, reason }: HookState): string {
  return `the hook ${hook} is parked after ${attempts} failed attempts: ${reason ?? 'its action did not come back'}: it runs again when what it looks at changes`;
}
