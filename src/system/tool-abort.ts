import type { ExecAbort, ToolOptions } from './exec.ts';
import { endGroup, groupGrace, sendToProcess } from './process-group.ts';

/** Milliseconds that a tool which is not to be killed has, to end what it has begun. */
const PATIENCE = 60_000;

/**
 * Prepares for the end of a tool, before it is started.
 * @returns what waits for the tool and, once that is aborted, for what its options say
 * @throws the reason of the abort, both at once and when it comes while the tool runs
 */
export function toolAbort(
  { signal, note }: ExecAbort,
  program: string,
  { onAbort }: ToolOptions,
): <T>(pid: number | undefined, running: PromiseLike<T>) => Promise<T> {
  signal.throwIfAborted();
  groupGrace();
  return async (pid, running) => {
    let isOver = false;
    const ended = Promise.resolve(running).finally(() => {
      isOver = true;
    });
    const end = async (): Promise<void> => {
      if (pid === undefined || isOver) return;
      if (onAbort === undefined) return endGroup(pid);
      // Not its group: a package tool deals itself with the programs that it runs for its transaction.
      // It may have ended and left its pipes to another, which are still being read.
      if (onAbort === 'ask') sendToProcess(pid, 'SIGINT');
      const it = `${program} (process ${pid})`;
      note(`waiting for ${it} to end, ${PATIENCE / 1000} s at most`);
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, PATIENCE);
      });
      await Promise.race([ended, patience]);
      clearTimeout(timer);
      if (!isOver) note(`${it} still runs after ${PATIENCE / 1000} s: leaving it to itself`);
    };
    let listener = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      listener = () => void end().finally(() => reject(signal.reason));
    });
    signal.addEventListener('abort', listener, { once: true });
    try {
      const result = await Promise.race([ended, aborted]);
      // Its program may have ended before what it had started.
      return signal.aborted ? await aborted : result;
    } finally {
      signal.removeEventListener('abort', listener);
    }
  };
}
