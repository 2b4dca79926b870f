/**
 * The text of the value at a path of a valid JSON text, just as it is written: key order and digits are kept, which
 * JSON.parse loses. Of a repeated key the last one counts, as in JSON.parse. Neither recurses nor copies: a document may be
 * large.
 * @param throughLists whether a number, counted from 0, leads into a list
 * @returns undefined when nothing is at the path
 */
export function jsonTextAt(text: string, path: readonly string[], throughLists = false): string | undefined {
  let start = skipBlanks(text, text.startsWith('\uFEFF') ? 1 : 0);
  for (const key of path) {
    const found = memberOf(text, start, key) ?? (throughLists ? itemOf(text, start, key) : undefined);
    if (found === undefined) return undefined;
    start = found;
  }
  return text.slice(start, valueEnd(text, start));
}

/**
 * A valid JSON text in one line as Python's json.dumps writes it: `, ` and `: ` between, all but ASCII escaped. Numbers
 * stay as they are written.
 */
export function jsonLikePython(text: string): string {
  const pieces: string[] = [];
  for (let index = skipBlanks(text, 0); index < text.length; index = skipBlanks(text, index)) {
    const character = text[index] as string;
    if (character === '"') {
      const end = stringEnd(text, index);
      pieces.push(asciiString(JSON.parse(text.slice(index, end)) as string));
      index = end;
    } else if (character === ',' || character === ':') {
      pieces.push(character, ' ');
      index++;
    } else {
      const begin = index;
      while (index < text.length && !/[\s",:]/.test(text[index] as string)) index++;
      pieces.push(text.slice(begin, index));
    }
  }
  return pieces.join('');
}

/** Where the value of the last member with this key begins, in the object that begins at `start`. */
function memberOf(text: string, start: number, key: string): number | undefined {
  if (text[start] !== '{') return undefined;
  let found: number | undefined;
  for (let index = skipBlanks(text, start + 1); text[index] === '"'; ) {
    const end = stringEnd(text, index);
    const value = skipBlanks(text, skipBlanks(text, end) + 1);
    if (JSON.parse(text.slice(index, end)) === key) found = value;
    index = skipBlanks(text, valueEnd(text, value));
    if (text[index] === ',') index = skipBlanks(text, index + 1);
  }
  return found;
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

/** The index behind the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}

function skipBlanks(text: string, start: number): number {
  let index = start;
  while (/\s/.test(text[index] ?? '')) index++;
  return index;
}

function asciiString(value: string): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
