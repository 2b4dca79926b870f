import type { Readable } from 'node:stream';
import { ExitCode, Problem } from '../errors.ts';
import { killGroup } from './end-program.ts';
import { QUERY_TIMEOUT, type QueryBounds, TOOL_DIRECTORY, type ToolResult } from './exec.ts';
import { startProgram, untilEnd } from './run-program.ts';
import { Interrupted } from './signals.ts';
import { startProblem } from './start-failure.ts';

/** More than any list of packages. */
const MOST_BYTES = 256 * 1024 * 1024;

export interface QueryOptions extends QueryBounds {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a program that answers at once, in `/`, by Node's spawn: half of what execa costs. It has a process group of its own,
 * which is killed when the answer is not waited for any longer.
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
    unanswered('it was ended, since we are to stop');
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
