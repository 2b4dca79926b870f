import type { CommandSpec } from '../../src/commands/command.ts';

/** An option of the table in src/commands/index.ts, split for man pages and completion. */
export interface Option {
  /** `-s`, or none. */
  readonly short: string | undefined;
  /** `--stack` */
  readonly long: string;
  /** The name of its value, as in `<name>`; none for a flag. */
  readonly value: string | undefined;
  readonly description: string;
}

/** All options of a command in the order of the table, with the two that every command has. */
export function optionsOf({ options }: CommandSpec): readonly Option[] {
  return [
    ...options.map(({ flags, description }) => ({ ...takeApart(flags), description })),
    { short: '-h', long: '--help', value: undefined, description: 'show the options and exit' },
    { short: undefined, long: '--version', value: undefined, description: 'print the version and exit' },
  ];
}

function takeApart(flags: string): Pick<Option, 'short' | 'long' | 'value'> {
  const [, short, long, value] = /^(?:(-\w), )?(--[\w-]+)(?: [<[](.+)[>\]])?$/.exec(flags) ?? [];
  if (long === undefined) throw new Error(`an option that cannot be split: ${flags}`);
  return { short, long, value };
}

/** What a shell can offer for a value, according to the name of the value. */
export function offersFor(value: string): 'files' | 'directories' | readonly string[] {
  if (value === 'path' || value === 'file') return 'files';
  if (value === 'directory') return 'directories';
  if (value === 'boolean') return ['true', 'false'];
  if (value === 'style') return ['heat'];
  return [];
}
