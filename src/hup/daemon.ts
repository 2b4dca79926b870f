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
import { followingNote, forgetFollowing, otherFollowed, type Rivalry, rivalry, TURN_WAIT } from './other-loops.ts';
import { createPassMemory, type PassOptions, type PassResult, type PassTools, runPass } from './pass.ts';
import { FIRST_PACE, type Pace, phaseOf, planPoll } from './schedule.ts';
import type { HupConfig } from './settings.ts';
import { passLockOf } from './single-pass.ts';
import { StatusLine } from './status-line.ts';

/** What the loop works with besides the passes' tools. */
export interface DaemonParts {
  readonly pass: (config: HupConfig, tools: PassTools, options: PassOptions) => Promise<PassResult>;
  readonly tryLock: Locks['tryLock'];
  readonly holderOf: Locks['holderOf'];
  readonly rivalry: Rivalry;
  readonly notifier: Notifier;
  readonly pause: Pause;
  readonly onSignals: Signals['on'];
  /** Ends what the doors do for a pass, but not the actions. */
  readonly abortRun: Signals['abortRun'];
  readonly memory: Memory;
  /** The place of this host in an interval, see phaseOf. */
  readonly phase: number;
  /** Ends the process although a fetch is under way. */
  readonly leave: () => Promise<void>;
}

/** Seconds that a start waits for a daemon that is about to end. */
const LOCK_WAIT = 2;
/** Milliseconds between two looks at whether a single pass, from cron say, is over. */
const PASS_LOCK_WAIT = 2000;
/** Milliseconds that a pass without an action has, once we are told to stop, before it is left. */
const FETCH_GRACE = 300;
/** Milliseconds that an action has after it was aborted: 10 s until SIGKILL, and the note of its failure. */
const ABORT_GRACE = 12_000;
/** Milliseconds that all fetches of a pass may take before the watchdog is no longer told that we are alive. */
const LONGEST_FETCHES = 15 * 60_000;
const ENDED = { event: 'runEnded', exitCode: ExitCode.done } as const;

/**
 * Takes what systemd says for us alone out of the environment.
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
    rivalry: rivalry(system, option),
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
 * Follows changes until SIGTERM or SIGINT: a pass, a pause, the configuration anew, the next pass. SIGHUP makes a pass at
 * once. A running action may finish within stopTimeout; then it is ended with all that it started, as a failure.
 * A second daemon leaves, or waits for its turn where it would be started again and again. Problems are reported when they
 * appear, not at each poll.
 * @param loadConfig reads the configuration; when it cannot be used any more, the last one that could stays in force
 * @returns done, also when another daemon follows changes
 * @throws Problem when the configuration cannot be used at the start, or another daemon follows another configuration
 */
export async function runDaemon(loadConfig: () => HupConfig, tools: PassTools, parts: DaemonParts): Promise<ExitCode> {
  // Before the lock is taken, whose holder counts as one that follows changes: a configuration that cannot be used ends it here.
  const daemon = new Daemon(loadConfig, tools, parts);
  const lock = (await parts.tryLock(paths.hupDaemonLock, LOCK_WAIT)) ?? (await waitForTurn(tools, parts));
  if (lock !== undefined) await daemon.run(lock);
  return ExitCode.done;
}

/**
 * What a daemon does when another one is at work. It leaves when nobody would start it again. Under a supervisor, which
 * would start it again at once, it waits. It asks a loop that a bare call has left in the background to end in its favour.
 * @returns undefined when it is to leave
 * @throws Problem when it is to leave, and the other one follows another configuration
 */
