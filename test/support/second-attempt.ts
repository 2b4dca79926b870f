import { beforeAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the preparation of these tests was tried once more; the closing lines of a run say so. */
    secondAttempt?: string;
  }
}

/** Notes that something was only there at the second attempt. */
export type Note = (why: string) => void;

/**
 * A beforeAll for what boots or builds a machine: it is tried once more when it fails, as the tests of such files are (see
 * vitest.config.ts). vitest itself repeats tests, not hooks.
 * @param prepare leaves nothing behind that is in its own way when it fails; an end by `timeout` is not tried again
 * @param timeout milliseconds for one attempt; without it, the project's hookTimeout is for both
 */
export function prepareMachine(prepare: (note: Note) => void | Promise<void>, timeout?: number): void {
  beforeAll(
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it that no fixture is wanted
    async ({}, suite) => {
      const note: Note = (why) => {
        suite.meta.secondAttempt = why;
      };
      try {
        await prepare(note);
      } catch (error) {
        note(String(error));
        await prepare(note);
      }
    },
    timeout === undefined ? undefined : 2 * timeout,
  );
}
