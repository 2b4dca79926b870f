/**
 * JSON as text. JSON.parse loses information: the order of keys that look like numbers, the digits of numbers (1.0, 64-bit integers),
 * and repeated keys. So a document is also read as text. One tokenizer does this for all purposes, without recursion and without a
 * copy, because a document may be large.
 */
import { describeSyntaxError } from './json-syntax.ts';

/** Deeper than any template; keeps a hostile document from exhausting memory. */
const DEEPEST_NESTING = 200;

export type JsonResult = { readonly value: unknown } | { readonly problem: string };

/** Parses a document. @returns its value, or what is wrong with `what` in one line */
export function parseJson(text: string, what = 'the document'): JsonResult {
  const body = text.replace(/^\uFEFF/, '');
  if (body.trim() === '') return { problem: `${what} is empty` };
  if (isTooDeep(body)) return { problem: `${what} is nested more than ${DEEPEST_NESTING} levels deep` };
  try {
    return { value: JSON.parse(body) as unknown };
  } catch (error) {
    return { problem: `${what} is not JSON: ${describeSyntaxError(error, body)}` };
  }
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Parses a valid JSON text. @param number converts each number, from its value and its digits as written */
export function parseJsonNumbers(text: string, number: (value: number, written: string) => unknown): unknown {
  const revive: Reviver = (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? number(value, source) : value;
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as unknown;
}

/** True for a JSON object: not null, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value that is a string; undefined for any other. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * Splits a key path of cfn-get-metadata or of a hook. Dots separate keys. A dot in a key is written in single quotes around the key, or
 * with a backslash before it. A dot at the end is ignored. Source: heat-cfntools, Metadata.display; the backslash is our addition.
 * @returns undefined for an invalid path, such as `a..b`
 */
export function parseKeyPath(text: string): readonly string[] | undefined {
  const keys: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const match = /^(?:'([^']+)'|((?:\\\.|[^.])+))(?:\.|$)/.exec(rest);
    if (match === null) return undefined;
    keys.push(match[1] ?? (match[2] as string).replaceAll('\\.', '.'));
    rest = rest.slice(match[0].length);
  }
  return keys.length === 0 ? undefined : keys;
}

/** Character codes, which are the kinds of tokens; any other code begins a word, such as 1.0 or null. */
export const [QUOTE, COMMA, COLON, LIST, OBJECT] = [0x22, 0x2c, 0x3a, 0x5b, 0x7b];
const [BACKSLASH, BYTE_ORDER_MARK] = [0x5c, 0xfeff];
/** The kind at the end of the text. */
export const NO_TOKEN = -1;

/** Classes of ASCII characters: part of a word, a blank, or a character that ends a word. */
const [WORD, BLANK, END] = [0, 1, 2];
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) =>
  code <= 0x20 ? BLANK : '",:[]{}'.includes(String.fromCharCode(code)) ? END : WORD,
);

/** Reads a JSON text token by token: brackets, commas, colons, strings with their quotes, and words. */
export class JsonTokens {
  readonly text: string;
  /** Where the token begins. */
  start: number;
  /** Where the token ends. */
  end: number;

  constructor(text: string, start = 0) {
    this.text = text;
    this.start = start;
    this.end = start === 0 && text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : start;
  }

  /** Goes to the next token. @returns the code of its first character, or NO_TOKEN */
  next(): number {
    const { text } = this;
    const { length } = text;
    let index = this.end;
    while (index < length && CLASSES[text.charCodeAt(index)] === BLANK) index++;
    this.start = index;
    this.end = index;
    if (index >= length) return NO_TOKEN;
    const kind = text.charCodeAt(index);
    if (kind === QUOTE) this.end = stringEnd(text, index);
    else {
      index++;
      if (CLASSES[kind] !== END) while (index < length && !CLASSES[text.charCodeAt(index)]) index++;
      this.end = index;
    }
    return kind;
  }

  /** Goes to the next bracket and skips everything else. @returns as next */
  nextBracket(): number {
    const { text } = this;
    for (let index = this.end; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code === QUOTE) index = stringEnd(text, index) - 1;
      else if (levels(code) !== 0) {
        this.start = index;
        this.end = index + 1;
        return code;
      }
    }
    this.end = text.length;
    return NO_TOKEN;
  }

  /** Goes from the first token of a value to its last. @param kind of the first one */
  skipValue(kind: number): void {
    for (let [depth, code] = [levels(kind), kind]; depth > 0 && code !== NO_TOKEN; depth += levels(code))
      code = this.nextBracket();
  }

  /** The token as it is written. */
  written(): string {
    return this.text.slice(this.start, this.end);
  }
}

/** How many levels deeper the text is after a token. `[` and `{` differ in one bit, and so do `]` and `}`. */
export function levels(kind: number): number {
  const bracket = kind | 0x20;
  if (kind < LIST || (bracket !== 0x7b && bracket !== 0x7d)) return 0;
  return bracket === 0x7b ? 1 : -1;
}

/**
 * The index after the string that begins at `start`. Without a regular expression, because one with a repeated group overflows the
 * stack on a string of some megabytes.
 */
function stringEnd(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (quote < 0) return text.length;
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote + 1;
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index++;
    else if (code === QUOTE) return index + 1;
  }
  return text.length;
}

function isTooDeep(text: string): boolean {
  const tokens = new JsonTokens(text);
  let depth = 0;
  for (let kind = tokens.nextBracket(); kind !== NO_TOKEN; kind = tokens.nextBracket()) {
    depth += levels(kind);
    if (depth > DEEPEST_NESTING) return true;
  }
  return false;
}

