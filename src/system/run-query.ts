import { spawnSync } from 'node:child_process';
import { ExitCode, errnoOf, Problem } from '../errors.ts';
import { timerDelay } from './clock.ts';
import { type QueryBounds, TOOL_DIRECTORY, type ToolResult } from './exec.ts';
import { exitCodeOfSignal } from './signals.ts';

/** More than any list of packages. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Runs a program that answers at once, in `/`, by Node's spawnSync: half of what execa costs.
 * @throws Problem when it cannot be started, and when it did not answer in time and was killed
 */
export function runQuery(
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  bounds?: QueryBounds,
): ToolResult {
  const [file, ...args] = command;
  const { error, status, signal, stdout, stderr } = spawnSync(file, args, {
    env,
    cwd: TOOL_DIRECTORY,
    encoding: 'utf8',
    maxBuffer: MOST_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(bounds === undefined ? {} : { timeout: timerDelay(bounds.timeout), killSignal: 'SIGKILL' }),
  });
  if (bounds !== undefined && errnoOf(error) === 'ETIMEDOUT')
    throw new Problem(`${file} does not answer`, {
      where: args.join(' '),
      hint: `it was ended after ${bounds.timeout / 1000} s`,
      exitCode: ExitCode.deadline,
    });
  if (error !== undefined) throw new Problem(`cannot run ${file}`, { hint: error.message, cause: error });
  return { exitCode: status ?? exitCodeOfSignal(signal ?? undefined), stdout, output: `${stdout}${stderr}` };
}
