const EXPANSION_ENDS: Readonly<Record<string, string>> = { '${': '}', '$(': ')' };

/**
 * Splits a line as a shell would, up to where the command ends: `;`, `|`, `&`, `)` or a redirection. Expansions stay as
 * they are and count as ordinary text.
 */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < line.length; index++) {
    const character = line[index] as string;
    const expansionEnd = EXPANSION_ENDS[line.slice(index, index + 2)];
    if (expansionEnd !== undefined) {
      const end = line.indexOf(expansionEnd, index);
      word = (word ?? '') + line.slice(index, end + 1);
      index = end;
    } else if (character === '"' || character === "'") {
      const end = line.indexOf(character, index + 1);
      if (end < 0) throw new Error(`a quote is not closed: ${line}`);
      word = (word ?? '') + line.slice(index + 1, end);
      index = end;
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[;|&)>]/.test(character)) {
      // The digit of `2>` is part of the redirection.
      if (character === '>' && /^\d$/.test(word ?? '')) word = undefined;
      break;
    } else word = (word ?? '') + character;
  }
  return word === undefined ? words : [...words, word];
}
