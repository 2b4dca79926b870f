import { endAlone, endTool } from './end-program.ts';
import { type ExecAbort, TOOL_DIRECTORY, type ToolOptions, type ToolResult } from './exec.ts';
import { tellLines } from './output-lines.ts';
import { groupGrace } from './process-group.ts';
import { untilEnd } from './run-program.ts';
import { startProblem } from './start-failure.ts';
import { gatherLines } from './whole-lines.ts';

/**
 * Runs a tool whose output is parsed, by execa, to its own end: an init script may leave a daemon behind that holds the pipes.
 * @param program what it is called, in messages
 * @param command its full path, and its arguments
 * @param env all of its environment
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
    // Arguments that no program can get.
    if (run?.signal.aborted === true) throw run.signal.reason;
    throw cannotStart(error);
  }
  const { stdout, stderr, nodeChildProcess: child } = running;
  // execa catches what Node throws at a start.
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
