/** Where what was made is kept: each project loads its preparations anew, but all of them are in one process. */
const MADE = Symbol.for('cfntools.made-for-this-run');

/** What tests use, and what ends it when all tests are done. */
export interface Held<T> {
  readonly value: T;
  readonly end: () => Promise<void>;
}

/**
 * Makes something for all projects of a run: the first one that asks has it made, and ends it. Projects end when the tests of
 * all of them are done.
 * @param name the same one for the same thing
 * @returns for those who ask later, an `end` that does nothing
 */
export function oncePerRun<T>(name: string, make: () => Held<T>): Held<T> {
  const shared = globalThis as { [MADE]?: Map<string, unknown> };
  shared[MADE] ??= new Map();
  const known = shared[MADE];
  if (known.has(name)) return { value: known.get(name) as T, end: async () => {} };
  const held = make();
  known.set(name, held.value);
  return {
    value: held.value,
    end: async () => {
      known.delete(name);
      await held.end();
    },
  };
}
