import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ExitCode, Problem } from '../errors.ts';
import { timerDelay } from './clock.ts';
import { afterDrain, type QueryBounds, TOOL_DIRECTORY, type ToolResult } from './exec.ts';
import { sendToGroup } from './process-group.ts';
import { exitCodeOfSignal, Interrupted } from './signals.ts';
import { startProblem } from './start-failure.ts';

/** More than any list of packages. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Runs a program that answers at once, in `/`, by Node's spawn: half of what execa costs. It has a process group of its own,
 * which is killed when the answer is not waited for any longer.
 * @throws Problem when it cannot be started, answers too much, or was killed; Interrupted when the run was aborted
 */
export function runQuery(
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  { timeout, abort }: QueryBounds,
): Promise<ToolResult> {
  const [file, ...args] = command;
  const unanswered = (hint: string): Problem =>
    new Problem(`${file} does not answer`, { where: args.join(' '), hint, exitCode: ExitCode.deadline });
  const stopped = (): unknown =>
    abort?.reason instanceof Interrupted ? abort.reason : unanswered('it was ended, since we are to stop');
  if (abort?.aborted === true) return Promise.reject(stopped());
  return new Promise((resolve, reject) => {
    let child: ChildProcessByStdio<null, Readable, Readable>;
    try {
      child = spawn(file, args, { env, cwd: TOOL_DIRECTORY, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    } catch (error) {
      // Some errors of the start are thrown, the others are events.
      reject(startProblem(file, error));
      return;
    }
    let hasEnded = false;
    let exitCode = 0;
    let timer: NodeJS.Timeout | undefined;
    let drained: NodeJS.Timeout | undefined;
    const release = (): void => {
      clearTimeout(timer);
      clearTimeout(drained);
      abort?.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const giveUp = (reason: unknown): void => {
      release();
      if (!hasEnded && child.pid !== undefined) sendToGroup(child.pid, 'SIGKILL');
      // It may hang in the kernel, where not even SIGKILL reaches it.
      child.unref();
      reject(reason);
    };
    const onAbort = (): void => giveUp(stopped());
    const collect = (stream: typeof child.stdout): (() => string) => {
      const chunks: Buffer[] = [];
      let length = 0;
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MOST_BYTES)
          giveUp(new Problem(`cannot run ${file}`, { hint: `it printed more than ${MOST_BYTES} bytes` }));
      });
      return () => Buffer.concat(chunks).toString('utf8');
    };
    const [readStdout, readStderr] = [collect(child.stdout), collect(child.stderr)];
    const finish = (): void => {
      release();
      const stdout = readStdout();
      resolve({ exitCode, stdout, output: `${stdout}${readStderr()}` });
    };
    if (timeout !== undefined)
      timer = setTimeout(() => giveUp(unanswered(`it was ended after ${timeout / 1000} s`)), timerDelay(timeout));
    abort?.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error) => {
      release();
      reject(startProblem(file, error));
    });
    child.on('exit', (code, signal) => {
      hasEnded = true;
      exitCode = code ?? exitCodeOfSignal(signal ?? undefined);
      drained = afterDrain(finish);
    });
    child.on('close', finish);
  });
}
