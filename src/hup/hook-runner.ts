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
  /** Logs a lasting problem only once. */
  readonly log: Log;
  /** For events, which are logged each time even if the text is the same. */
  readonly events: Log;
}

/** The result of running the hooks of a pass. */
interface HookSummary {
  /** At least one hook saw a change. */
  changed: boolean;
  failedActions: number;
  /** Hooks that do not run until the value at their path changes. */
  parkedHooks: number;
  /** Milliseconds from now until a failed action is due again. */
  nextAttempt: number | undefined;
}

/** Compares the current value of each hook with the value that it has handled, and runs the actions that are due. */
export class HookRunner {
  readonly summary: HookSummary = { changed: false, failedActions: 0, parkedHooks: 0, nextAttempt: undefined };
  readonly #tools: HookRunnerTools;
  readonly #settings: HupSettings;
  readonly #keep: (hook: Hook, state: HookState) => void;

  /** @param keep saves the state of a hook; an action does not run when its state cannot be saved */
  constructor(tools: HookRunnerTools, settings: HupSettings, keep: (hook: Hook, state: HookState) => void) {
    this.#tools = tools;
    this.#settings = settings;
    this.#keep = keep;
  }

  /**
   * @param resource the current answer of Heat; undefined when there is none
   * @throws the errors of `keep`
   */
  async run(hook: Hook, state: HookState, resource: StackResource | undefined): Promise<void> {
    // Without an answer from Heat, only a restarted service can trigger the hook.
    if (resource === undefined && !(state.isRestartPending && state.acknowledged.kind === 'value')) return;
    const value = resource === undefined ? acknowledgedValue(state) : observe(resource, hook.path);
    const { clock } = this.#tools.system;
    const decision = decide(state, value, hook, this.#settings.maxAttempts, clock.now());
    if (decision.kind === 'wait') this.#scheduleAttempt(decision.milliseconds);
    else if (decision.kind === 'parked') {
      this.summary.parkedHooks++;
      if (!state.isParked) this.#keep(hook, { ...state, isParked: true });
      this.#tools.log.error(parkedLine(state), this.#logFields(hook, 'hookParked', 'parked'));
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
    events.info(
      `the hook ${hook.name}: ${triggers.join(', ')}: running its action`,
      this.#logFields(hook, 'actionBegun'),
    );
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
      events.info(`the hook ${hook.name}: its action succeeded`, this.#logFields(hook, 'actionDone', 'succeeded'));
      this.#keep(hook, afterSuccess(started, value, now, true));
      return;
    }
    this.summary.failedActions++;
    const failed = afterFailure(started, redactor.redact(reason), maxAttempts, now);
    const attempt = `attempt ${failed.attempts} of ${maxAttempts}`;
    events.error(
      `the action of the hook ${hook.name} failed (${attempt}): ${reason}`,
      this.#logFields(hook, 'actionFailed', 'failed'),
    );
    if (failed.isParked) this.summary.parkedHooks++;
    if (failed.isParked) log.error(parkedLine(failed), this.#logFields(hook, 'hookParked', 'parked'));
    else this.#scheduleAttempt(waitOf(failed, now));
    this.#keep(hook, failed);
  }

  #logFields({ name, path }: Hook, event: EventName, state?: string): About {
    return { event, state, hook: name, resource: path.resource, stack: this.#settings.stack };
  }

  #scheduleAttempt(milliseconds: number): void {
    // An attempt that is due at the next pass anyway needs no earlier pass.
    if (milliseconds > 0)
      this.summary.nextAttempt = Math.min(milliseconds, this.summary.nextAttempt ?? Number.POSITIVE_INFINITY);
  }
}

function acknowledgedValue({ acknowledged }: HookState): Observation {
  return acknowledged.kind === 'value' ? acknowledged.value : null;
}

function parkedLine({ hook, attempts, reason }: HookState): string {
  return `the hook ${hook} is parked after ${attempts} failed attempts: ${reason ?? 'its action did not finish'}: it runs again when the value at its path changes`;
}

/** The change that an action runs for. */
export interface ActionCause {
  readonly before: Observation;
  readonly now: Observation;
  /** The newest metadata of the resource: the action may print its secrets. Undefined when it is not known. */
  readonly metadata: string | undefined;
}

interface ActionTools {
  readonly system: System;
  readonly log: Log;
}

/** Linux's limit for one variable, including its name and the NUL at its end (MAX_ARG_STRLEN). */
const LONGEST_VARIABLE = 128 * 1024;
const NAMES: Readonly<Record<HookPath['kind'], string>> = {
  metadata: 'METADATA',
  'physical-id': 'PHYSICAL_RESOURCE_ID',
  'last-updated': 'LAST_UPDATED',
};
/** Variables for the daemon alone: with those of systemd, an action could send messages to systemd as if it were the daemon. */
const DAEMON_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'MALLOC_ARENA_MAX',
];

/**
 * Runs the action of a hook with /bin/sh in `/`, as its user: real, effective and saved ids, the user's own groups, HOME and
 * USER. It gets CFN_OLD_ and CFN_NEW_ with METADATA, PHYSICAL_RESOURCE_ID or LAST_UPDATED (aws-cfn-bootstrap, update_hooks).
 * An action of another user does not get the credentials in our environment. Its output goes to the log, without the secrets
 * of the metadata. After the time-out all its processes are ended.
 * @returns undefined when it succeeded; else the reason, in one line without secrets
 */
export async function runAction(
  hook: Hook,
  cause: ActionCause,
  settings: Pick<HupSettings, 'umask' | 'actionTimeout'>,
  { system, log }: ActionTools,
): Promise<string | undefined> {
  // A redactor for this action alone: in the daemon's own, the values of all updates would pile up.
  const redactor = await redactorOf(hook, cause);
  try {
    const user = await system.accounts.user(hook.runas);
    if (user === undefined)
      throw new Problem(`no user ${hook.runas}`, { where: hook.file, hint: 'create the user, or correct runas' });
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
      return `it ran longer than ${settings.actionTimeout / 1000} s and was ended: raise action-timeout if it needs more time`;
    if (cut === 'abort') return 'it was ended because cfn-hup was stopped';
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
  for (const name of DAEMON_VARIABLES) delete environment[name];
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
        `the action of ${hook.name} runs without ${name}: ${isTooLong ? 'its value is longer than 128 KiB' : 'its value contains a NUL'}: use cfn-get-metadata in the action`,
      );
  }
  return environment;
}

