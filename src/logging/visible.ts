import { stripVTControlCharacters } from 'node:util';

/** Characters of a line that are shown. Names in a document and answers of servers may have megabytes. */
const LONGEST = 4000;
const TOO_LONG = new RegExp(`([^\\n]{${LONGEST}})[^\\n]+`, 'g');
/** Control characters except tab and line feed, and those that change the direction of writing. */
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const EACH_HIDDEN = new RegExp(HIDDEN, 'g');

/**
 * A text that is safe on a terminal, and in a file that somebody shows on one: sequences that set colours, move the cursor or set
 * a title are removed, other control characters are spelled out, as in `\x07`. A carriage return becomes a line feed.
 */
export function visible(text: string): string {
  if (!HIDDEN.test(text)) return text;
  return stripVTControlCharacters(text)
    .replace(/\r+\n?/g, '\n')
    .replace(EACH_HIDDEN, spelled);
}

/** The same for one line: line feeds are spelled out, too, and the middle of a long line is left out. */
export function visibleLine(text: string): string {
  return shortened(visible(text)).replaceAll('\n', '\\n');
}

/** A text of several lines, none of which is very long. */
export function withShortLines(text: string): string {
  return text.length <= LONGEST ? text : text.replaceAll(TOO_LONG, '$1...');
}

/** A long text without its middle: the beginning says what it is about, the end what to do. */
export function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST / 2)} ... ${text.slice(-LONGEST / 2)}`.toWellFormed();
}

function spelled(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
}
