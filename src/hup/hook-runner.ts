import { describeError, lastLine, Problem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import { parseJson } from '../json.ts';
import type { About, EventName, Log } from '../logging/log.ts';
import { Redactor } from '../redact.ts';
import { type CommandUser, commandEnvironment } from '../system/programs/environment.ts';
import type { Environment, Exec } from '../system/programs/exec.ts';
import type { System } from '../system/system.ts';
import { afterFailure, afterStart, afterSuccess, type Decision, decide, type HookState, waitOf } from './hook-state.ts';
import type { Hook, HookPath } from './hooks.ts';
import { readPublished } from './notes.ts';
import { type Observation, observe, plainText } from './observation.ts';
import { forgetRunning, noteRunning } from './other-loops.ts';
import type { HupSettings } from './settings.ts';

interface HookRunnerTools {
  readonly system: System;
  readonly redactor: Redactor;
  /** Says once what lasts. */
  readonly log: Log;
  /** For what happens anew each time, though it may read the same. */
  readonly events: Log;
}

/** What dealing with hooks has come to. */
interface HookSummary {
  /** Some hook saw a change. */
  changed: boolean;
  failedActions: number;
  /** Hooks that do not run until what they look at changes. */
  parkedHooks: number;
  /** Milliseconds from now until a failed action is due again. */
  nextAttempt: number | undefined;
}

/** Compares what hooks look at with what they have dealt with, and runs the actions that are due. */
export class HookRunner {
  readonly summary: HookSummary = { changed: false, failedActions: 0, parkedHooks: 0, nextAttempt: undefined };
  readonly #tools: HookRunnerTools;
  readonly #settings: HupSettings;
  readonly #keep: (hook: Hook, state: HookState) => void;

  /** @param keep records the state of a hook; what cannot be recorded is not done */
  constructor(tools: HookRunnerTools, settings: HupSettings, keep: (hook: Hook, state: HookState) => void) {
    this.#tools = tools;
    this.#settings = settings;
    this.#keep = keep;
  }

  /**
   * @param resource what Heat says now; undefined when it says nothing
   * @throws what `keep` throws
   */
  async run(hook: Hook, state: HookState, resource: StackResource | undefined): Promise<void> {
    // Without news from Heat only a restarted service can be a reason.
    if (resource === undefined && !(state.isRestartPending && state.acknowledged.kind === 'value')) return;
    const value = resource === undefined ? acknowledgedValue(state) : observe(resource, hook.path);
    const { clock } = this.#tools.system;
    const decision = decide(state, value, hook, this.#settings.maxAttempts, clock.now());
    if (decision.kind === 'wait') this.#await(decision.milliseconds);
    else if (decision.kind === 'parked') {
      this.summary.parkedHooks++;
      if (!state.isParked) this.#keep(hook, { ...state, isParked: true });
      this.#tools.log.error(parkedLine(state), this.#about(hook, 'hookParked', 'parked'));
    } else if (decision.kind === 'acknowledge') {
      this.summary.changed = true;
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
    if (attempts === 0) this.summary.changed = true;
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
    this.summary.failedActions++;
    const failed = afterFailure(started, redactor.redact(reason), maxAttempts, now);
    const attempt = `attempt ${failed.attempts} of ${maxAttempts}`;
    events.error(
      `the action of the hook ${hook.name} failed (${attempt}): ${reason}`,
      this.#about(hook, 'actionFailed', 'failed'),
    );
    if (failed.isParked) this.summary.parkedHooks++;
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
      this.summary.nextAttempt = Math.min(milliseconds, this.summary.nextAttempt ?? Number.POSITIVE_INFINITY);
  }
}

function acknowledgedValue({ acknowledged }: HookState): Observation {
  return acknowledged.kind === 'value' ? acknowledged.value : null;
}

function parkedLine({ hook, attempts, reason }: HookState): string {
  return `the hook ${hook} is parked after ${attempts} failed attempts: ${reason ?? 'its action did not come back'}: it runs again when what it looks at changes`;
}

/** What an action is told. */
export interface ActionCause {
  readonly before: Observation;
  readonly now: Observation;
  /** The newest metadata of the resource, whose secrets the action may print; undefined when it is not known. */
  readonly metadata: string | undefined;
}

interface ActionTools {
  readonly system: System;
  readonly log: Log;
}

/** Linux takes no longer text for one variable, its name and the NUL at its end included (MAX_ARG_STRLEN). */
const LONGEST_VARIABLE = 128 * 1024;
const NAMES: Readonly<Record<HookPath['kind'], string>> = {
  metadata: 'METADATA',
  'physical-id': 'PHYSICAL_RESOURCE_ID',
  'last-updated': 'LAST_UPDATED',
};
/** What systemd tells us alone, by which an action would speak in our name, and what keeps the daemon small. */
const OURS_ALONE = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'MALLOC_ARENA_MAX',
];

/**
 * Runs the action of a hook by /bin/sh in `/`, as its user: real, effective and saved ids, the user's own groups, HOME and USER.
 * It gets CFN_OLD_ and CFN_NEW_ with METADATA, PHYSICAL_RESOURCE_ID or LAST_UPDATED (aws-cfn-bootstrap, update_hooks), and does
 * not get the credentials of our environment where it is another user's. What it prints goes to the log, without secrets of
 * the metadata. When its time is over, all that it started is ended.
 * @returns undefined when it succeeded, else why not, in one line without secrets
 */
export async function runAction(
  hook: Hook,
  cause: ActionCause,
  settings: Pick<HupSettings, 'umask' | 'actionTimeout'>,
  { system, log }: ActionTools,
): Promise<string | undefined> {
  // Its own, that goes away with the action: the values of all updates would pile up in a daemon.
  const redactor = await redactorOf(hook, cause);
  try {
    const user = await system.accounts.user(hook.runas);
    if (user === undefined)
      throw new Problem(`no user ${hook.runas}`, { where: hook.file, hint: 'runas names who the action runs as' });
    const isOther = user.uid !== system.self.uid;
    const { exitCode, output, reason, cut } = await system.exec.command(hook.action, {
      cwd: '/',
      env: actionEnvironment(hook, cause, { ...user, isOther }, system.environment, log),
      umask: settings.umask,
      timeout: settings.actionTimeout,
      ...(isOther ? { as: { uid: user.uid, gid: user.gid, groups: await system.accounts.gidsOf(user) } } : {}),
    });
    const printed = redactor.redact(output.trimEnd());
    if (printed !== '') log.info(`the action of ${hook.name} printed\n${printed}`);
    if (cut === 'timeout')
      return `it ran longer than ${settings.actionTimeout / 1000} s and was ended: action-timeout is the bound`;
    if (cut === 'abort') return 'it was ended, since cfn-hup was told to stop';
    if (exitCode === 0) return undefined;
    const why = reason === undefined ? '' : `: ${redactor.redact(reason)}`;
    return `it ended with exit code ${exitCode}: ${lastLine(printed)}${why}`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return redactor.redact(describeError(error));
  }
}

function actionEnvironment(
  hook: Hook,
  { before, now }: ActionCause,
  user: CommandUser,
  machine: Environment,
  log: Log,
): Environment {
  const environment: Record<string, string | undefined> = { ...commandEnvironment(machine, undefined, user) };
  for (const name of OURS_ALONE) delete environment[name];
  for (const name of Object.values(NAMES)) for (const age of ['OLD', 'NEW']) delete environment[`CFN_${age}_${name}`];
  for (const [age, observation] of [
    ['OLD', before],
    ['NEW', now],
  ] as const) {
    const name = `CFN_${age}_${NAMES[hook.path.kind]}`;
    const value = plainText(observation);
    if (value === undefined) continue;
    const isTooLong = Buffer.byteLength(value) + name.length + 2 > LONGEST_VARIABLE;
    if (!isTooLong && !value.includes('\0')) environment[name] = value;
    else
      log.warning(
        `the action of ${hook.name} runs without ${name}: ${isTooLong ? 'its value is longer than 128 KiB' : 'its value has a NUL in it'}: use cfn-get-metadata in the action`,
      );
  }
  return environment;
}

/**
 * Knows what the metadata calls secret, and what the values do that the hook has seen, by the names at their path; what they are
 * besides is what the action is for.
 */
async function redactorOf({ path }: Hook, { before, now, metadata }: ActionCause): Promise<Redactor> {
  const redactor = new Redactor();
  const seen = path.kind === 'metadata' ? [before, now].filter((value) => value !== null) : [];
  const texts = seen.map((value) => path.keys.reduceRight((text, key) => `{${JSON.stringify(key)}:${text}}`, value));
  // Loaded here: a daemon for which nothing happens stays smaller by the schemas.
  const { secretsOf } = await import('../config/decode.ts');
  for (const text of metadata === undefined ? texts : [...texts, metadata]) {
    const parsed = parseJson(text);
    if ('problem' in parsed) continue;
    const { secrets, privateTexts, openTexts } = secretsOf({ value: parsed.value, text });
    for (const secret of secrets) redactor.addSecret(secret);
    redactor.addPrivateTexts(privateTexts, openTexts);
    redactor.addDocument(parsed.value, text);
  }
  // A part of a file, which may be a private one: its mode is not among what the hook looks at.
  if (path.keys.includes('files'))
    redactor.addPrivateTexts(seen.map((value) => ({ text: plainText(value) ?? '', isExecutable: false })));
  return redactor;
}

/** The actions that run right now, for one who has to end. */
export interface RunningActions {
  /** The door for passes. */
  readonly exec: Exec;
  readonly count: number;
  /** Ends them, with all that they started. */
  abort(): void;
}

/** Wraps the door to programs, so that what was started through it can be counted and ended. */
export function watchActions(exec: Exec): RunningActions {
  const controller = new AbortController();
  let count = 0;
  return {
    exec: {
      ...exec,
      async command(command, options) {
        count++;
        try {
          return await exec.command(command, { ...options, abort: options.abort ?? controller.signal });
        } finally {
          count--;
        }
      },
    },
    get count() {
      return count;
    },
    abort: () => controller.abort(),
  };
}
