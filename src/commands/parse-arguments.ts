import { Command, CommanderError, Option } from 'commander';
import { usageProblem } from '../errors.ts';
import type { CommandSpec, ParsedArguments } from './command.ts';

export type ParseResult = { readonly arguments: ParsedArguments } | { readonly text: string };

/**
 * Parses a command line as Python's argparse does, since existing templates were written for it: joined short options,
 * `--opt=value`, unique prefixes of long options, options after operands, `--` (contract section 2).
 * @returns the arguments, or the text that --help or --version asks for
 * @throws Problem with exit code 2
 */
export function parseArguments(spec: CommandSpec, argv: readonly string[], version: string): ParseResult {
  let text = '';
  const command = new Command(spec.name)
    .description(spec.summary)
    .version(`cfntools ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({ writeOut: (chunk) => (text += chunk), writeErr: () => {} })
    .showSuggestionAfterError()
    .allowExcessArguments(spec.takesAnything === true)
    .allowUnknownOption(spec.takesAnything === true);
  if (spec.operand !== undefined) command.argument(spec.operand.syntax, spec.operand.description);
  for (const { flags, description, repeatable } of spec.options) {
    const option = new Option(flags, description);
    if (repeatable === true)
      option.argParser((value: string, list: readonly string[] | undefined) => [...(list ?? []), value]);
    command.addOption(option);
  }
  try {
    command.parse(spec.takesAnything === true ? [...argv] : expandPrefixes(spec, argv), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { text };
    // Do not use commander's message: it repeats the arguments, which may be secret.
    // Web pages and word processors turn "--" and "-" into such dashes.
    const dash = argv.map((word) => /^[\u2010-\u2015\u2212]/.exec(word)?.[0]).find((found) => found !== undefined);
    if (error.code === 'commander.excessArguments' && dash !== undefined)
      throw usageProblem(
        `an option begins with ${dash} (U+${dash.charCodeAt(0).toString(16)}), which is not a hyphen`,
        'write - or --',
      );
    if (error.code === 'commander.excessArguments')
      throw usageProblem(
        `too many arguments: ${spec.name} takes ${spec.operand === undefined ? 'none' : 'one'} besides its options`,
        `put quotes around a value with spaces; see ${spec.name} --help`,
      );
    throw usageProblem(
      error.message
        .replace(/^error: /, '')
        .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1')
        // The value of a misspelt option may be a secret.
        .replace(/(unknown option '[^'=]+)=.*'/s, "$1'"),
      `see ${spec.name} --help`,
    );
  }
  return { arguments: { options: command.opts(), operands: command.args } };
}

interface LongOption {
  readonly name: string;
  readonly takesValue: boolean;
  readonly addition: boolean;
}

/** Expands shortened long options, and refuses an option in the place of another option's value. */
function expandPrefixes(spec: CommandSpec, argv: readonly string[]): string[] {
  const table: LongOption[] = [
    ...spec.options.map(({ flags, addition }) => ({
      name: /--[a-z-]+/.exec(flags)?.[0] ?? '',
      takesValue: flags.includes('<'),
      addition: addition === true,
    })),
    { name: '--help', takesValue: false, addition: false },
    { name: '--version', takesValue: false, addition: true },
  ];
  const shortWithValue = new Set(
    spec.options.filter(({ flags }) => flags.includes('<')).flatMap(({ flags }) => /^-\w(?=,)/.exec(flags) ?? []),
  );
  const isKnownOption = (word: string): boolean =>
    table.some(({ name }) => name === word) || spec.options.some(({ flags }) => flags.startsWith(`${word},`));

  const expanded: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === '--') return [...expanded, ...argv.slice(index)];
    const [short, joined] = word.length > 2 && word[2] === '=' ? [word.slice(0, 2), word.slice(3)] : [word, undefined];
    if (joined !== undefined && shortWithValue.has(short)) {
      expanded.push(short, joined); // argparse takes `-e=0` for `-e 0`
      continue;
    }
    const oneDash = /^-[a-z][a-z-]+(?==|$)/.exec(word)?.[0];
    if (oneDash !== undefined && isKnownOption(`-${oneDash}`))
      throw usageProblem(`option ${oneDash} has one dash`, `write -${oneDash}`);
    let wantsValue = shortWithValue.has(word);
    if (/^--[a-z]/i.test(word)) {
      const [given = '', ...value] = word.split('=');
      const option = optionMeant(given, table);
      if (option?.takesValue === false && value.length > 0)
        throw usageProblem(`option ${option.name} takes no value`, `see ${spec.name} --help`);
      expanded.push([option?.name ?? given, ...value].join('='));
      wantsValue = option?.takesValue === true && value.length === 0;
    } else expanded.push(word);
    if (!wantsValue) continue;
    const next = argv[index + 1];
    if (next === undefined) throw usageProblem(`option ${word} needs a value`, `see ${spec.name} --help`);
    const meant = /^--[a-z]+/i.test(next) ? optionMeant(next.split('=')[0] as string, table)?.name : next;
    if (meant !== undefined && isKnownOption(meant))
      throw usageProblem(
        `option ${word} needs a value, but ${next} follows`,
        'an empty variable? put quotes around it',
      );
    expanded.push(next);
    index++;
  }
  return expanded;
}

/** The option for a full or shortened name; undefined when there is none. @throws Problem when the name is ambiguous */
function optionMeant(given: string, table: readonly LongOption[]): LongOption | undefined {
  const exact = table.find(({ name }) => name === given);
  if (exact !== undefined) return exact;
  const candidates = table.filter(({ name }) => name.startsWith(given));
  const older = candidates.filter(({ addition }) => !addition);
  const choice = older.length > 0 ? older : candidates;
  if (choice.length > 1)
    throw usageProblem(`ambiguous option ${given}`, `it could be ${choice.map(({ name }) => name).join(', ')}`);
  return choice[0];
}