/**
 * Makes a redactor that knows the secrets of the metadata, and those in the values that the hook has seen, by the names at
 * their path. The other values are not hidden: the action works with them.
 */
async function redactorOf({ path }: Hook, { before, now, metadata }: ActionCause): Promise<Redactor> {
  const redactor = new Redactor();
  const seen = path.kind === 'metadata' ? [before, now].filter((value) => value !== null) : [];
  const texts = seen.map((value) => path.keys.reduceRight((text, key) => `{${JSON.stringify(key)}:${text}}`, value));
  // Loaded here, so that a daemon without changes does not hold the schemas in memory.
  const { secretsOf } = await import('../config/decode.ts');
  for (const text of metadata === undefined ? texts : [...texts, metadata]) {
    const parsed = parseJson(text);
    if ('problem' in parsed) continue;
    const { secrets, privateTexts, openTexts } = secretsOf({ value: parsed.value, text });
    for (const secret of secrets) redactor.addSecret(secret);
    redactor.addPrivateTexts(privateTexts, openTexts);
    redactor.addDocument(parsed.value, text);
  }
  // The value may be a part of a private file: the hook does not see the mode of the file.
  if (path.keys.includes('files'))
    redactor.addPrivateTexts(seen.map((value) => ({ text: plainText(value) ?? '', isExecutable: false })));
  return redactor;
}

/** The actions that run now, so that a process that must stop can end them. */
export interface RunningActions {
  /** Passes start programs through it. */
  readonly exec: Exec;
  readonly count: number;
  /** Ends them with all their processes. */
  abort(): void;
}

/** Wraps `exec` to count the actions that it runs, and to end them. */
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
