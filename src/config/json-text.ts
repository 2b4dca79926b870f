/**
 * Work on JSON as text. JSON.parse loses what a file's content must keep: the order of keys that look like numbers, and
 * digits (1.0, 64-bit integers). So object content is printed from the document's own text.
 */

import { describeSyntaxError } from './json-syntax.ts';

/** Deeper than any template; keeps a hostile document from exhausting memory. */
export const DEEPEST_NESTING = 200;

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

/**
 * The value at a path of a valid JSON text, printed with 4 spaces a level, keys in document order, numbers as written,
 * non-ASCII characters as themselves, no newline at the end (contract section 5, files).
 * @returns undefined when nothing is at the path
 */
export function formatJsonAt(text: string, path: readonly string[]): string | undefined {
  const tokens = tokenize(text);
  const start = locate(tokens, path);
  return start === undefined ? undefined : print(tokens, start);
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Parses a valid JSON text; `number` says what becomes of a number, given its value and how it is written. */
export function parseJsonNumbers(text: string, number: (value: number, written: string) => unknown): unknown {
  const revive: Reviver = (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? number(value, source) : value;
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as unknown;
}

/** The scanner is not recursive: depth costs nothing here. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === 0x22) {
      for (index++; index < text.length && text.charCodeAt(index) !== 0x22; index++) {
        if (text.charCodeAt(index) === 0x5c) index++;
      }
    } else if (character === 0x7b || character === 0x5b) {
      if (++depth > DEEPEST_NESTING) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

function tokenize(text: string): readonly string[] {
  return text.replace(/^\uFEFF/, '').match(TOKEN) ?? [];
}

/** The index of the first token of the value at the path. Of a repeated key the last one counts, as in JSON.parse. */
function locate(tokens: readonly string[], path: readonly string[]): number | undefined {
  let start = 0;
  for (const key of path) {
    if (tokens[start] !== '{') return undefined;
    let found: number | undefined;
    for (let index = start + 1; tokens[index] !== undefined && tokens[index] !== '}'; ) {
      if (JSON.parse(tokens[index] as string) === key) found = index + 2;
      index = skipValue(tokens, index + 2);
      if (tokens[index] === ',') index++;
    }
    if (found === undefined) return undefined;
    start = found;
  }
  return start;
}

/** The index behind the value that begins at `start`. */
function skipValue(tokens: readonly string[], start: number): number {
  let depth = 0;
  for (let index = start; index < tokens.length; index++) {
    const token = tokens[index];
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    if (depth === 0) return index + 1;
  }
  return tokens.length;
}

function print(tokens: readonly string[], start: number): string {
  const end = skipValue(tokens, start);
  let depth = 0;
  let out = '';
  const newline = (): string => `\n${'    '.repeat(depth)}`;
  for (let index = start; index < end; index++) {
    const token = tokens[index] as string;
    if (token === '{' || token === '[') {
      const closing = tokens[index + 1];
      if (closing === '}' || closing === ']') {
        out += token + closing;
        index++;
      } else {
        depth++;
        out += token + newline();
      }
    } else if (token === '}' || token === ']') {
      depth--;
      out += newline() + token;
    } else if (token === ',') out += token + newline();
    else if (token === ':') out += ': ';
    else out += token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
  }
  return out;
}
