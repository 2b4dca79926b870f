import { describeError, ExitCode, Problem, traceOf } from '../errors.ts';
import { paths } from '../paths.ts';
import { createPause, type Pause } from '../system/clock.ts';
import { machineProblem } from '../system/files/file-problem.ts';
import type { Locks, NamedLock } from '../system/lock.ts';
import { keepSmall, type Memory } from '../system/memory.ts';
import type { Notifier } from '../system/notify.ts';
import { Interrupted, type Signals } from '../system/signals.ts';
import type { System } from '../system/system.ts';
import { type RunningActions, watchActions } from './hook-runner.ts';
import {
  followingNote,
  forgetFollowing,
  inspectOtherDaemon,
  OTHER_DAEMON_PAUSE,
  type OtherDaemon,
  otherFollowed,
} from './other-loops.ts';
import { createPassMemory, type PassOptions, type PassResult, type PassTools, runPass } from './pass.ts';
import { FIRST_POLL_STATE, type PollState, phaseOf, planPoll } from './schedule.ts';
import type { HupConfig } from './settings.ts';
import { passLockOf } from './single-pass.ts';
import { StatusLine } from './status-line.ts';

/** What the loop needs besides the tools of a pass. */
export interface DaemonParts {
  readonly pass: (config: HupConfig, tools: PassTools, options: PassOptions) => Promise<PassResult>;
  readonly tryLock: Locks['tryLock'];
  readonly holderOf: Locks['holderOf'];
  readonly otherDaemon: OtherDaemon;
  readonly notifier: Notifier;
  readonly pause: Pause;
  readonly onSignals: Signals['on'];
  /** Ends the requests and queries of a pass, but not the actions. */
  readonly abortRun: Signals['abortRun'];
  readonly memory: Memory;
  /** The slot of this host in an interval, see phaseOf. */
  readonly phase: number;
  /** Ends the process even during a fetch. */
  readonly leave: () => Promise<void>;
}

/** Seconds that a new daemon waits for one that is about to end. */
const LOCK_WAIT = 2;
/** Milliseconds between two checks whether a single pass, for example from cron, has ended. */
const PASS_LOCK_WAIT = 2000;
/** Milliseconds that a pass without a running action may go on after a signal to stop. */
const FETCH_GRACE = 300;
/** Milliseconds that an aborted action has to end: 10 s until SIGKILL, and time to record its failure. */
const ABORT_GRACE = 12_000;
/** Milliseconds that all fetches of a pass may take. After that we stop reporting to systemd's watchdog. */
const LONGEST_FETCHES = 15 * 60_000;
const ENDED = { event: 'runEnded', exitCode: ExitCode.done } as const;

/**
 * Collects the parts of the daemon. It removes the variables of systemd that are for this process only from the environment.
 * @param option -c as it was given
 * @param leave ends the process
 */
export function daemonParts(
  system: System,
  option: string | undefined,
  leave: (exitCode: ExitCode) => Promise<void>,
): DaemonParts {
  const { files, locks, signals } = system;
  const memory = createPassMemory();
  return {
    pass: (config, tools, options) => runPass(config, tools, memory, options),
    tryLock: locks.tryLock,
    holderOf: locks.holderOf,
    otherDaemon: inspectOtherDaemon(system, option),
    notifier: system.openNotifier(),
    pause: createPause(),
    onSignals: signals.on,
    abortRun: signals.abortRun,
    memory: keepSmall(),
    phase: phaseOf([
      ...[paths.machineId, paths.cloudInitInstanceId].map((path) => files.readIfPresent(path)?.toString('utf8') ?? ''),
      system.hostname(),
    ]),
    leave: () => leave(ExitCode.done),
  };
}

/**
 * Follows changes until SIGTERM or SIGINT. It makes a pass, waits, reads the configuration again, and makes the next pass.
 * SIGHUP starts a pass at once. A running action may finish within stopTimeout; after that it is ended with all its
 * processes, and counts as failed. A second daemon exits, or waits for its turn where a supervisor would restart it.
 * Problems are reported when they appear, not at each poll.
 * @param loadConfig reads the configuration; when that fails, the previous configuration stays in use
 * @returns done, even when another daemon follows changes
 * @throws Problem when the configuration cannot be used at the start, or another daemon follows another configuration
 */
export async function runDaemon(loadConfig: () => HupConfig, tools: PassTools, parts: DaemonParts): Promise<ExitCode> {
  // Load the configuration before taking the lock, since the holder of the lock counts as following changes.
  const daemon = new Daemon(loadConfig, tools, parts);
  const lock = (await parts.tryLock(paths.hupDaemonLock, LOCK_WAIT)) ?? (await waitForTurn(tools, parts));
  if (lock !== undefined) await daemon.run(lock);
  return ExitCode.done;
}

/**
 * Decides what a daemon does when another one is running. Without a supervisor it exits. Under a supervisor, which would
 * restart it at once, it waits. It asks a loop that a plain `cfn-hup` has left in the background to stop, and takes over.
 * @returns undefined when it should exit
 * @throws Problem when it should exit, and the other daemon follows another configuration
 */
