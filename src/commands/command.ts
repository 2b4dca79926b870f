import type { Context } from '../context.ts';
import type { ExitCode } from '../errors.ts';

/** An option of a command line, in commander's notation. The tables of these also make man pages and completion. */
export interface OptionSpec {
  /** As in `-s, --stack <name>`. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times; the value is then a list. */
  readonly repeatable?: true;
  /** Our own addition: it never makes a prefix of the older options ambiguous. */
  readonly addition?: true;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** As in `[file]`; none when left out. */
  readonly operand?: { readonly syntax: string; readonly description: string };
  readonly options: readonly OptionSpec[];
  /** Runs from cron, which mails each line: see ContextOptions.isQuiet. */
  readonly isQuiet?: true;
  /** Takes whatever it is given: for commands that are gone but still called. */
  readonly takesAnything?: true;
  /** Loads the command; each start pays only for the one that runs. */
  readonly load: () => Promise<{ readonly run: (args: ParsedArguments, context: Context) => Promise<ExitCode> }>;
}

export interface ParsedArguments {
  /** By long name in camel case. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly operands: readonly string[];
}

/** The value of an option that takes text; undefined when it was not given. */
export function textOption({ options }: ParsedArguments, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** True when a flag was given. */
export function flagOption({ options }: ParsedArguments, name: string): boolean {
  return options[name] === true;
}
