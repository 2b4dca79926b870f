import type { ParsedArguments } from '../../../src/commands/command.ts';
import { commands } from '../../../src/commands/index.ts';
import { type ParseResult, parseArguments } from '../../../src/commands/parse-arguments.ts';

/** Parses a command line that is already split into words, the command first. */
export function parseWords([name, ...args]: readonly string[]): ParseResult {
  const spec = commands.find((command) => command.name === name);
  if (spec === undefined) throw new Error(`no command ${name}`);
  return parseArguments(spec, args, '1.2.3');
}

/** As parseWords, for lines that ask for no help. */
export function argumentsOf(words: readonly string[]): ParsedArguments {
  const result = parseWords(words);
  if ('text' in result) throw new Error(`printed ${result.text}`);
  return result.arguments;
}
