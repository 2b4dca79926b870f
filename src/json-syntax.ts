/**
 * What is wrong with a text that JSON.parse has rejected, and where. Recognises syntax from other languages.
 * @param error thrown by JSON.parse
 */
export function describeSyntaxError(error: unknown, text: string): string {
  const position = errorPosition(error, text);
  if (position >= text.trimEnd().length) return 'it ends too early, it may be truncated';
  const other = otherLanguage(text, position);
  if (other !== undefined) return other;
  const before = text.slice(0, position).split('\n');
  const place = `at line ${before.length}, column ${(before[before.length - 1] ?? '').length + 1}`;
  const what = faultByMessage(errorMessage(error), text, position) ?? foreignSyntaxAt(text, position);
  return `${what ?? `unexpected ${characterAt(text, position)}`} ${place}`;
}

/** A line that begins with a key and a colon, or with a dash. */
const YAML = /^(?:---\s*$|[\w"'.:/-]+:(?:\s|$)|- )/m;
const TEMPLATE = /^(?:AWSTemplateFormatVersion|heat_template_version|[Rr]esources):/m;

/** Characters at the beginning of a text by which its language is recognised. */
const FIRST = 10_000;

/** What the text is instead of JSON, when it is wrong from its first character on. */
function otherLanguage(text: string, position: number): string | undefined {
  const begin = text
    .slice(0, FIRST)
    .replace(/^(?:[ \t\r]*(?:#(?!!|cloud-config)[^\n]*)?\n)+/, '')
    .trimStart();
  if (begin.startsWith('#!')) return 'it does not begin like JSON; it looks like a script';
  const isYaml =
    /^(?:---|- |%YAML|#cloud-config)/.test(begin) || (/^\s*#/.test(text) && /^[^[{]/.test(begin) && YAML.test(begin));
  if (!isYaml && (text.slice(0, position).trim() !== '' || /^['/#]/.test(text.slice(position)))) return undefined;
  if (TEMPLATE.test(text)) return 'it is a template in YAML: use the metadata of one of its resources, as JSON';
  if (isYaml || YAML.test(text)) return 'it does not begin like JSON; it looks like YAML: write it as JSON';
  return /^</.test(begin) ? 'it does not begin like JSON; it looks like HTML or XML' : 'it does not begin like JSON';
}

/** Words of Python, YAML and JavaScript, and their form in JSON. */
const WORDS: Readonly<Record<string, string>> = {
  ...{ True: 'true', False: 'false', TRUE: 'true', FALSE: 'false', yes: 'true', no: 'false' },
  ...{ None: 'null', Null: 'null', NULL: 'null', nil: 'null', undefined: 'null', NaN: 'null', Infinity: 'a number' },
};

/** Names syntax from another language, such as a comment; undefined for other mistakes. */
function foreignSyntaxAt(text: string, position: number): string | undefined {
  const rest = text.slice(position, position + 40);
  const [at = '', next = ''] = rest;
  const before = text.slice(Math.max(0, position - 200), position).trimEnd();
  const word = /^\w+/.exec(`${/\w*$/.exec(text.slice(Math.max(0, position - 10), position))?.[0]}${rest}`)?.[0] ?? '';
  if (/[}\]]/.test(at) && before.endsWith(',')) return `a comma before ${at}, which JSON does not allow,`;
  if (at === '#' || (at === '/' && /[/*]/.test(next))) return 'a comment, which JSON does not have,';
  if (at === "'") return 'a single quote, where JSON has double ones,';
  if (/[\u201c-\u201f\u2018-\u201b\u00ab\u00bb]/.test(at)) return `${at}, where JSON has a plain double quote,`;
  if (at === '\t') return 'a tab in a text, which JSON writes as \\t,';
  if (at === '\n' || at === '\r') return 'a line break in a text, which JSON writes as \\n,';
  if (Object.hasOwn(WORDS, word)) return `${word}, which JSON writes as ${WORDS[word]},`;
  if (/^[\w$]/.test(at) && /[{,]$/.test(before) && /^[\w$-]+\s*:/.test(rest)) return 'a key without double quotes';
  if (/["}\]\w]$/.test(before) && /^["{[]/.test(at))
    return isWhole(text.slice(0, position)) ? 'more text after the end of the document,' : 'a comma is missing';
  return undefined;
}

/** The fault according to V8's message: an escape that JSON does not have, as in `C:\Users` and in patterns, or a number like 0644. */
function faultByMessage(said: string, text: string, position: number): string | undefined {
  if (said.startsWith('Bad escaped'))
    return `a backslash before ${characterAt(text, position)}, which JSON writes as \\\\,`;
  if (said.startsWith('Bad Unicode escape')) return '\\u without four hexadecimal digits after it';
  return said.startsWith('Unexpected number') && text[position - 1] === '0'
    ? 'a number that begins with 0, which JSON does not allow: put it into quotes,'
    : undefined;
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function characterAt(text: string, position: number): string {
  const character = String.fromCodePoint(text.codePointAt(position) ?? 0);
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character)
    ? character
    : `character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Where the fault is; the end of the text when only the rest is missing. */
function errorPosition(error: unknown, text: string): number {
  const message = errorMessage(error);
  const position = /at position (\d+)/.exec(message)?.[1];
  if (/Unexpected end|Unterminated string/.test(message)) return text.length;
  if (position !== undefined) return Number(position);
  // V8 reports no position for an unexpected token. It is the end of the shortest prefix of the text that cannot be completed.
  let good = 0;
  for (let bad = text.length; good + 1 < bad; ) {
    const middle = Math.floor((good + bad) / 2);
    if (isOnlyCut(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function isOnlyCut(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return !errorMessage(error).startsWith('Unexpected token');
  }
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
