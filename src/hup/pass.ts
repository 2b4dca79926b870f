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
import { readHookState, removeOtherStates, stateKey, writeHookState } from './state-files.ts';

export interface PassTools {
  readonly system: System;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly readSecretFile: HeatTools['readSecretFile'];
}

/** What is kept between the passes of one process; a new one for a single pass. */
export interface PassMemory {
  readonly complaints: Complaints;
  /** By resource. */
  readonly answers: Map<string, KnownAnswer>;
  readonly heat: NativeMemory;
  readonly services: ServiceMemory;
}

export interface PassOptions {
  /** Attempts to fetch a resource; the configured ones when left out. */
  readonly attempts?: number;
  /** True when no further action is to be started. */
  readonly isStopping: () => boolean;
}

export interface PassResult {
  /** Some hook saw a change. */
  readonly changed: boolean;
  /** Resources that Heat told about, and that it did not. */
  readonly fetched: number;
  readonly unfetched: number;
  readonly failedActions: number;
  /** Hooks that have failed too often, and do not run until what they look at changes. */
  readonly parkedHooks: number;
  /** Why state or metadata could not be read or kept, so that hooks were left out. */
  readonly unkept: string | undefined;
  readonly failure: FetchFailure | undefined;
  /** Milliseconds from now until a failed action is due again. */
  readonly nextAttempt: number | undefined;
}

/** Of a pass that has looked at nothing. */
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
 * Looks once at what the hooks look at, and runs the actions that are due (contract sections 2 and 5, cfn-hup).
 *
 * What a hook has dealt with is recorded after its action succeeded; what was fetched is published before any action runs; a
 * first sight is compared with what was published before, and that is recorded before the new one is published. So a kill or
 * a power cut at any point makes an action run again, never not at all. An action whose success cannot be recorded is not run.
 */
export async function runPass(
  config: HupConfig,
  tools: PassTools,
  memory: PassMemory,
  options: PassOptions,
): Promise<PassResult> {
  const log = memory.complaints.over(tools.log);
  for (const line of config.problems) log.error(line);
  for (const line of config.warnings) log.warning(line);
  try {
    return await new Pass(config, { ...tools, log }, memory, options, tools.log).run();
  } finally {
    memory.complaints.endPass();
  }
}

/** Whether Heat has told what a hook looks at. */
function isTold({ path }: Hook, { isPartial = false }: StackResource): boolean {
  return path.kind === 'metadata' || !isPartial;
}

class Pass {
  readonly #config: HupConfig;
  /** Its log says once what lasts. */
  readonly #tools: PassTools;
  readonly #memory: PassMemory;
  readonly #options: PassOptions;
  /** Of the hooks that can be dealt with. */
  readonly #states = new Map<Hook, HookState>();
  /** Resources that were fetched, are at rest and are published. */
  readonly #ready = new Map<string, StackResource>();
  /** Resources of which nothing may be done now. */
  readonly #left = new Set<string>();
  readonly #runner: HookRunner;
  /** What could not be read or kept first. */
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
    if (await this.#awaitsOwnBoot()) {
      this.#tools.log.warning(
        'the hooks were dealt with by another instance, as in an image of a running guest: left until cfn-init or cloud-init has run',
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
    // Before any action, which may take long.
    if (names.length > 0) this.#noteAnswer(failure, about, names);
    const looked = hooks.filter(({ path }) => this.#ready.has(path.resource)).map(stateKey);
    if (looked.length > 0) noteLastChecks(this.#tools.system, looked);
    for (const name of names) if (!this.#left.has(name)) await this.#watchServices(name);
    for (const hook of hooks) {
      if (this.#options.isStopping()) break;
      const state = this.#states.get(hook);
      if (state === undefined || this.#left.has(hook.path.resource)) continue;
      const resource = this.#ready.get(hook.path.resource);
      const told = resource !== undefined && isTold(hook, resource) ? resource : undefined;
      await this.#guard(() => this.#runner.run(hook, state, told));
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

  /** own-boot.ts is loaded only while cloud-init is running. */
  async #awaitsOwnBoot(): Promise<boolean> {
    const { files } = this.#tools.system;
    if (files.entry(paths.cloudInitStatus) === undefined || files.entry(paths.cloudInitResult) !== undefined)
      return false;
    const { awaitsOwnBoot } = await import('./state-files.ts');
    return awaitsOwnBoot(this.#tools.system, this.#config);
  }

  /** When all is well there is no note: those of the checks say so. */
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
        `the state of ${names.join(', ')} was ${foreign}, as in an image of a running guest: ignored, the hooks begin anew`,
      );
    // A hook whose file cannot be read now is not gone.
    if (this.#config.problems.length === 0) this.#attempt(() => removeOtherStates(system, this.#config));
    return unseen;
  }

  /** Records what unseen hooks begin with, and publishes what was fetched: in this order. */
  #settle(name: string, resource: StackResource, unseen: ReadonlySet<Hook>): void {
    const { system, log } = this.#tools;
    if (resource.status?.endsWith('_IN_PROGRESS') === true) {
      log.info(`${name} is ${resource.status}: left until it is done`);
      this.#left.add(name);
      return;
    }
    this.#left.add(name);
    const hooks = this.#config.hooks.filter((hook) => hook.path.resource === name);
    const untold = hooks.filter((hook) => !isTold(hook, resource));
    if (untold.length > 0)
      log.warning(
        `heat shows these credentials the metadata of ${name} and nothing else: left alone: ${untold.map((hook) => hook.name).join(', ')}`,
      );
    this.#attempt(() => {
      const fresh = hooks.filter((hook) => unseen.has(hook) && isTold(hook, resource));
      const before = fresh.length === 0 ? undefined : readPublished(system, name);
      for (const hook of fresh) {
        const state = newHookState(hook, baselineOf(hook, resource, before));
        writeHookState(system, state, hook);
        this.#states.set(hook, state);
      }
      this.#publish(resource.metadata.text, name);
      this.#ready.set(name, resource);
      this.#left.delete(name);
    });
  }

  /** @throws Problem that says what becomes of it: an action that calls cfn-init would apply older metadata */
  #publish(text: string, name: string): void {
    try {
      publish(this.#tools.system, text, name);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const { message, where = '', hint = '', cause } = error;
      const waits = 'no action runs until it can be kept';
      throw new Problem(message, { where, hint: hint === '' ? waits : `${hint}: ${waits}`, cause });
    }
  }

  /** Restarts services that should run, and records that for the hooks that listen. */
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

/** Says what is wrong when it appears or changes, not at every poll: what the pass before said as well is left out. */
class Complaints {
  #before: ReadonlySet<string> = new Set();
  #now = new Set<string>();

  /** A log whose warnings and errors are passed on when they are new. */
  over(log: Log): Log {
    const once = (level: 'warning' | 'error') => (text: string, about?: About) => {
      const isKnown = this.#before.has(text) || this.#now.has(text);
      this.#now.add(text);
      if (!isKnown) log[level](text, about);
    };
    return { ...log, warning: once('warning'), error: once('error') };
  }

  /** What was not said again since the last call is over: it is news when it comes back. */
  endPass(): void {
    this.#before = this.#now;
    this.#now = new Set();
  }
}
