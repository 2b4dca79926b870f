import { Problem } from '../errors.ts';
import type { StackResource } from '../heat/answer.ts';
import type { KnownAnswer } from '../heat/describe.ts';
import { createNativeMemory, type NativeMemory } from '../heat/keystone.ts';
import type { About, Log } from '../logging/log.ts';
import type { HeatTools } from '../metadata/heat-source.ts';
import { paths } from '../paths.ts';
import type { Redactor } from '../redact.ts';
import type { System } from '../system/system.ts';
import { fetchResources } from './fetch.ts';
import { HookRunner } from './hook-runner.ts';
import { type HookState, newHookState } from './hook-state.ts';
import type { Hook } from './hooks.ts';
import {
  type FetchFailure,
  forgetLastAnswer,
  noteLastAnswer,
  noteLastChecks,
  noteUnkept,
  publish,
  readPublished,
} from './notes.ts';
import { baselineOf } from './observation.ts';
import { createServiceMemory, restartServices, type ServiceMemory, watchedServices } from './service-watch.ts';
import type { HupConfig } from './settings.ts';
import { awaitsOwnBoot, readHookState, removeOtherStates, stateKey, writeHookState } from './state-files.ts';

export interface PassTools {
  readonly system: System;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly readSecretFile: HeatTools['readSecretFile'];
}

/** The memory between the passes of one process. A single pass has a new one. */
export interface PassMemory {
  readonly complaints: Complaints;
  /** By resource. */
  readonly answers: Map<string, KnownAnswer>;
  readonly heat: NativeMemory;
  readonly services: ServiceMemory;
}

export interface PassOptions {
  /** The number of attempts to fetch a resource; undefined for the configured number. */
  readonly attempts?: number;
  /** True when no further action may be started. */
  readonly isStopping: () => boolean;
}

export interface PassResult {
  /** At least one hook saw a change. */
  readonly changed: boolean;
  /** The numbers of resources that Heat returned, and did not return. */
  readonly fetched: number;
  readonly unfetched: number;
  readonly failedActions: number;
  /** Hooks that have failed too often, and do not run until the value at their path changes. */
  readonly parkedHooks: number;
  /** Why state or metadata could not be read or saved, so that hooks did not run. */
  readonly unkept: string | undefined;
  readonly failure: FetchFailure | undefined;
  /** Milliseconds from now until a failed action is due again. */
  readonly nextAttempt: number | undefined;
}

/** The result of a pass that has checked nothing. */
const NOT_YET: PassResult = {
  ...{ changed: false, fetched: 0, unfetched: 0, failedActions: 0, parkedHooks: 0 },
  ...{ unkept: undefined, failure: undefined, nextAttempt: 10_000 },
};

/** The memory of a process that has made no pass yet. */
export function createPassMemory(): PassMemory {
  return {
    complaints: new Complaints(),
    answers: new Map(),
    heat: createNativeMemory(),
    services: createServiceMemory(),
  };
}

/**
 * Checks the value of each hook once, and runs the actions that are due (contract sections 2 and 5, cfn-hup).
 *
 * The order matters. A new hook is compared with the metadata that was published before, and that is saved first. Then the
 * fetched metadata is published. Then the actions run. The value that a hook has handled is saved after its action succeeded.
 * So after a kill or a power cut at any point an action may run again, but is never lost. An action does not run if its
 * success cannot be saved.
 */
export async function runPass(
  config: HupConfig,
  tools: PassTools,
  memory: PassMemory,
  options: PassOptions,
): Promise<PassResult> {
  const log = memory.complaints.filter(tools.log);
  for (const line of config.problems) log.error(line);
  for (const line of config.warnings) log.warning(line);
  try {
    return await new Pass(config, { ...tools, log }, memory, options, tools.log).run();
  } finally {
    memory.complaints.endPass();
  }
}

/** Whether the answer of Heat contains the value of a hook. */
function isAvailable({ path }: Hook, { isPartial = false }: StackResource): boolean {
  return path.kind === 'metadata' || !isPartial;
}

