import { SHORTEST_SECRET } from './names.ts';

/** A longer value is found by this many of its first characters, and by its pieces. */
const LONGEST_WHOLE = 256;
/** Any part of a long value that is twice this long contains a whole piece. */
const PIECE = 64;
/** The shortest beginning of a value before `...` that is recognised. */
const SHORTEST_CUT = 8;
const CUT = '...';
const FILTER_BITS = 16;
const [STARTS_VALUE, STARTS_PIECE] = [1, 2];

/**
 * Values that must not be shown, and the search for all of them at once. It takes as long for one value as for the 20,000 lines
 * of a large private file.
 *
 * Each four characters of a text are hashed and checked against a filter. Matches are looked up by their first six characters
 * among the values that begin with them, which are sorted, so that the longest match is found by bisection.
 */
export class KnownValues {
  #filter: Uint8Array | undefined;
  readonly #byStart = new Map<string, string[]>();
  readonly #unsorted = new Set<string[]>();
  readonly #all = new Set<string>();
  readonly #pieces = new Map<string, { readonly value: string; readonly at: number }>();

  /** @param value has SHORTEST_SECRET characters or more */
  add(value: string): void {
    if (value.length < SHORTEST_SECRET || this.#all.has(value)) return;
    this.#all.add(value);
    const whole = value.slice(0, LONGEST_WHOLE);
    const start = whole.slice(0, SHORTEST_SECRET);
    const values = this.#byStart.get(start);
    if (values === undefined) this.#byStart.set(start, [whole]);
    else {
      values.push(whole);
      this.#unsorted.add(values);
    }
    this.#mark(whole, STARTS_VALUE);
    if (value.length <= LONGEST_WHOLE) return;
    for (let at = 0; at < value.length; at += PIECE) {
      const begin = Math.min(at, value.length - PIECE);
      const piece = value.slice(begin, begin + PIECE);
      if (this.#pieces.has(piece)) continue;
      this.#pieces.set(piece, { value, at: begin });
      this.#mark(piece, STARTS_PIECE);
    }
  }

  /**
   * @returns the text with `replacement` in the place of each value, of each longer part of a long value, and of the beginning
   * of a value that was cut off with `...`
   */
  replace(text: string, replacement: string): string {
    const filter = this.#filter;
    if (filter === undefined) return text;
    let result = '';
    let copied = 0;
    let found = { from: -1, to: -1 };
    const flush = (): void => {
      if (found.to < 0) return;
      result += text.slice(copied, found.from) + replacement;
      copied = found.to;
    };
    let lastFour = 0;
    let ready = 3;
    for (let index = 0; index < text.length; index++) {
      lastFour = (lastFour << 8) | (text.charCodeAt(index) & 0xff);
      if (index < ready) continue;
      const marks = filter[slot(lastFour)] as number;
      if (marks === 0) continue;
      const match = this.#matchAt(text, index - 3, marks, copied);
      if (match === undefined || match.to <= found.to) continue;
      if (found.to >= match.from) found = { from: Math.min(found.from, match.from), to: match.to };
      else {
        flush();
        found = match;
      }
      // Values may overlap. One that begins more than LONGEST_WHOLE before this end cannot end after it.
      const next = match.to - LONGEST_WHOLE;
      if (next > index) {
        index = next - 1;
        ready = next + 3;
      }
    }
    flush();
    return copied === 0 ? text : result + text.slice(copied);
  }

  #mark(value: string, mark: number): void {
    this.#filter ??= new Uint8Array(1 << FILTER_BITS);
    let four = 0;
    for (let index = 0; index < 4; index++) four = (four << 8) | (value.charCodeAt(index) & 0xff);
    this.#filter[slot(four)] = (this.#filter[slot(four)] as number) | mark;
  }

  #matchAt(
    text: string,
    from: number,
    marks: number,
    floor: number,
  ): { readonly from: number; readonly to: number } | undefined {
    if ((marks & STARTS_PIECE) !== 0) {
      const piece = this.#pieces.get(text.slice(from, from + PIECE));
      if (piece !== undefined) return widened(text, from, piece, floor);
    }
    if ((marks & STARTS_VALUE) === 0) return undefined;
    const values = this.#byStart.get(text.slice(from, from + SHORTEST_SECRET));
    if (values === undefined) return undefined;
    if (this.#unsorted.delete(values)) values.sort(byCodeUnits);
    const length = longestStart(values, text.slice(from, from + LONGEST_WHOLE)) ?? cutStart(values, text, from);
    return length === undefined ? undefined : { from, to: from + length };
  }
}

function slot(fourCharacters: number): number {
  return Math.imul(fourCharacters, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

function byCodeUnits(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The part of a long value that surrounds one of its pieces in the text. */
function widened(
  text: string,
  at: number,
  piece: { readonly value: string; readonly at: number },
  floor: number,
): { readonly from: number; readonly to: number } {
  let [from, begin] = [at, piece.at];
  while (from > floor && begin > 0 && text.charCodeAt(from - 1) === piece.value.charCodeAt(begin - 1)) {
    from--;
    begin--;
  }
  let [to, end] = [at + PIECE, piece.at + PIECE];
  while (to < text.length && end < piece.value.length && text.charCodeAt(to) === piece.value.charCodeAt(end)) {
    to++;
    end++;
  }
  return { from, to };
}

/** The length of the longest of some sorted values that a text begins with. */
function longestStart(values: readonly string[], text: string): number | undefined {
  let start = text;
  while (start.length >= SHORTEST_SECRET) {
    const candidate = values[firstAbove(values, start) - 1];
    if (candidate === undefined) return undefined;
    let common = 0;
    while (common < candidate.length && candidate.charCodeAt(common) === start.charCodeAt(common)) common++;
    if (common === candidate.length) return common;
    // Any other match is no longer than this.
    start = start.slice(0, common);
  }
  return undefined;
}

/** The length of the beginning of a value that was cut short with `...`. */
function cutStart(values: readonly string[], text: string, from: number): number | undefined {
  const length = text.slice(from, from + LONGEST_WHOLE + CUT.length).indexOf(CUT);
  if (length < SHORTEST_CUT) return undefined;
  const start = text.slice(from, from + length);
  return values[firstAbove(values, start)]?.startsWith(start) === true ? length : undefined;
}

/** The index of the first of some sorted values that sorts after a text. */
function firstAbove(values: readonly string[], text: string): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as string) <= text) low = middle + 1;
    else high = middle;
  }
  return low;
}
