import { spawnSync } from 'node:child_process';
import { Problem } from '../errors.ts';
import { TOOL_DIRECTORY, type ToolResult } from './exec.ts';
import { exitCodeOfSignal } from './signals.ts';

/** More than any list of packages. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Runs a program that answers at once, in `/`, by Node's spawnSync: half of what execa costs.
 * @throws Problem when it cannot be started
 */
export function runQuery(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv): ToolResult {
  const [file, ...args] = command;
  const { error, status, signal, stdout, stderr } = spawnSync(file, args, {
    env,
    cwd: TOOL_DIRECTORY,
    encoding: 'utf8',
    maxBuffer: MOST_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error !== undefined) throw new Problem(`cannot run ${file}`, { hint: error.message, cause: error });
  return { exitCode: status ?? exitCodeOfSignal(signal ?? undefined), stdout, output: `${stdout}${stderr}` };
}
