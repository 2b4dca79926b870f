import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { describeError, ExitCode, errnoOf, Problem } from '../../errors.ts';
import { timerDelay } from '../clock.ts';
import { reasonOf } from '../files/file-problem.ts';
import { exitCodeOfSignal, Interrupted } from '../signals.ts';
import {
  type CommandOptions,
  type CommandResult,
  type Cut,
  type ExecAbort,
  QUERY_TIMEOUT,
  type QueryBounds,
  TOOL_DIRECTORY,
  type ToolOptions,
  type ToolResult,
} from './exec.ts';
import { gatherLines, OutputTail, tellLines } from './output.ts';
import { endGroup, groupGrace, sendToGroup, sendToProcess } from './process-group.ts';
import { codeOfStart, startProblem, whyNotStarted } from './start-failure.ts';

interface StartOptions {
  /** The whole environment: nothing is added. */
  readonly env: NodeJS.ProcessEnv;
  /** Ours when left out. */
  readonly cwd?: string | undefined;
  /** Ours when left out. */
  readonly umask?: number | undefined;
  /** Nothing on stdin, and pipes, when left out. */
  readonly stdio?: StdioOptions;
  /** Whether it gets a process group of its own, by which it can be ended with everything that it started. */
  readonly hasGroup: boolean;
}

interface EndOptions {
  /** Milliseconds that it may run; no bound when left out or Infinity. */
  readonly timeout?: number | undefined;
  /** Ends it as soon as one of them is aborted. */
  readonly aborts?: readonly (AbortSignal | undefined)[];
  /**
   * Ends it before its time. A process that is still running afterwards is not waited for: while a file system hangs, even
   * SIGKILL has no effect.
   * @param exited resolves when the program itself has ended
   */
  readonly end: (pid: number, why: Cut, exited: Promise<void>) => Promise<void>;
  readonly cannotStart: (error: unknown) => Error;
}

interface Ended {
  /** Undefined for a program that is no longer waited for. */
  readonly exitCode: number | undefined;
  readonly cut?: Cut;
}

/** Milliseconds that the pipes may stay open after a program itself has ended. */
const DRAIN = 200;

/**
 * Starts a program.
 * @throws some errors of the start; the others are events, which untilEnd reports
 */
export function startProgram([file = '', ...args]: readonly string[], options: StartOptions): ChildProcess {
  const { env, cwd, umask, stdio = ['ignore', 'pipe', 'pipe'], hasGroup } = options;
  const start = (): ChildProcess =>
    spawn(file, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio, detached: hasGroup });
  if (umask === undefined) return start();
  // The mask belongs to the whole process, so it is set back before anything else can run.
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

/**
 * Waits until a program that was just started ends. It does not wait for other holders of the pipes, such as a daemon that the
 * program left in the background.
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
      // Its process group may outlive it.
      await ending;
      resolve({ exitCode, ...(cut === undefined ? {} : { cut }) });
    };
    // Infinity means no timer at all, not the longest one.
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

/** Node runs timers before it reads pipes: on a busy machine the program's last output may still be unread. */
function afterDrain(release: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(release), DRAIN);
}

type End = EndOptions['end'];

/** Milliseconds that a tool which must not be killed has to finish its work. */
const PATIENCE = 60_000;
/** Milliseconds between SIGTERM and SIGKILL for a tool that took too long. */
const TOOL_GRACE = 5000;
/** Milliseconds between SIGTERM and SIGKILL for a tool when this run has to end. */
const TOOL_ABORT_GRACE = 1000;

/** Kills a program with its whole group. A program that hangs in the kernel does not react even to that. */
const killGroup: End = async (pid) => {
  sendToGroup(pid, 'SIGKILL');
};

/** Ends a program alone, not the programs that it has started. */
export const endAlone: End = async (pid, _, exited) => {
  sendToProcess(pid, 'SIGTERM');
  await atMost(TOOL_GRACE, exited, () => sendToProcess(pid, 'SIGKILL'));
};

