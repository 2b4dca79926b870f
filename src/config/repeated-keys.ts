/** A key that stands twice in one object, of which the last one counts. */
export interface RepeatedKey {
  /** Keys and indexes that lead to it. */
  readonly path: readonly string[];
  /** Lines of the text, from 1. */
  readonly lines: readonly [first: number, again: number];
}

interface Open {
  /** The keys of an object and the lines on which they stand; undefined for a list. */
  readonly keys: Map<string, number> | undefined;
  /** The key, or the index, whose value is read. */
  at: string;
}

const PIECE = /"(?:[^"\\]|\\.)*"|[{}[\],:\n]/gs;

/**
 * Finds keys that stand twice, of which JSON.parse takes the last one without a word. Reads the text once.
 * @param text valid JSON
 */
export function repeatedKeys(text: string): readonly RepeatedKey[] {
  const found: RepeatedKey[] = [];
  const open: Open[] = [];
  let line = 1;
  let last: string | undefined;
  for (const [piece] of text.matchAll(PIECE)) {
    const here = open.at(-1);
    if (piece === '\n') line++;
    else if (piece === '{' || piece === '[') {
      open.push({ keys: piece === '{' ? new Map() : undefined, at: '0' });
      last = undefined;
    } else if (piece === '}' || piece === ']') open.pop();
    else if (piece === ',') {
      if (here !== undefined && here.keys === undefined) here.at = String(Number(here.at) + 1);
      last = undefined;
    } else if (piece === ':' && here?.keys !== undefined && last !== undefined) {
      here.at = JSON.parse(last) as string;
      const first = here.keys.get(here.at);
      if (first === undefined) here.keys.set(here.at, line);
      else found.push({ path: open.map(({ at }) => at), lines: [first, line] });
    } else last = piece;
  }
  return found;
}
