/** JSON texts for people, in the form of Python, and for comparison. All keep the digits of numbers. */
import { COLON, COMMA, JsonTokens, levels, NO_TOKEN, OBJECT, QUOTE } from './json.ts';

/**
 * A valid JSON text with an indentation of 4 spaces, keys in document order, numbers as written, non-ASCII characters unescaped, and no
 * newline at the end (contract section 5, files).
 */
export function formatJson(text: string): string {
  const pieces: string[] = [];
  const tokens = new JsonTokens(text);
  let depth = 0;
  let wasOpened = false;
  const newline = (): string => `\n${'    '.repeat(depth)}`;
  for (let kind = tokens.next(); kind !== NO_TOKEN; kind = tokens.next()) {
    const change = levels(kind);
    if (wasOpened && change >= 0) pieces.push(newline());
    depth += change;
    if (change < 0 && !wasOpened) pieces.push(newline());
    pieces.push(kind === COLON ? ': ' : plainToken(kind, tokens));
    if (kind === COMMA) pieces.push(newline());
    wasOpened = change > 0;
  }
  return pieces.join('');
}

/**
 * A valid JSON text in one line, as Python's json.dumps writes it: separated by `, ` and `: `, with non-ASCII characters escaped.
 * Numbers stay as written.
 */
export function jsonLikePython(text: string): string {
  const pieces: string[] = [];
  const tokens = new JsonTokens(text);
  for (let kind = tokens.next(); kind !== NO_TOKEN; kind = tokens.next()) {
    const token = asciiOnly(plainToken(kind, tokens), /[^ -~]/g);
    pieces.push(kind === COMMA || kind === COLON ? `${token} ` : token);
  }
  return pieces.join('');
}

/** A JSON text with `\u` escapes for non-ASCII characters. @param others the characters to escape */
export function asciiOnly(text: string, others = /[^\x00-\x7f]/g): string {
  return text.replace(others, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A token in its usual form: a string has the escapes of JSON.stringify; any other token stays as written. */
function plainToken(kind: number, tokens: JsonTokens): string {
  const token = tokens.written();
  const isPlain = kind !== QUOTE || (!token.includes('\\') && token.isWellFormed());
  return isPlain ? token : JSON.stringify(JSON.parse(token));
}

/** An object or a list that canonicalJson is reading. */
interface OpenValue {
  /** Undefined for a list. */
  readonly members: Map<string, string> | undefined;
  readonly items: string[];
  /** The key whose value comes next. */
  key: string | undefined;
}

/**
 * The same text for equal values: keys sorted, no blanks, strings with the same escapes. Numbers stay as written, because JSON.parse
 * would make different 64-bit integers equal. The last of several equal keys counts.
 * @param text valid JSON
 */
export function canonicalJson(text: string): string {
  const tokens = new JsonTokens(text);
  const open: OpenValue[] = [];
  let whole = '';
  for (let kind = tokens.next(); kind !== NO_TOKEN; kind = tokens.next()) {
    if (kind === COMMA || kind === COLON) continue;
    if (levels(kind) > 0) {
      open.push({ members: kind === OBJECT ? new Map() : undefined, items: [], key: undefined });
      continue;
    }
    const closed = levels(kind) < 0 ? open.pop() : undefined;
    const value = closed === undefined ? plainToken(kind, tokens) : canonicalValue(closed);
    const outer = open.at(-1);
    if (outer === undefined) whole = value;
    else if (outer.members === undefined) outer.items.push(value);
    else if (outer.key === undefined) outer.key = value;
    else {
      outer.members.set(outer.key, value);
      outer.key = undefined;
    }
  }
  return whole;
}

function canonicalValue({ members, items }: OpenValue): string {
  if (members === undefined) return `[${items.join(',')}]`;
  const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, member]) => `${key}:${member}`).join(',')}}`;
}
