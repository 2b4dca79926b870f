import { stripVTControlCharacters } from 'node:util';

/** The most characters of a line that are shown. Names in a document and answers of servers may have megabytes. */
const LONGEST = 4000;
const TOO_LONG = new RegExp(`([^\\n]{${LONGEST}})[^\\n]+`, 'g');
/** Control characters except tab and line feed, and characters that change the direction of text. */
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const EACH_HIDDEN = new RegExp(HIDDEN, 'g');

/**
 * Makes a text safe for a terminal, and for a file that is shown on one. It removes sequences that set colours, move the cursor
 * or set a title. It spells out other control characters, as in `\x07`. A carriage return becomes a line feed.
 */
export function visible(text: string): string {
  if (!HIDDEN.test(text)) return text;
  return stripVTControlCharacters(text)
    .replace(/\r+\n?/g, '\n')
    .replace(EACH_HIDDEN, spelled);
}

/** As visible, for one line: line feeds are spelled out as well, and the middle of a long line is left out. */
export function visibleLine(text: string): string {
  return shortened(visible(text)).replaceAll('\n', '\\n');
}

/** Cuts the long lines of a text. */
export function withShortLines(text: string): string {
  return text.length <= LONGEST ? text : text.replaceAll(TOO_LONG, '$1...');
}

/** Leaves out the middle of a long text: the beginning has the subject, and the end has the hint. */
export function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST / 2)} ... ${text.slice(-LONGEST / 2)}`.toWellFormed();
}

function spelled(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
}
