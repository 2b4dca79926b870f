import { stripVTControlCharacters } from 'node:util';

/** Characters of a line that are shown. The names in a document, and what a server says, may have megabytes. */
const LONGEST = 4000;
const TOO_LONG = new RegExp(`([^\\n]{${LONGEST}})[^\\n]+`, 'g');
/** Control characters but for tab and line feed, and those that turn the direction of what follows. */
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const EACH_HIDDEN = new RegExp(HIDDEN, 'g');

/**
 * A text as it may go to a terminal, or to a file that somebody shows on one: without sequences that colour it, move the cursor
 * or set a title, and with other control characters spelled out, as in `\x07`. A carriage return becomes a line feed.
 */
export function visible(text: string): string {
  if (!HIDDEN.test(text)) return text;
  return stripVTControlCharacters(text)
    .replace(/\r+\n?/g, '\n')
    .replace(EACH_HIDDEN, spelled);
}

/** The same for one line: line feeds are spelled out, too, and of a long one the middle is left out. */
export function visibleLine(text: string): string {
  return shortened(visible(text)).replaceAll('\n', '\\n');
}

/** A text of several lines, none of which is very long. */
export function withShortLines(text: string): string {
  return text.length <= LONGEST ? text : text.replaceAll(TOO_LONG, '$1...');
}

/** A text without its middle, when it is long: the beginning says what it is about, the end what to do. */
export function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST / 2)} ... ${text.slice(-LONGEST / 2)}`.toWellFormed();
}

function spelled(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
}