/**
 * Ends a tool when the run is aborted.
 * @param note called with a line for the log about a program that is still waited for
 */
export function endTool(program: string, onAbort: ToolOptions['onAbort'], note: (text: string) => void): End {
  return async (pid, _, exited) => {
    if (onAbort === undefined) return endGroup(pid, TOOL_ABORT_GRACE);
    // Not its group: a package tool itself ends the programs that it runs for its transaction.
    if (onAbort === 'ask') sendToProcess(pid, 'SIGINT');
    const it = `${program} (process ${pid})`;
    note(`waiting for ${it} to end, ${PATIENCE / 1000} s at most`);
    await atMost(PATIENCE, exited, () =>
      note(`${it} is still running after ${PATIENCE / 1000} s: no longer waiting for it`),
    );
  };
}

/** Waits until `exited` resolves, for at most so many milliseconds. @param late called when it has not resolved by then */
async function atMost(milliseconds: number, exited: Promise<void>, late: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      late();
      resolve();
    }, milliseconds);
  });
  await Promise.race([exited, over]);
  clearTimeout(timer);
}

interface RunOptions extends Pick<CommandOptions, 'cwd' | 'umask' | 'timeout' | 'abort' | 'onLines'> {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a command until it ends, by Node's spawn. execa would wait for every holder of the pipes, such as a daemon that the
 * command left behind, and costs 20 ms of CPU to load.
 * @throws Problem when the command cannot be started
 */
export async function runCommand(command: readonly string[], options: RunOptions): Promise<CommandResult> {
  const [file = ''] = command;
  const { timeout, abort, onLines } = options;
  const isBounded = timeout !== undefined || abort !== undefined;
  if (isBounded) groupGrace();
  const cannotStart = (error: unknown): Problem => startFailure(file, options, error);
  let child: ReturnType<typeof startProgram>;
  try {
    child = startProgram(command, { ...options, hasGroup: isBounded });
  } catch (error) {
    throw cannotStart(error);
  }
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const tail = new OutputTail();
  for (const stream of streams) stream.on('data', (chunk: Buffer) => tail.add(chunk, stream));
  const endLines = onLines === undefined ? undefined : tellLines(streams, onLines);
  const { exitCode = 1, cut } = await untilEnd(child, {
    timeout,
    aborts: [abort],
    end: (pid) => endGroup(pid),
    cannotStart,
  });
  endLines?.();
  return { exitCode, output: tail.text(), ...(cut === undefined ? {} : { cut }) };
}

/** By errno. */
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such program, or its cwd does not exist',
  EACCES: 'permission denied',
  E2BIG: 'the command is too long; put it into a file',
};
/** Characters of a program name: by mistake it may be a whole script. */
const LONGEST_WHERE = 300;

function startFailure(file: string, { cwd, env }: RunOptions, error: unknown): Problem {
  const code = errnoOf(error);
  const where = code === 'EACCES' && cwd !== undefined ? `${file} in ${cwd}` : file;
  const why = whyNotStarted(file, code, { cwd, path: env['PATH'] });
  const hint = why ?? HINTS[code ?? ''] ?? (code === undefined ? describeError(error) : reasonOf(code));
  return new Problem('cannot run the command', {
    code: codeOfStart(code),
    where: where.slice(0, LONGEST_WHERE),
    hint,
    cause: error,
  });
}

/** More than any list of packages. */
const MOST_BYTES = 256 * 1024 * 1024;

