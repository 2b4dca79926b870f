import { skipBlanks, stringEnd } from './json-span.ts';

/** A key that occurs twice in one object: the last one counts. */
export interface RepeatedKey {
  /** Keys and indexes that lead to it. */
  readonly path: readonly string[];
  /** Lines of the text, from 1. */
  readonly lines: readonly [first: number, again: number];
}

interface Open {
  /** The keys of an object and where they are; undefined for a list. */
  readonly keys: Map<string, number> | undefined;
  /** The key whose value is read. */
  key: string;
  /** The index of the item that is read. */
  item: number;
}

/**
 * Finds keys that occur twice: JSON.parse takes the last one without a word. Reads the text once.
 * @param text valid JSON
 */
export function repeatedKeys(text: string): readonly RepeatedKey[] {
  const found: { readonly path: readonly string[]; readonly places: readonly [number, number] }[] = [];
  const open: Open[] = [];
  for (let index = 0; index < text.length; ) {
    const begin = index;
    const character = text[begin];
    const here = open.at(-1);
    index = character === '"' ? stringEnd(text, begin) : begin + 1;
    if (character === '{' || character === '[')
      open.push({ keys: character === '{' ? new Map() : undefined, key: '', item: 0 });
    else if (character === '}' || character === ']') open.pop();
    else if (character === ',' && here !== undefined) here.item++;
    else if (character === '"' && here?.keys !== undefined && text[skipBlanks(text, index)] === ':') {
      here.key = JSON.parse(text.slice(begin, index)) as string;
      const first = here.keys.get(here.key);
      if (first === undefined) here.keys.set(here.key, begin);
      else
        found.push({
          path: open.map(({ keys, key, item }) => (keys === undefined ? String(item) : key)),
          places: [first, begin],
        });
    }
  }
  if (found.length === 0) return [];
  const lineOf = linesOf(text);
  return found.map(({ path, places: [first, again] }) => ({ path, lines: [lineOf(first), lineOf(again)] }));
}

/** Says for a place in a text on which line it is, from 1. */
function linesOf(text: string): (place: number) => number {
  const ends: number[] = [];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) ends.push(end);
  return (place) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ends[middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
