/**
 * A value that is made when it is first asked for. For tables of patterns above all: V8 reads a pattern when it is made, and a
 * start that needs none of them should not pay for all.
 */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