interface QueryOptions extends QueryBounds {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a program that answers at once, in `/`, by Node's spawn, which costs half as much as execa. The program has a process
 * group of its own, which is killed when its time is over.
 * @param run ends it as well
 * @throws Problem when it cannot be started, answers too much, or was killed; Interrupted when the run was aborted
 */
export async function runQuery(
  command: readonly [string, ...string[]],
  { env, timeout = QUERY_TIMEOUT, abort, stdin, descriptor, encoding }: QueryOptions,
  run?: AbortSignal,
): Promise<ToolResult> {
  const [file, ...args] = command;
  const unanswered = (hint: string): Problem =>
    new Problem(`${file} does not answer`, { where: args.join(' '), hint, exitCode: ExitCode.deadline });
  const stopped = (): unknown =>
    [run?.reason, abort?.reason].find((reason) => reason instanceof Interrupted) ??
    unanswered('it was ended because this run is stopping');
  if (abort?.aborted === true) throw stopped();
  const cannotStart = (error: unknown): Problem => startProblem(file, error);
  const tooMuch = new AbortController();
  let child: ReturnType<typeof startProgram>;
  try {
    const others = descriptor === undefined ? [] : [descriptor];
    const stdio = [stdin ?? ('ignore' as const), 'pipe' as const, 'pipe' as const, ...others];
    child = startProgram(command, { env, cwd: TOOL_DIRECTORY, stdio, hasGroup: true });
  } catch (error) {
    throw cannotStart(error);
  }
  const collect = (stream: Readable | null): (() => string) => {
    const chunks: Buffer[] = [];
    let length = 0;
    stream?.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MOST_BYTES) tooMuch.abort();
    });
    return () => Buffer.concat(chunks).toString(encoding ?? 'utf8');
  };
  const [readStdout, readStderr] = [collect(child.stdout), collect(child.stderr)];
  const aborts = [run, abort, tooMuch.signal];
  const { exitCode = 0, cut } = await untilEnd(child, { timeout, aborts, end: killGroup, cannotStart });
  if (cut === 'timeout') throw unanswered(`it was ended after ${timeout / 1000} s`);
  if (tooMuch.signal.aborted)
    throw new Problem(`cannot run ${file}`, { hint: `it printed more than ${MOST_BYTES} bytes` });
  if (cut === 'abort') throw stopped();
  const stdout = readStdout();
  return { exitCode, stdout, output: `${stdout}${readStderr()}` };
}

/**
 * Runs a tool whose output is parsed, by execa, until the tool itself ends: an init script may leave a daemon behind that holds the
 * pipes.
 * @param program its name in messages
 * @param command its full path and its arguments
 * @param env its whole environment
 * @param run ends it, as `onAbort` says
 * @throws Problem when it cannot be started; the reason of the abort of the run
 */
export async function runTool(
  program: string,
  [file, ...args]: readonly [string, ...string[]],
  { env, timeout, abort, onAbort, onLines }: ToolOptions,
  run: ExecAbort | undefined,
): Promise<ToolResult> {
  if (run !== undefined) groupGrace();
  const { execa } = await import('execa');
  const cannotStart = (error: unknown): Error => startProblem(program, error);
  const start = () =>
    execa(file, args, {
      reject: false,
      stdin: 'ignore',
      extendEnv: false,
      env: env as Record<string, string>,
      cwd: TOOL_DIRECTORY,
      detached: run !== undefined,
    });
  let running: ReturnType<typeof start>;
  try {
    run?.signal.throwIfAborted();
    running = start();
  } catch (error) {
    // Arguments that cannot be passed to a program, such as one with a NUL.
    if (run?.signal.aborted === true) throw run.signal.reason;
    throw cannotStart(error);
  }
  const { stdout, stderr, nodeChildProcess: child } = running;
  // execa catches what Node throws when a start fails.
  if (child.pid === undefined) throw cannotStart(await running);
  const output = gatherLines(stdout, stderr);
  const endLines = onLines === undefined ? undefined : tellLines([stdout, stderr], onLines);
  const ofRun = endTool(program, onAbort, run?.note ?? (() => undefined));
  const { exitCode, cut } = await untilEnd(child, {
    timeout,
    aborts: [run?.signal, abort],
    end: (pid, why, exited) => (run?.signal.aborted === true ? ofRun : endAlone)(pid, why, exited),
    cannotStart,
  });
  endLines?.();
  run?.signal.throwIfAborted();
  const isLeft = exitCode === undefined;
  return {
    exitCode: exitCode ?? 1,
    stdout: isLeft ? '' : (await running).stdout,
    output: output(),
    ...(cut === undefined ? {} : { cut }),
  };
}