async function waitForTurn({ log, system }: PassTools, parts: DaemonParts): Promise<NamedLock | undefined> {
  const { notifier, pause, otherDaemon } = parts;
  if (!(await otherDaemon.isSupervised())) {
    const pid = parts.holderOf(paths.hupDaemonLock);
    if (pid !== undefined && otherDaemon.followsOther(pid)) throw otherFollowed(pid);
    log.info('another cfn-hup already follows changes');
    notifier.send('READY=1', 'STATUS=Another cfn-hup already follows changes.');
    await notifier.drain();
    return undefined;
  }
  let isStopping = false;
  const ignoreSignals = parts.onSignals(['SIGTERM', 'SIGINT', 'SIGHUP'], (name) => {
    isStopping ||= name !== 'SIGHUP';
    pause.wake();
  });
  // An action of the other daemon may have started us, and may wait until we are ready.
  notifier.send('READY=1', 'STATUS=Waiting: another cfn-hup already follows changes.');
  const unwatch = notifier.watch(() => true);
  let known: number | undefined;
  try {
    system.abort?.throwIfAborted();
    while (!isStopping) {
      const pid = parts.holderOf(paths.hupDaemonLock);
      const lock = pid === undefined ? await parts.tryLock(paths.hupDaemonLock) : undefined;
      if (lock !== undefined) return lock;
      if (pid !== undefined && pid !== known) {
        known = pid;
        if (otherDaemon.followsOther(pid)) log.error(`${otherFollowed(pid).line}: waiting until it ends`);
        const isAsked = await otherDaemon.askToEnd(pid);
        log.info(
          isAsked
            ? `process ${pid} follows the same changes in the background: asked it to stop, and will follow changes after it`
            : `process ${pid} already follows changes: waiting until it ends`,
        );
      }
      await pause.wait(OTHER_DAEMON_PAUSE);
    }
  } finally {
    unwatch();
    ignoreSignals();
  }
  notifier.send('STOPPING=1', 'STATUS=Stopping.');
  log.info('ended by a signal');
  await notifier.drain();
  return undefined;
}

class Daemon {
  readonly #load: () => HupConfig;
  readonly #tools: PassTools;
  readonly #parts: DaemonParts;
  readonly #actions: RunningActions;
  #config: HupConfig;
  #pollState: PollState = FIRST_POLL_STATE;
  #isStopping = false;
  #isReloading = false;
  #passBegan: number | undefined;
  readonly #status: StatusLine;
  readonly #noteFollowing: ReturnType<typeof followingNote>;
  /** The last message about each, so that it is not repeated at each poll. */
  #problems: { config?: string | undefined; pass?: string | undefined } = {};

  /** @throws Problem when the configuration cannot be used */
  constructor(load: () => HupConfig, tools: PassTools, parts: DaemonParts) {
    this.#load = load;
    this.#parts = parts;
    this.#actions = watchActions(tools.system.exec);
    this.#tools = { ...tools, system: { ...tools.system, exec: this.#actions.exec } };
    this.#config = load();
    this.#status = new StatusLine(this.#config, tools.log);
    this.#noteFollowing = followingNote(tools.system);
  }