class Pass {
  readonly #config: HupConfig;
  /** Its log reports a lasting problem only once. */
  readonly #tools: PassTools;
  readonly #memory: PassMemory;
  readonly #options: PassOptions;
  /** The states of the hooks that can run. */
  readonly #states = new Map<Hook, HookState>();
  /** Resources that were fetched and published, and are not in progress. */
  readonly #ready = new Map<string, StackResource>();
  /** Resources whose hooks must not run in this pass. */
  readonly #skipped = new Set<string>();
  readonly #runner: HookRunner;
  /** The first thing that could not be read or saved. */
  #unkept: string | undefined;

  constructor(config: HupConfig, tools: PassTools, memory: PassMemory, options: PassOptions, events: Log) {
    this.#config = config;
    this.#tools = tools;
    this.#memory = memory;
    this.#options = options;
    this.#runner = new HookRunner({ ...tools, events }, config.settings, (hook, state) => this.#keep(hook, state));
  }

  async run(): Promise<PassResult> {
    const { hooks, settings } = this.#config;
    if (this.#awaitsOwnBoot()) {
      this.#tools.log.warning(
        'the state of the hooks is from another instance, as in an image of a running guest: no hook runs until cfn-init or cloud-init has finished',
      );
      return NOT_YET;
    }
    const unseen = this.#readStates();
    const names = [...new Set(hooks.map(({ path }) => path.resource))];
    const { resources, failure, about } = await fetchResources(
      names,
      settings,
      { ...this.#tools, memory: this.#memory.heat },
      this.#memory.answers,
      this.#options.attempts,
    );
    for (const name of names) {
      const resource = resources.get(name);
      if (resource !== undefined) this.#settle(name, resource, unseen);
    }
    // Record this before the actions, which may take long.
    if (names.length > 0) this.#noteAnswer(failure, about, names);
    const looked = hooks.filter(({ path }) => this.#ready.has(path.resource)).map(stateKey);
    if (looked.length > 0) noteLastChecks(this.#tools.system, looked);
    for (const name of names) if (!this.#skipped.has(name)) await this.#watchServices(name);
    for (const hook of hooks) {
      if (this.#options.isStopping()) break;
      const state = this.#states.get(hook);
      if (state === undefined || this.#skipped.has(hook.path.resource)) continue;
      const resource = this.#ready.get(hook.path.resource);
      const available = resource !== undefined && isAvailable(hook, resource) ? resource : undefined;
      await this.#guard(() => this.#runner.run(hook, state, available));
    }
    if (this.#unkept !== undefined)
      noteUnkept(this.#tools.system, this.#config, this.#tools.redactor.redact(this.#unkept));
    return {
      ...this.#runner.summary,
      fetched: resources.size,
      unfetched: names.length - resources.size,
      unkept: this.#unkept,
      failure,
    };
  }

  /** Asks the states only while cloud-init is running. */
  #awaitsOwnBoot(): boolean {
    const { files } = this.#tools.system;
    if (files.entry(paths.cloudInitStatus) === undefined || files.entry(paths.cloudInitResult) !== undefined)
      return false;
    return awaitsOwnBoot(this.#tools.system, this.#config);
  }

  /** After a success there is no note: the notes of the checks show it. */
  #noteAnswer(failure: FetchFailure | undefined, resource: string | undefined, names: readonly string[]): void {
    const { system, redactor } = this.#tools;
    const line = failure?.line === undefined ? undefined : redactor.redact(failure.line);
    const isWell = failure === undefined && names.every((name) => this.#ready.has(name));
    if (isWell) forgetLastAnswer(system, this.#config);
    else noteLastAnswer(system, this.#config, { kind: failure?.kind ?? 'answered', line, resource });
  }

  /** @returns the hooks that were never seen */
  #readStates(): ReadonlySet<Hook> {
    const { system, log } = this.#tools;
    const unseen = new Set<Hook>();
    const others = new Map<string, string[]>();
    for (const hook of this.#config.hooks) {
      this.#attempt(() => {
        const { state, corrupt, foreign } = readHookState(system, hook, this.#config);
        if (corrupt !== undefined) log.error(corrupt);
        if (foreign !== undefined) others.set(foreign, [...(others.get(foreign) ?? []), hook.name]);
        if (state === undefined) unseen.add(hook);
        else this.#states.set(hook, state);
      });
    }
    for (const [foreign, names] of others)
      log.warning(
        `the state of ${names.join(', ')} was ${foreign}, as in an image of a running guest: it is ignored, and the hooks start over`,
      );
    // A hook whose file cannot be read now still exists.
    if (this.#config.problems.length === 0) this.#attempt(() => removeOtherStates(system, this.#config));
    return unseen;
  }

  /** Saves the first state of unseen hooks, then publishes the fetched metadata. */
  #settle(name: string, resource: StackResource, unseen: ReadonlySet<Hook>): void {
    const { system, log } = this.#tools;
    if (resource.status?.endsWith('_IN_PROGRESS') === true) {
      log.info(`${name} is ${resource.status}: waiting until it is complete`);
      this.#skipped.add(name);
      return;
    }
    this.#skipped.add(name);
    const hooks = this.#config.hooks.filter((hook) => hook.path.resource === name);
    const unavailable = hooks.filter((hook) => !isAvailable(hook, resource));
    if (unavailable.length > 0)
      log.warning(
        `with these credentials heat shows only the metadata of ${name}: hooks not run: ${unavailable.map((hook) => hook.name).join(', ')}`,
      );
    this.#attempt(() => {
      const fresh = hooks.filter((hook) => unseen.has(hook) && isAvailable(hook, resource));
      const before = fresh.length === 0 ? undefined : readPublished(system, name);
      for (const hook of fresh) {
        const state = newHookState(hook, baselineOf(hook, resource, before));
        writeHookState(system, state, hook);
        this.#states.set(hook, state);
      }
      this.#publish(resource.metadata.text, name);
      this.#ready.set(name, resource);
      this.#skipped.delete(name);
    });
  }

  /** @throws Problem that says that no action runs: an action that calls cfn-init would apply older metadata */
  #publish(text: string, name: string): void {
    try {
      publish(this.#tools.system, text, name);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const { message, where = '', hint = '', cause } = error;
      const waits = 'no action runs until it can be saved';
      throw new Problem(message, { where, hint: hint === '' ? waits : `${hint}: ${waits}`, cause });
    }
  }

  /** Restarts services that should run, and records that for the hooks with the trigger service.restarted. */
  async #watchServices(name: string): Promise<void> {
    const { system, log } = this.#tools;
    const listening = this.#config.hooks.filter(
      (hook) => hook.path.resource === name && hook.triggers.includes('service.restarted') && this.#states.has(hook),
    );
    if (listening.length === 0 || this.#options.isStopping()) return;
    const text = this.#ready.get(name)?.metadata.text ?? readPublished(system, name);
    if (text === undefined) return;
    const { services } = this.#memory;
    const names = await watchedServices(name, text, this.#config.settings.configSets, services, log);
    const marked: HookState[] = [];
    await this.#guard(async () => {
      const started = await restartServices(names, services, { system, log }, () => {
        for (const hook of listening) {
          const state = this.#states.get(hook);
          if (state === undefined || state.isRestartPending) continue;
          marked.push(state);
          this.#keep(hook, { ...state, isRestartPending: true });
        }
      });
      if (started > 0) return;
      for (const hook of listening) {
        const before = marked.find((state) => state.hook === hook.name);
        if (before !== undefined) this.#keep(hook, before);
      }
    });
  }

  /** @throws Problem */
  #keep(hook: Hook, state: HookState): void {
    writeHookState(this.#tools.system, state, hook);
    this.#states.set(hook, state);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#complain(error);
    }
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    if (!(error instanceof Problem)) throw error;
    this.#tools.log.error(error.line);
    this.#unkept ??= error.line;
  }
}

/** Logs a problem when it appears or changes, not at every poll: it leaves out what the pass before has logged. */
class Complaints {
  #before: ReadonlySet<string> = new Set();
  #now = new Set<string>();

  /** Wraps a log, so that it gets only new warnings and errors. */
  filter(log: Log): Log {
    const once = (level: 'warning' | 'error') => (text: string, about?: About) => {
      const isKnown = this.#before.has(text) || this.#now.has(text);
      this.#now.add(text);
      if (!isKnown) log[level](text, about);
    };
    return { ...log, warning: once('warning'), error: once('error') };
  }

  /** Forgets problems that did not occur in this pass: they are logged again when they come back. */
  endPass(): void {
    this.#before = this.#now;
    this.#now = new Set();
  }
}