/**
 * The text of the value at a path of a valid JSON text, as it is written. The last of several equal keys counts, as in JSON.parse.
 * @param throughLists whether a number in the path is the index of a list, from 0
 * @returns undefined when nothing is at the path
 */
export function jsonTextAt(text: string, path: readonly string[], throughLists = false): string | undefined {
  return new JsonSpans(text).textAt(path, throughLists);
}

/** As jsonTextAt, for many paths of one text: each object is read only once. */
export class JsonSpans {
  readonly text: string;
  /** The positions of the members of each object that was read, by the position of the object. */
  readonly #members = new Map<number, ReadonlyMap<string, number>>();

  constructor(text: string) {
    this.text = text;
  }

  /** As jsonTextAt. */
  textAt(path: readonly string[], throughLists = false): string | undefined {
    const tokens = new JsonTokens(this.text);
    let kind = tokens.next();
    for (const key of path) {
      const found =
        kind === OBJECT
          ? this.#membersOf(tokens.start).get(key)
          : throughLists && kind === LIST
            ? itemOf(this.text, tokens.start, key)
            : undefined;
      if (found === undefined) return undefined;
      tokens.end = found;
      kind = tokens.next();
    }
    const { start } = tokens;
    tokens.skipValue(kind);
    return this.text.slice(start, tokens.end);
  }

  /** The position of the value of each key in the object at `start`. */
  #membersOf(start: number): ReadonlyMap<string, number> {
    const known = this.#members.get(start);
    if (known !== undefined) return known;
    const members = new Map<string, number>();
    this.#members.set(start, members);
    const tokens = new JsonTokens(this.text, start + 1);
    while (tokens.next() === QUOTE) {
      const key = JSON.parse(tokens.written()) as string;
      tokens.next();
      const kind = tokens.next();
      members.set(key, tokens.start);
      tokens.skipValue(kind);
      if (tokens.next() !== COMMA) break;
    }
    return members;
  }
}

/** The position of the item with this index in the list at `start`. */
function itemOf(text: string, start: number, key: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(key)) return undefined;
  const tokens = new JsonTokens(text, start + 1);
  for (let left = Number(key); ; left--) {
    const kind = tokens.next();
    if (kind === NO_TOKEN || levels(kind) < 0) return undefined;
    if (left === 0) return tokens.start;
    tokens.skipValue(kind);
    if (tokens.next() !== COMMA) return undefined;
  }
}

/** A value of a document with its numbers as strings of digits, as written. @returns undefined when it has no numbers */
export function numbersAsWritten(value: unknown, path: readonly string[], spans: JsonSpans): unknown {
  const span = hasNumber(value) ? spans.textAt(path) : undefined;
  return span === undefined ? undefined : parseJsonNumbers(span, (_, digits) => digits);
}

function hasNumber(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNumber);
  return typeof value === 'number' || (isRecord(value) && hasNumber(Object.values(value)));
}

/** A key that occurs twice in one object: the last one counts. */
export interface RepeatedKey {
  /** Keys and indexes that lead to it. */
  readonly path: readonly string[];
  /** Lines of the text, from 1. */
  readonly lines: readonly [first: number, again: number];
}

/**
 * Finds keys that occur twice: JSON.parse silently takes the last one. Reads the text once.
 * @param text valid JSON
 */
export function repeatedKeys(text: string): readonly RepeatedKey[] {
  const found: { readonly path: readonly string[]; readonly places: readonly [number, number] }[] = [];
  /** The positions of the keys of an object, undefined for a list; and the current key or index. */
  const open: { readonly keys: Map<string, number> | undefined; key: string; item: number }[] = [];
  const tokens = new JsonTokens(text);
  let isKeyNext = false;
  for (let kind = tokens.next(); kind !== NO_TOKEN; kind = tokens.next()) {
    const here = open.at(-1);
    const change = levels(kind);
    if (change > 0) open.push({ keys: kind === OBJECT ? new Map() : undefined, key: '', item: 0 });
    else if (change < 0) open.pop();
    else if (kind === COMMA && here !== undefined) here.item++;
    else if (kind === QUOTE && isKeyNext && here?.keys !== undefined) {
      here.key = JSON.parse(tokens.written()) as string;
      const first = here.keys.get(here.key);
      if (first === undefined) here.keys.set(here.key, tokens.start);
      else
        found.push({
          path: open.map(({ keys, key, item }) => (keys === undefined ? String(item) : key)),
          places: [first, tokens.start],
        });
    }
    isKeyNext = kind === OBJECT || (kind === COMMA && here?.keys !== undefined);
  }
  if (found.length === 0) return [];
  const lineOf = linesOf(text);
  return found.map(({ path, places: [first, again] }) => ({ path, lines: [lineOf(first), lineOf(again)] }));
}

/** Returns a function that finds the line, from 1, of a position in a text. */
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

/** Characters. The name of a setting is never longer. */
const LONGEST_NAME = 200;

/** The members of objects in a text whose values are words, such as numbers, as written. The text may be incomplete. */
export function wordsIn(text: string): readonly { readonly name: string; readonly word: string }[] {
  const found: { readonly name: string; readonly word: string }[] = [];
  const tokens = new JsonTokens(text);
  let [nameStart, nameEnd] = [0, 0];
  let before = NO_TOKEN;
  for (let kind = tokens.next(); kind !== NO_TOKEN; kind = tokens.next()) {
    if (kind === QUOTE) [nameStart, nameEnd] = [tokens.start + 1, tokens.end - 1];
    else if (before === COLON && CLASSES[kind] !== END && nameEnd - nameStart <= LONGEST_NAME)
      found.push({ name: text.slice(nameStart, nameEnd), word: tokens.written() });
    before = kind;
  }
  return found;
}