async function waitForTurn({ log, system }: PassTools, parts: DaemonParts): Promise<NamedLock | undefined> {
  const { notifier, pause, rivalry: rivals } = parts;
  if (!(await rivals.isSupervised())) {
    const pid = parts.holderOf(paths.hupDaemonLock);
    if (pid !== undefined && rivals.followsOther(pid)) throw otherFollowed(pid);
    log.info('another cfn-hup follows changes already');
    notifier.send('READY=1', 'STATUS=Another cfn-hup follows changes already.');
    await notifier.drain();
    return undefined;
  }
  let isStopping = false;
  const ignoreSignals = parts.onSignals(['SIGTERM', 'SIGINT', 'SIGHUP'], (name) => {
    isStopping ||= name !== 'SIGHUP';
    pause.wake();
  });
  // The action that the other one runs may have started us, and waits for us to be up.
  notifier.send('READY=1', 'STATUS=Waiting: another cfn-hup follows changes already.');
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
        if (rivals.followsOther(pid)) log.error(`${otherFollowed(pid).line}: waiting until it ends`);
        const isAsked = await rivals.askToEnd(pid);
        log.info(
          isAsked
            ? `process ${pid} follows the same changes in the background: it was asked to end, and we follow them after it`
            : `process ${pid} follows changes already: waiting until it ends`,
        );
      }
      await pause.wait(TURN_WAIT);
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
  #pace: Pace = FIRST_PACE;
  #isStopping = false;
  #isReloading = false;
  #passBegan: number | undefined;
  readonly #status: StatusLine;
  readonly #noteFollowing: ReturnType<typeof followingNote>;
  /** What was said last about each, so that it is not said at each poll. */
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

  /** @param taken the daemon's lock, which it disclaims as soon as it is to stop, and releases */
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
      // By a signal that came just before.
      this.#tools.system.abort?.throwIfAborted();
      const { stack } = this.#config.settings;
      this.#tools.log.info(`following ${stack}`, { event: 'runBegun', stack });
      // Before anything goes over the network: a Heat that is down is no reason for a unit that does not start.
      notifier.send('READY=1', `STATUS=${this.#status.line}`);
      this.#noteFollowing(this.#config);
      while (!this.#isStopping) {
        const again = lock.isInPlace() ? lock : await this.#parts.tryLock(paths.hupDaemonLock);
        if (again === undefined) {
          notifier.send('STOPPING=1', 'STATUS=Stopping.');
          this.#tools.log.warning(
            `${paths.hupDaemonLock} was removed, and another cfn-hup follows changes: ending`,
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

  /** A pass and what follows from it. @returns milliseconds until the next one */
  async #turn(): Promise<number> {
    const { clock } = this.#tools.system;
    const { notifier } = this.#parts;
    this.#reload();
    const result = await this.#pass();
    if (result === 'left') return 0;
    const { interval } = this.#config.settings;
    const { delay, pace } = planPoll(
      this.#pace,
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
    this.#pace = pace;
    if (this.#status.update(this.#config, result, clock.now())) notifier.send(`STATUS=${this.#status.line}`);
    const now = clock.now();
    if (!this.#isStopping) this.#noteFollowing(this.#config, new Date(now.getTime() + delay), result === undefined);
    this.#parts.memory.trim();
    return delay;
  }

  /** At each pass, which is cheap: a hook that a template adds is in force without a word to us. */
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
      this.#complain('config', `${error.line}: going on with the configuration as it was`);
    }
    if (isAsked) notifier.send('READY=1');
  }

  /** @returns undefined when the pass itself has failed; left: we are to stop, and nothing runs that is worth waiting for */
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

  /** For RELOADING=1: systemd tells by it which reload is meant (sd_notify(3)). */
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
    // Actions have a signal of their own.
    this.#parts.abortRun(new Interrupted('SIGTERM'));
    await this.#parts.leave();
    return 'left';
  }

  /** A pass may take long, by what its actions do, but not forever. */
  #isAlive(): boolean {
    if (this.#passBegan === undefined) return true;
    const { hooks, settings } = this.#config;
    const longest = LONGEST_FETCHES + (hooks.length + 1) * (settings.actionTimeout + ABORT_GRACE);
    return this.#tools.system.clock.elapsed() - this.#passBegan < longest;
  }
}

/** Of a server that refuses one resource and gives the others, the others are still to be followed at the usual pace. */
function hasFailed({ failure, fetched }: PassResult): boolean {
  const isRefused = failure?.kind === 'refused' || failure?.kind === 'forbidden';
  return failure?.kind === 'unreachable' || (isRefused && fetched === 0);
}
