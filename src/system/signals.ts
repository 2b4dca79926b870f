import { accessSync, constants, readFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { ExitCode } from '../errors.ts';
import { killEndingGroups, sendToProcess } from './programs/process-group.ts';

/** The signals by which a person, a service manager or a terminal ends a program. */
export type EndingSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

const EXIT_CODES: Readonly<Record<EndingSignal, ExitCode>> = {
  SIGTERM: ExitCode.terminated,
  SIGINT: ExitCode.interrupted,
  SIGHUP: ExitCode.hungUp,
};

/**
 * Thrown by the doors when a signal ends the run. It is not a Problem, so no caller treats it as a failure that can be tolerated,
 * tried again or replaced by older metadata.
 */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: EndingSignal;
  readonly exitCode: ExitCode;
  /** The output of the command that was ended. */
  readonly output: string | undefined;

  constructor(signal: EndingSignal, output?: string) {
    super(`ended by ${signal}`);
    this.signal = signal;
    this.exitCode = EXIT_CODES[signal];
    this.output = output;
  }
}

/** The signals without those that were ignored when we were started, as SIGHUP is under nohup. */
function notIgnoredAtStart(names: readonly EndingSignal[]): readonly EndingSignal[] {
  try {
    const mask = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
    return names.filter((name) => ((mask >> BigInt(osConstants.signals[name] - 1)) & 1n) === 0n);
  } catch {
    return names;
  }
}

/** The exit code by which shells report that a signal ended a process: 128 and its number. */
export function exitCodeOfSignal(signal: string | undefined): number {
  return 128 + (signal === undefined ? 0 : (osConstants.signals[signal as NodeJS.Signals] ?? 0));
}

/** The door to signals. */
export interface Signals {
  /** Calls `handle` for these signals, which then do not end the run. @returns removes the handler */
  on(names: readonly NodeJS.Signals[], handle: (name: NodeJS.Signals) => void): () => void;
  /** Sends a signal to a process. @returns false when it has ended */
  send(pid: number, name: NodeJS.Signals): boolean;
  /**
   * Sets what is under way, for the log line about a signal. From now on, it has as much time as it needs to end
   * cleanly after a signal.
   */
  during(what: string): void;
  /** What was set last as under way; empty where nothing was. */
  underWay(): string;
  /** Aborts the run, as a signal does. @param reason thrown by the doors */
  abortRun(reason: unknown): void;
  /** From now on signals end the process as they do by default. */
  close(): void;
}

interface RunSignals extends Signals {
  /** Aborted with Interrupted by the first signal. */
  readonly abort: AbortSignal;
}

const NAMES: readonly EndingSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/**
 * Milliseconds within which a second signal counts as the same one: `timeout` and a closing terminal send it to us and to
 * our group.
 */
const ECHO = 500;
/** Milliseconds that a command has after a signal where nothing has to end cleanly. */
const GRACE = 1000;

/**
 * From now on SIGTERM, SIGINT and SIGHUP end cleanly what is under way; a second signal ends the process at once. A signal that was
 * ignored when we were started (nohup) stays ignored.
 * @param warn prints a line
 */
export function listenForSignals(warn: (text: string) => void): RunSignals {
  const controller = new AbortController();
  const taken = new Map<NodeJS.Signals, (name: NodeJS.Signals) => void>();
  let underWay = '';
  let first: bigint | undefined;
  const leave = (name: EndingSignal): void => {
    killEndingGroups();
    if (underWay === '') endBySignal(name);
    endProcess(new Interrupted(name).exitCode);
  };
  const endRun = (name: EndingSignal): void => {
    const now = process.hrtime.bigint();
    if (first === undefined) {
      first = now;
      if (underWay !== '') warn(`${name}: ending ${underWay}`);
      else setTimeout(leave, GRACE, name);
      controller.abort(new Interrupted(name));
    } else if (now - first >= BigInt(ECHO) * 1_000_000n) {
      if (underWay !== '') warn(`${name} again: exiting at once, ${underWay} may continue`);
      leave(name);
    }
  };
  const onSignal = (name: NodeJS.Signals): void => (taken.get(name) ?? endRun)(name as EndingSignal);
  const names = notIgnoredAtStart(NAMES);
  for (const name of names) process.on(name, onSignal);
  return {
    abort: controller.signal,
    on(wanted, handle) {
      const others = wanted.filter((name) => !names.some((known) => known === name));
      for (const name of others) process.on(name, handle);
      for (const name of wanted) taken.set(name, handle);
      return () => {
        for (const name of others) process.off(name, handle);
        for (const name of wanted) if (taken.get(name) === handle) taken.delete(name);
      };
    },
    send: sendToProcess,
    during: (what) => {
      underWay = what;
    },
    underWay: () => underWay,
    abortRun: (reason) => controller.abort(reason),
    close: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

/** Node's name for a lookup of a host name that is under way. */
const LOOKUP = 'GetAddrInfoReqWrap';
const SHELL = '/bin/sh';

/**
 * Ends this process at once, without waiting for an answer from the network or for anything else.
 *
 * A lookup of a host name cannot be cancelled: getaddrinfo runs in a thread, and exit(3) waits for that thread, 10 seconds and more
 * where no name server answers. So this process replaces itself, by exec(3), with a shell that ends with the same code: exec(3) ends
 * all other threads. This way the lookup can stay that of the machine, with everything that nsswitch.conf names.
 */
export function endProcess(exitCode: number): never {
  process.exitCode = exitCode;
  if (hasLookup()) {
    process.emit('exit', exitCode);
    process.execve?.(SHELL, ['sh', '-c', `exit ${exitCode}`], {});
  }
  process.exit(exitCode);
}

/** Ends this process at once, as a signal without a handler does: a shell and systemd see that it was the signal. */
export function endBySignal(signal: EndingSignal): never {
  const exitCode = exitCodeOfSignal(signal);
  process.removeAllListeners(signal);
  process.emit('exit', exitCode);
  if (hasLookup()) {
    const kill = `kill -s ${signal.slice('SIG'.length)} $$; exit ${exitCode}`;
    process.execve?.(SHELL, ['sh', '-c', kill], {});
  }
  process.kill(process.pid, signal);
  // The signal does not end the first process of a container.
  endProcess(exitCode);
}

function hasLookup(): boolean {
  return process.execve !== undefined && process.getActiveResourcesInfo().includes(LOOKUP) && isExecutable(SHELL);
}

function isExecutable(path: string): boolean {
  try {
    // Checked first, because an execve that fails aborts the process.
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
