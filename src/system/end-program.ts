import type { ToolOptions } from './exec.ts';
import { endGroup, sendToGroup, sendToProcess } from './process-group.ts';
import type { EndOptions } from './run-program.ts';

type End = EndOptions['end'];

/** Milliseconds that a tool which is not to be killed has, to end what it has begun. */
const PATIENCE = 60_000;
/** Milliseconds between SIGTERM and SIGKILL for a tool that took too long. */
const TOOL_GRACE = 5000;
/** Milliseconds between SIGTERM and SIGKILL for a tool when we are to end ourselves. */
const TOOL_ABORT_GRACE = 1000;

/** Kills a program with all of its group. It may hang in the kernel, where not even that reaches it. */
export const killGroup: End = async (pid) => {
  sendToGroup(pid, 'SIGKILL');
};

/** Ends a program alone, and not what it has started. */
export const endAlone: End = async (pid, _, exited) => {
  sendToProcess(pid, 'SIGTERM');
  await atMost(TOOL_GRACE, exited, () => sendToProcess(pid, 'SIGKILL'));
};

/**
 * Ends a tool when the run is aborted.
 * @param note called with what is still waited for
 */
export function endTool(program: string, onAbort: ToolOptions['onAbort'], note: (text: string) => void): End {
  return async (pid, _, exited) => {
    if (onAbort === undefined) return endGroup(pid, TOOL_ABORT_GRACE);
    // Not its group: a package tool deals itself with the programs that it runs for its transaction.
    if (onAbort === 'ask') sendToProcess(pid, 'SIGINT');
    const it = `${program} (process ${pid})`;
    note(`waiting for ${it} to end, ${PATIENCE / 1000} s at most`);
    await atMost(PATIENCE, exited, () => note(`${it} still runs after ${PATIENCE / 1000} s: leaving it to itself`));
  };
}

/** Waits for an end. @param late called when it has not come after so many milliseconds */
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
