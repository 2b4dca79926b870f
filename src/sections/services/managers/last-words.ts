const LINES = 3;
const MOST_CHARACTERS = 200;

/**
 * For a hint: the end of what a program said.
 * @param lines empty ones are ignored
 * @returns as in `its last words: no license | giving up`, at most three lines, each cut to 200 characters
 */
export function lastWords(lines: readonly string[]): string {
  const words = lines
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '')
    .slice(-LINES)
    .map((line) => (line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}...` : line));
  return words.length === 0 ? 'it said nothing' : `its last words: ${words.join(' | ')}`;
}
