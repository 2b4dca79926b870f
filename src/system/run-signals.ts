import { endBySignal, endProcess } from './end-process.ts';
import { killEndingGroups, sendToProcess } from './process-group.ts';
import { type EndingSignal, Interrupted, notIgnoredAtStart } from './signals.ts';

/** The door to signals. */
export interface Signals {
  /** Calls `handle` for these, which then do not end the run by themselves. Returns what ends that. */
  on(names: readonly NodeJS.Signals[], handle: (name: NodeJS.Signals) => void): () => void;
  /** Sends one to a process. @returns false when it has ended */
  send(pid: number, name: NodeJS.Signals): boolean;
  /**
   * Says what is under way, for the line that tells of a signal. From now on what is under way has the time that it takes to
   * end in good order.
   */
  during(what: string): void;
  /** What was under way last; empty where nothing was. */
  underWay(): string;
  /** Aborts the run, as a signal does. @param reason what the doors throw */
  abortRun(reason: unknown): void;
  /** From now on signals end the process as they do by default. */
  close(): void;
}

export interface RunSignals extends Signals {
  /** Aborted with Interrupted by the first signal. */
  readonly abort: AbortSignal;
}

const NAMES: readonly EndingSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/**
 * Milliseconds within which a further signal counts as the same one: `timeout` and a closing terminal send it to us and to
 * our group.
 */
const ECHO = 500;
/** Milliseconds that a command has after a signal where nothing has to end in good order. */
const GRACE = 1000;

/**
 * From now on SIGTERM, SIGINT and SIGHUP end what is under way in good order; a second one leaves at once. A signal that was
 * ignored when we were started (nohup) stays ignored.
 * @param warn says a line
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
      if (underWay !== '') warn(`${name} again: leaving at once, ${underWay} may go on`);
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
