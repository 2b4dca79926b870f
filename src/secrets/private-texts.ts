import { isOpenLine, isOrdinaryCommand, mayNameSecrets } from './names.ts';

/** The content of a file that not everybody may read. */
export interface PrivateText {
  readonly text: string;
  /** By its mode. */
  readonly isExecutable: boolean;
}

/** The shortest line that is hidden: shorter ones are `exit 1` and `done`. */
const SHORTEST_LINE = 8;
/** A line with a single word, in a file of several lines: hiding it everywhere would hide more than the secret. */
const ONE_WORD = /^[A-Za-z]?[a-z]{1,11}$/;
const WORD = /[^\s:,;="'<>()[\]{}|]{8,200}/g;

/**
 * The lines of a private file that must be hidden, without the blanks around them. In a script these are only the lines of
 * private keys: its mode is for execution, `set -x` prints all of it, and the secrets in it have telling names.
 */
export function hiddenLines(text: string, isExecutable: boolean): readonly string[] {
  const isScript = text.startsWith('#!');
  const lines = text.split('\n').map((line) => line.trim());
  let isInKey = false;
  return lines.filter((line) => {
    if (line.includes('PRIVATE KEY')) isInKey = line.includes('-----BEGIN ') && !line.includes('-----END ');
    else if (isInKey) return line.length >= SHORTEST_LINE;
    if (isScript || line.length < SHORTEST_LINE || (lines.length > 1 && ONE_WORD.test(line))) return false;
    if (isOpenLine(line) || (isExecutable && isOrdinaryCommand(line))) return false;
    return !isComment(line);
  });
}

function isComment(line: string): boolean {
  return (
    /^(?:#|;|\/\/)/.test(line) &&
    !mayNameSecrets(line) &&
    isOrdinaryCommand(line.replace(/^[#;/]+[ \t]*|[,;:](?=[ \t]|$)/g, ''))
  );
}

/** Removes from each set what is also in one of the texts, as a line or as a word between blanks, quotes and separators. */
export function withoutOpen(sets: readonly Set<string>[], texts: readonly string[]): void {
  if (sets.every(({ size }) => size === 0)) return;
  const remove = (part: string): void => {
    for (const set of sets) set.delete(part);
  };
  for (const text of texts) {
    for (const line of text.split('\n')) remove(line.trim());
    for (const [word] of text.matchAll(/\S{8,200}/g)) remove(word);
    for (const [word] of text.matchAll(WORD)) remove(word);
  }
}
