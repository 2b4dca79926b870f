import type { Context } from '../context.ts';
import type { ExitCode } from '../errors.ts';

/** An option of a command, in commander's notation. Man pages and shell completion are made from these tables as well. */
export interface OptionSpec {
  /** As in `-s, --stack <name>`. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times; the value is then a list. */
  readonly repeatable?: true;
  /** An option that the original commands do not have: it never makes a prefix of an original option ambiguous. */
  readonly addition?: true;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** As in `[file]`; undefined for none. */
  readonly operand?: { readonly syntax: string; readonly description: string };
  readonly options: readonly OptionSpec[];
  /** It runs from cron, which mails each line: see ContextOptions.isQuiet. */
  readonly isQuiet?: true;
  /** It accepts any arguments: for removed commands that are still called. */
  readonly takesAnything?: true;
  /** Loads the command, so that each start loads only the one that runs. */
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
