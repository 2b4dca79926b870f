/**
 * The text of the value at a path of a valid JSON text, just as it is written: key order and digits are kept, which
 * JSON.parse loses. Of a repeated key the last one counts, as in JSON.parse. Neither recurses nor copies: a document may be
 * large.
 * @param throughLists whether a number, counted from 0, leads into a list
 * @returns undefined when nothing is at the path
 */
export function jsonTextAt(text: string, path: readonly string[], throughLists = false): string | undefined {
  return new JsonSpans(text).textAt(path, throughLists);
}

/** The same for many paths of one text: an object is read once, however many of its members are asked for. */
export class JsonSpans {
  readonly text: string;
  readonly #root: number;
  /** Where the members begin, for each object that was on the way, by where it begins itself. */
  readonly #members = new Map<number, ReadonlyMap<string, number>>();

  constructor(text: string) {
    this.text = text;
    this.#root = skipBlanks(text, text.startsWith('\uFEFF') ? 1 : 0);
  }

  /** As jsonTextAt. */
  textAt(path: readonly string[], throughLists = false): string | undefined {
    let start = this.#root;
    for (const key of path) {
      const found = this.#membersOf(start).get(key) ?? (throughLists ? itemOf(this.text, start, key) : undefined);
      if (found === undefined) return undefined;
      start = found;
    }
    return this.text.slice(start, valueEnd(this.text, start));
  }

  #membersOf(start: number): ReadonlyMap<string, number> {
    const known = this.#members.get(start);
    if (known !== undefined) return known;
    const members = membersOf(this.text, start);
    this.#members.set(start, members);
    return members;
  }
}

/**
 * A valid JSON text in one line as Python's json.dumps writes it: `, ` and `: ` between, all but ASCII escaped. Numbers
 * stay as they are written.
 */
export function jsonLikePython(text: string): string {
  return jsonTokens(text)
    .map((token) => {
      if (token === ',' || token === ':') return `${token} `;
      return token.startsWith('"') ? asciiString(JSON.parse(token) as string) : token;
    })
    .join('');
}

/** The pieces of a valid JSON text in their order: texts with their quotes, brackets, commas, colons, and all else. */
export function jsonTokens(text: string): readonly string[] {
  const tokens: string[] = [];
  for (let index = skipBlanks(text, 0); index < text.length; index = skipBlanks(text, index)) {
    const begin = index;
    if (text[begin] === '"') index = stringEnd(text, begin);
    else if (/[{}[\],:]/.test(text[begin] as string)) index++;
    else index = wordEnd(text, index + 1);
    tokens.push(text.slice(begin, index));
  }
  return tokens;
}

/** The index behind the number, `true`, `false` or `null` that goes on at `start`. */
function wordEnd(text: string, start: number): number {
  let index = start;
  while (/[\w.+-]/.test(text[index] ?? '')) index++;
  return index;
}

/** Where the value of each key begins, in the object that begins at `start`; the last one counts. Empty for another value. */
function membersOf(text: string, start: number): ReadonlyMap<string, number> {
  const members = new Map<string, number>();
  if (text[start] !== '{') return members;
  for (let index = skipBlanks(text, start + 1); text[index] === '"'; ) {
    const end = stringEnd(text, index);
    const value = skipBlanks(text, skipBlanks(text, end) + 1);
    members.set(JSON.parse(text.slice(index, end)) as string, value);
    index = skipBlanks(text, valueEnd(text, value));
    if (text[index] === ',') index = skipBlanks(text, index + 1);
  }
  return members;
}

/** Where the item at this index begins, in the list that begins at `start`. */
function itemOf(text: string, start: number, key: string): number | undefined {
  if (text[start] !== '[' || !/^(?:0|[1-9]\d{0,8})$/.test(key)) return undefined;
  let index = skipBlanks(text, start + 1);
  for (let left = Number(key); text[index] !== ']'; left--) {
    if (left === 0) return index;
    index = skipBlanks(text, valueEnd(text, index));
    if (text[index] === ',') index = skipBlanks(text, index + 1);
  }
  return undefined;
}

/** The index behind the value that begins at `start`. */
function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start);
  if (text[start] !== '{' && text[start] !== '[') {
    let end = start;
    while (end < text.length && !/[\s,}\]]/.test(text[end] as string)) end++;
    return end;
  }
  let depth = 0;
  for (let index = start; index < text.length; ) {
    const character = text[index];
    if (character === '"') {
      index = stringEnd(text, index);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    index++;
    if (depth === 0) return index;
  }
  return text.length;
}

/**
 * The index behind the string that begins at `start`. By hand, as all here: a pattern that repeats a group overflows the stack
 * over a string of some megabytes.
 */
export function stringEnd(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === 0x5c) index++;
    else if (character === 0x22) return index + 1;
  }
  return text.length;
}

/** The index of the first character from `start` on that is no blank. */
export function skipBlanks(text: string, start: number): number {
  let index = start;
  while (index < text.length && text.charCodeAt(index) <= 0x20) index++;
  return index;
}

function asciiString(value: string): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
