import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { describeError, errnoOf, Problem } from '../errors.ts';
import { timerDelay } from './clock.ts';
import { afterDrain, type CommandOptions, type CommandResult } from './exec.ts';
import { reasonOf } from './file-problem.ts';
import { tellLines } from './output-lines.ts';
import { OutputTail } from './output-tail.ts';
import { endGroup, groupGrace } from './process-group.ts';
import { exitCodeOfSignal } from './signals.ts';
import { codeOfStart, whyNotStarted } from './start-failure.ts';

export interface RunOptions extends Pick<CommandOptions, 'cwd' | 'umask' | 'timeout' | 'abort' | 'onLines'> {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a command to its own end, by Node's spawn: execa would wait for every holder of the pipes, a daemon the command
 * left behind among them, and costs 20 ms of CPU to load.
 * @throws Problem when the command cannot be started
 */
export function runToExit(command: readonly string[], options: RunOptions): Promise<CommandResult> {
  const [file = '', ...args] = command;
  const { cwd, env, timeout, abort, onLines } = options;
  const isBounded = timeout !== undefined || abort !== undefined;
  if (isBounded) groupGrace();
  return new Promise((resolve, reject) => {
    const tail = new OutputTail();
    const start = (): ChildProcessByStdio<null, Readable, Readable> =>
      spawn(file, args, {
        ...(cwd === undefined ? {} : { cwd }),
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        // Its own process group, by which it can be ended with all that it started.
        detached: isBounded,
      });
    let child: ReturnType<typeof start>;
    try {
      child = withUmask(options.umask, start);
    } catch (error) {
      // Some errors of the start are thrown, the others are events.
      reject(cannotStart(file, options, error));
      return;
    }
    let drained: NodeJS.Timeout | undefined;
    let exitCode: number | undefined;
    let cut: CommandResult['cut'];
    let groupEnd: Promise<void> | undefined;
    let isOver = false;

    const end = (why: 'timeout' | 'abort'): void => {
      if (isOver || exitCode !== undefined || child.pid === undefined || groupEnd !== undefined) return;
      cut = why;
      // What not even SIGKILL ends, a file system that hangs say, is not waited for.
      groupEnd = endGroup(child.pid).then(() => {
        drained ??= afterDrain(finish);
      });
    };
    const onAbort = (): void => end('abort');
    // Infinity is no time at all, and not the longest one of a timer.
    const isTimed = timeout !== undefined && Number.isFinite(timeout);
    const timer = isTimed ? setTimeout(() => end('timeout'), timerDelay(timeout)) : undefined;
    abort?.addEventListener('abort', onAbort, { once: true });
    if (abort?.aborted === true) onAbort();

    const release = (): void => {
      isOver = true;
      clearTimeout(timer);
      clearTimeout(drained);
      abort?.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const finish = async (): Promise<void> => {
      if (isOver) return;
      release();
      await groupEnd;
      endLines?.();
      resolve({ exitCode: exitCode ?? 1, output: tail.text(), ...(cut === undefined ? {} : { cut }) });
    };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => tail.add(chunk, stream));
    const endLines = onLines === undefined ? undefined : tellLines([child.stdout, child.stderr], onLines);
    child.on('error', (error) => {
      release();
      reject(cannotStart(file, options, error));
    });
    child.on('exit', (code, signal) => {
      exitCode = code ?? exitCodeOfSignal(signal ?? undefined);
      drained = afterDrain(finish);
    });
    child.on('close', finish);
  });
}

/** By errno. */
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such program, or its cwd is missing',
  EACCES: 'permission denied',
  E2BIG: 'the command is too long; put it into a file',
};
/** Characters of a name; a whole script may have been given as one. */
const LONGEST_WHERE = 300;

/** The mask is the process's: it is ours again before anything else can run. */
function withUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start();
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

function cannotStart(file: string, { cwd, env }: RunOptions, error: unknown): Problem {
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
