import type { Exec } from '../system/exec.ts';

/** The actions that run right now, for one who has to end. */
export interface RunningActions {
  /** The door for passes. */
  readonly exec: Exec;
  readonly count: number;
  /** Ends them, with all that they started. */
  abort(): void;
}

/** Wraps the door to programs, so that what was started through it can be counted and ended. */
export function watchActions(exec: Exec): RunningActions {
  const controller = new AbortController();
  let count = 0;
  return {
    exec: {
      ...exec,
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
  };
}