  /** @param taken the daemon's lock; it is disclaimed on a signal to stop, and released at the end */
  async run(taken: NamedLock): Promise<void> {
    let lock = taken;
    const { notifier, pause, onSignals: listen } = this.#parts;
    const ignoreSignals = listen(['SIGTERM', 'SIGINT', 'SIGHUP'], (name) => {
      if (name === 'SIGHUP') this.#isReloading = true;
      else this.#isStopping = true;
      pause.wake();
      if (!this.#isStopping) return;
      lock.disclaim();
      forgetFollowing(this.#tools.system);
      this.#wakeStop();
    });
    const unwatch = notifier.watch(() => this.#isAlive());
    let passLock: NamedLock | undefined;
    try {
      // A signal may have arrived just before.
      this.#tools.system.abort?.throwIfAborted();
      const { stack } = this.#config.settings;
      this.#tools.log.info(`following ${stack}`, { event: 'runBegun', stack });
      // Report readiness before any request: the unit must start even when Heat is down.
      notifier.send('READY=1', `STATUS=${this.#status.line}`);
      this.#noteFollowing(this.#config);
      while (!this.#isStopping) {
        const again = lock.isInPlace() ? lock : await this.#parts.tryLock(paths.hupDaemonLock);
        if (again === undefined) {
          notifier.send('STOPPING=1', 'STATUS=Stopping.');
          this.#tools.log.warning(
            `${paths.hupDaemonLock} was removed, and another cfn-hup follows changes: exiting`,
            ENDED,
          );
          return await notifier.drain();
        }
        if (again !== lock) lock.release();
        lock = again;
        if (passLock?.isInPlace() === false) {
          passLock.release();
          passLock = undefined;
        }
        passLock ??= await this.#parts.tryLock(passLockOf(this.#config));
        if (passLock === undefined) await pause.wait(PASS_LOCK_WAIT);
        else await pause.wait(await this.#turn());
      }
      notifier.send('STOPPING=1', 'STATUS=Stopping.');
      this.#tools.log.info('ended by a signal', ENDED);
    } finally {
      unwatch();
      ignoreSignals();
      passLock?.release();
      forgetFollowing(this.#tools.system);
      lock.release();
    }
    await notifier.drain();
  }

  #wakeStop: () => void = () => undefined;

  /** Makes a pass and plans the next one. @returns milliseconds until then */
  async #turn(): Promise<number> {
    const { clock } = this.#tools.system;
    const { notifier } = this.#parts;
    this.#reload();
    const result = await this.#pass();
    if (result === 'left') return 0;
    const { interval } = this.#config.settings;
    const { delay, state } = planPoll(
      this.#pollState,
      {
        changed: result?.changed ?? false,
        hasFailed: result === undefined || hasFailed(result),
        retryAfter: result?.failure?.retryAfter,
        nextAttempt: result?.nextAttempt,
      },
      { interval, phase: this.#parts.phase },
      clock.now().getTime(),
      clock.random,
    );
    this.#pollState = state;
    if (this.#status.update(this.#config, result, clock.now())) notifier.send(`STATUS=${this.#status.line}`);
    const now = clock.now();
    if (!this.#isStopping) this.#noteFollowing(this.#config, new Date(now.getTime() + delay), result === undefined);
    this.#parts.memory.trim();
    return delay;
  }

  /** Reads the configuration at each pass, which is cheap. So a new hook is used without a reload. */
  #reload(): void {
    const isAsked = this.#isReloading;
    this.#isReloading = false;
    const { notifier } = this.#parts;
    if (isAsked) notifier.send('RELOADING=1', `MONOTONIC_USEC=${this.#microseconds()}`);
    try {
      this.#config = this.#load();
      this.#complain('config', undefined);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#complain('config', `${error.line}: continuing with the previous configuration`);
    }
    if (isAsked) notifier.send('READY=1');
  }

  /** @returns undefined when the pass itself has failed; 'left' when we must stop and nothing is worth waiting for */
  async #pass(): Promise<PassResult | undefined | 'left'> {
    this.#passBegan = this.#tools.system.clock.elapsed();
    const stopped = new Promise<void>((resolve) => {
      this.#wakeStop = resolve;
      if (this.#isStopping) resolve();
    });
    const pass = this.#parts
      .pass(this.#config, this.#tools, { attempts: 1, isStopping: () => this.#isStopping })
      .catch((error: unknown) => this.#passFailed(error));
    const result = await Promise.race([pass, stopped.then(() => this.#stop(pass))]);
    this.#passBegan = undefined;
    if (result !== undefined) this.#complain('pass', undefined);
    return result;
  }

  /** For RELOADING=1: systemd identifies the reload by this time (sd_notify(3)). */
  #microseconds(): number {
    return Math.round(this.#tools.system.clock.elapsed() * 1000);
  }

  #passFailed(error: unknown): undefined {
    if (error instanceof Interrupted) return undefined;
    const problem = error instanceof Problem ? error : machineProblem(error);
    if (problem !== undefined) return this.#complain('pass', problem.line);
    this.#complain('pass', `a bug in cfntools: ${describeError(error)}: please report it`);
    this.#tools.log.trace(traceOf(error));
    return undefined;
  }

  #complain(about: 'config' | 'pass', line: string | undefined): undefined {
    if (line !== undefined && line !== this.#problems[about]) this.#tools.log.error(line);
    this.#problems[about] = line;
  }

  async #stop(pass: Promise<PassResult | undefined>): Promise<PassResult | undefined | 'left'> {
    const over = createPause();
    void pass.then(() => over.wake());
    if (await over.wait(FETCH_GRACE)) return pass;
    if (this.#actions.count > 0) {
      const { stopTimeout } = this.#config.settings;
      this.#parts.notifier.send('STOPPING=1', 'STATUS=Waiting for an action to end.');
      if (await over.wait(stopTimeout)) return pass;
      this.#tools.log.warning(`an action still runs ${stopTimeout / 1000} s after the signal to stop: ending it`);
      this.#actions.abort();
      if (await over.wait(ABORT_GRACE)) return pass;
    }
    this.#parts.notifier.send('STOPPING=1');
    this.#tools.log.info('ended by a signal', ENDED);
    await this.#parts.notifier.drain();
    // Actions are aborted by another signal, see above.
    this.#parts.abortRun(new Interrupted('SIGTERM'));
    await this.#parts.leave();
    return 'left';
  }

  /** Actions may make a pass long, but not endless. */
  #isAlive(): boolean {
    if (this.#passBegan === undefined) return true;
    const { hooks, settings } = this.#config;
    const longest = LONGEST_FETCHES + (hooks.length + 1) * (settings.actionTimeout + ABORT_GRACE);
    return this.#tools.system.clock.elapsed() - this.#passBegan < longest;
  }
}

/** A server that refuses some resources and returns others has not failed: the others are still polled at the usual interval. */
function hasFailed({ failure, fetched }: PassResult): boolean {
  const isRefused = failure?.kind === 'refused' || failure?.kind === 'forbidden';
  return failure?.kind === 'unreachable' || (isRefused && fetched === 0);
}
