/**
 * A value that is made at the first call. Mainly for tables of patterns: V8 parses a pattern when it is made, and a start that needs
 * none of them should not pay for it.
 */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
