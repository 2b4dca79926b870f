/**
 * Work on JSON as text. JSON.parse loses what a file's content must keep: the order of keys that look like numbers, and
 * digits (1.0, 64-bit integers). So object content is printed from the document's own text.
 */
import { jsonTokens, stringEnd } from './json-span.ts';
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

/**
 * A valid JSON text printed with 4 spaces a level, keys in document order, numbers as written, non-ASCII characters as
 * themselves, no newline at the end (contract section 5, files).
 */
export function formatJson(text: string): string {
  const tokens = jsonTokens(text);
  let depth = 0;
  const newline = (): string => `\n${'    '.repeat(depth)}`;
  return tokens
    .map((token, index) => {
      if (token === '{' || token === '[') {
        if (isClosing(tokens[index + 1])) return token;
        depth++;
        return token + newline();
      }
      if (isClosing(token)) {
        if (/^[{[]$/.test(tokens[index - 1] ?? '')) return token;
        depth--;
        return newline() + token;
      }
      if (token === ',') return token + newline();
      if (token === ':') return ': ';
      return token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
    })
    .join('');
}

function isClosing(token: string | undefined): boolean {
  return token === '}' || token === ']';
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
      index = stringEnd(text, index) - 1;
    } else if (character === 0x7b || character === 0x5b) {
      if (++depth > DEEPEST_NESTING) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}
