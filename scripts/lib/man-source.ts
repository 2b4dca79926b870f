/*
 * The man pages in packaging/man/, one file for each page, in the language of man(7). `man -l FILE` shows any of them. They are
 * written by hand, except the parts from the table of commands: the lines from `.\" SYNOPSIS` or `.\" OPTIONS` to the next
 * `.\" END`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandSpec } from '../../src/commands/command.ts';
import { commands } from '../../src/commands/index.ts';
import { VERSION } from '../../src/version.ts';
import { type Option, optionsOf } from './option-table.ts';

const MAN_SOURCES = join(import.meta.dirname, '../../packaging/man');

export interface ManPage {
  /** `cfn-init.1` */
  readonly file: string;
  readonly name: string;
  readonly section: string;
  /** Its text with the current synopsis and options from the table of commands. */
  readonly text: string;
}

/** Every page, by name. @throws Error when a command of the table has none */
export function readManPages(): readonly ManPage[] {
  const files = readdirSync(MAN_SOURCES).sort();
  for (const { name } of commands)
    if (!files.includes(`${name}.1`) && !files.includes(`${name}.8`))
      throw new Error(`no page in packaging/man for ${name}`);
  return files.map((file) => {
    const [, name = '', section = ''] = /^(.+)\.(\d)$/.exec(file) ?? [];
    if (section === '') throw new Error(`packaging/man/${file}: not NAME.SECTION`);
    return { file, name, section, text: withTable(file, name, readFileSync(join(MAN_SOURCES, file), 'utf8')) };
  });
}

function withTable(file: string, name: string, source: string): string {
  const command = commands.find((candidate) => candidate.name === name);
  return source.replace(/^(\.\\" (SYNOPSIS|OPTIONS)\n)(?:.*\n)*?(\.\\" END)$/gm, (_, begin, what, end) => {
    if (command === undefined) throw new Error(`packaging/man/${file}: ${name} is no command, it has no ${what}`);
    return `${begin}${what === 'SYNOPSIS' ? synopsis(command) : describeOptions(command)}\n${end}`;
  });
}

/** A page as it is installed: with a date (YYYY-MM-DD) and the version, and without our comments. */
export function installedPage({ name, section, text }: ManPage, date: string): string {
  return text
    .replace(/^\.\\".*\n/gm, '')
    .replace(/^\.TH .*$/m, `.TH ${name.toUpperCase()} ${section} ${date} "cfntools ${VERSION}" "cfntools"`);
}

/** A text that troff prints unchanged: with hyphens that can be copied, without escapes and requests. */
function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replace(/^\./gm, '\\&.');
}

function synopsis(command: CommandSpec): string {
  const options = optionsOf(command).map((option) => {
    const flag = `\\fB${plain(option.short ?? option.long)}\\fR`;
    return `[${flag}${option.value === undefined ? '' : ` \\fI${plain(option.value)}\\fR`}]`;
  });
  const operand = command.operand === undefined ? [] : [`[\\fI${plain(command.operand.syntax.slice(1, -1))}\\fR]`];
  // No hyphenation and no justified text among options.
  return ['.nh', '.ad l', `.B ${plain(command.name)}`, ...options, ...operand, '.ad', '.hy'].join('\n');
}

function describeOption({ short, long, value, description }: Option): string {
  const names = [short, long].filter((name) => name !== undefined).map((name) => `\\fB${plain(name)}\\fR`);
  return `.TP\n${names.join(', ')}${value === undefined ? '' : ` \\fI${plain(value)}\\fR`}\n${plain(sentence(description))}`;
}

function describeOptions(command: CommandSpec): string {
  const { operand } = command;
  const first =
    operand === undefined
      ? []
      : [`.TP\n\\fI${plain(operand.syntax.slice(1, -1))}\\fR\n${plain(sentence(operand.description))}`];
  return [...first, ...optionsOf(command).map(describeOption)].join('\n');
}

/** The text with a capital first letter, unless it begins with a file name. */
function sentence(text: string): string {
  if (/^[\w-]+\.\w/.test(text)) return `${text}.`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
