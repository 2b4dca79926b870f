import { spawn } from 'node:child_process';
import { errnoOf, Problem } from '../errors.ts';
import { type CommandResult, DRAIN_MILLISECONDS } from './exec.ts';
import { OutputTail } from './output-tail.ts';
import { exitCodeOfSignal } from './signal.ts';

/**
 * Runs a command to its own end, by Node's spawn: execa would wait for every holder of the pipes, a daemon the command
 * left behind among them, and costs 20 ms of CPU to load.
 * @throws Problem when the command cannot be started
 */
export function runToExit(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv },
): Promise<CommandResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const tail = new OutputTail();
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let drained: NodeJS.Timeout | undefined;
    let exitCode: number | undefined;
    const finish = (): void => {
      clearTimeout(drained);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ exitCode: exitCode ?? 1, output: tail.text() });
    };
    const take = (chunk: Buffer): void => {
      tail.add(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => reject(cannotStart(file, options.cwd, error)));
    child.on('exit', (code, signal) => {
      exitCode = code ?? exitCodeOfSignal(signal ?? undefined);
      drained = setTimeout(finish, DRAIN_MILLISECONDS);
    });
    child.on('close', finish);
  });
}

function cannotStart(file: string, cwd: string | undefined, error: Error): Problem {
  const code = errnoOf(error);
  if (code === 'ENOENT')
    return new Problem('cannot run the command', {
      where: file,
      hint: 'no such program, or its interpreter or cwd is missing',
      cause: error,
    });
  if (code === 'EACCES')
    return new Problem('cannot run the command', {
      where: cwd === undefined ? file : `${file} in ${cwd}`,
      hint: 'permission denied',
      cause: error,
    });
  if (code === 'E2BIG')
    return new Problem('cannot run the command', {
      where: file.slice(0, 80),
      hint: 'the command is too long; put it into a file',
      cause: error,
    });
  return new Problem('cannot run the command', { where: file, hint: code ?? error.message, cause: error });
}
