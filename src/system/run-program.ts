import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { timerDelay } from './clock.ts';
import { exitCodeOfSignal } from './signals.ts';

/** Why a program was ended before its time. */
export type Cut = 'timeout' | 'abort';

export interface StartOptions {
  /** All of it: nothing is added. */
  readonly env: NodeJS.ProcessEnv;
  /** Ours when left out. */
  readonly cwd?: string | undefined;
  /** Ours when left out. */
  readonly umask?: number | undefined;
  /** Nothing on stdin, and pipes, when left out. */
  readonly stdio?: StdioOptions;
  /** Gives it a process group of its own, by which it can be ended with all that it started. */
  readonly hasGroup: boolean;
}

export interface EndOptions {
  /** Milliseconds that it may run; without a bound when left out, or Infinity. */
  readonly timeout?: number | undefined;
  /** Ends it as soon as one of them is aborted. */
  readonly aborts?: readonly (AbortSignal | undefined)[];
  /**
   * How it is ended before its time. What still runs when this is over is not waited for: a file system that hangs keeps
   * even SIGKILL away.
   * @param exited when the program itself has ended
   */
  readonly end: (pid: number, why: Cut, exited: Promise<void>) => Promise<void>;
  readonly cannotStart: (error: unknown) => Error;
}

export interface Ended {
  /** Undefined for one that was left to itself. */
  readonly exitCode: number | undefined;
  readonly cut?: Cut;
}

/** Milliseconds that the pipes may stay open after a program itself has ended. */
const DRAIN = 200;

/**
 * Starts a program.
 * @throws some errors of the start; the others are events, which untilEnd tells
 */
export function startProgram([file = '', ...args]: readonly string[], options: StartOptions): ChildProcess {
  const { env, cwd, umask, stdio = ['ignore', 'pipe', 'pipe'], hasGroup } = options;
  const start = (): ChildProcess =>
    spawn(file, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio, detached: hasGroup });
  if (umask === undefined) return start();
  // The mask is the process's: it is ours again before anything else can run.
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

/**
 * Waits for a program that was just started: until it ends itself, and not until every holder of its pipes does. A daemon that
 * it left in the background is not waited for.
 * @throws what `cannotStart` makes of an error of the start
 */
export function untilEnd(child: ChildProcess, { timeout, aborts = [], end, cannotStart }: EndOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let exitCode: number | undefined;
    let cut: Cut | undefined;
    let ending: Promise<void> | undefined;
    let drained: NodeJS.Timeout | undefined;
    let isOver = false;
    const exited = new Promise<void>((done) => child.once('exit', () => done()));
    const endNow = (why: Cut): void => {
      if (isOver || exitCode !== undefined || child.pid === undefined || ending !== undefined) return;
      cut = why;
      ending = end(child.pid, why, exited).then(() => {
        child.unref();
        drained ??= afterDrain(finish);
      });
    };
    const onAbort = (): void => endNow('abort');
    const release = (): void => {
      isOver = true;
      clearTimeout(timer);
      clearTimeout(drained);
      for (const abort of aborts) abort?.removeEventListener('abort', onAbort);
      for (const stream of child.stdio) stream?.destroy();
    };
    const finish = async (): Promise<void> => {
      if (isOver) return;
      release();
      // Its group may outlive it.
      await ending;
      resolve({ exitCode, ...(cut === undefined ? {} : { cut }) });
    };
    // Infinity is no time at all, and not the longest one of a timer.
    const isTimed = timeout !== undefined && Number.isFinite(timeout);
    const timer = isTimed ? setTimeout(() => endNow('timeout'), timerDelay(timeout)) : undefined;
    child.on('error', (error) => {
      release();
      reject(cannotStart(error));
    });
    child.on('exit', (code, signal) => {
      exitCode = code ?? exitCodeOfSignal(signal ?? undefined);
      drained ??= afterDrain(finish);
    });
    child.on('close', finish);
    for (const abort of aborts) abort?.addEventListener('abort', onAbort, { once: true });
    if (aborts.some((abort) => abort?.aborted)) onAbort();
  });
}

/** Timers run before anything is read: on a machine that kept us waiting, the program's last words are still unread. */
function afterDrain(release: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(release), DRAIN);
}
