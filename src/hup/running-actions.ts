import type { Exec } from '../system/exec.ts';

/** Milliseconds that a tool has to answer a question. */
const ANSWER_TIME = 30_000;

/** The actions that run right now, for one who has to end. */
export interface RunningActions {
  /** The door for passes. */
  readonly exec: Exec;
  readonly count: number;
  /** Ends them, with all that they started. */
  abort(): void;
  /** Ends the questions that tools have not answered: nobody waits for them any more. */
  abortQueries(): void;
}

/** Wraps the door to programs, so that what was started through it can be counted and ended. */
export function watchActions(exec: Exec): RunningActions {
  const controller = new AbortController();
  const queries = new AbortController();
  let count = 0;
  return {
    exec: {
      ...exec,
      // A systemctl that hangs must not keep us from ending by a signal.
      query: (command, bounds) => exec.query(command, { timeout: ANSWER_TIME, abort: queries.signal, ...bounds }),
      async command(command, options) {
        count++;
        try {
          return await exec.command(command, { ...options, abort: options.abort ?? controller.signal });
        } finally {
          count--;
        }
      },
    },
    get count() {
      return count;
    },
    abort: () => controller.abort(),
    abortQueries: () => queries.abort(),
  };
}
