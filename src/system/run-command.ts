import { describeError, errnoOf, Problem } from '../errors.ts';
import type { CommandOptions, CommandResult } from './exec.ts';
import { reasonOf } from './file-problem.ts';
import { tellLines } from './output-lines.ts';
import { OutputTail } from './output-tail.ts';
import { endGroup, groupGrace } from './process-group.ts';
import { startProgram, untilEnd } from './run-program.ts';
import { codeOfStart, whyNotStarted } from './start-failure.ts';

export interface RunOptions extends Pick<CommandOptions, 'cwd' | 'umask' | 'timeout' | 'abort' | 'onLines'> {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a command to its own end, by Node's spawn: execa would wait for every holder of the pipes, a daemon the command
 * left behind among them, and costs 20 ms of CPU to load.
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
  ENOENT: 'no such program, or its cwd is missing',
  EACCES: 'permission denied',
  E2BIG: 'the command is too long; put it into a file',
};
/** Characters of a name; a whole script may have been given as one. */
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
