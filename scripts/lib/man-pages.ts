/**
 * Writes the man pages below a directory: `man-pages.ts DIRECTORY`. What people wrote is in packaging/man/, a file a page
 * in man(7)'s language; title, synopsis and options come from the table of commands and stand where the file says
 * `.\" TITLE`, `.\" SYNOPSIS` and `.\" OPTIONS`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandSpec } from '../../src/commands/command.ts';
import { commands } from '../../src/commands/index.ts';
import { VERSION } from '../../src/version.ts';
import { type Option, optionsOf } from './option-table.ts';

const sources = join(import.meta.dirname, '../../packaging/man');
const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? Date.now() / 1000);
const date = new Date(seconds * 1000).toISOString().slice(0, 10);

/** A text that troff prints as it stands: hyphens that can be copied, no escapes, no requests. */
function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replace(/^\./gm, '\\&.');
}

function title(name: string, section: string): string {
  return `.TH ${name.toUpperCase()} ${section} ${date} "cfntools ${VERSION}" "cfntools"`;
}

function synopsis(command: CommandSpec): string {
  const options = optionsOf(command).map((option) => {
    const flag = `\\fB${plain(option.short ?? option.long)}\\fR`;
    return `[${flag}${option.value === undefined ? '' : ` \\fI${plain(option.value)}\\fR`}]`;
  });
  const operand = command.operand === undefined ? [] : [`[\\fI${plain(command.operand.syntax.slice(1, -1))}\\fR]`];
  // No hyphenation and no spread words among options.
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

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('a directory is needed');
const pages = readdirSync(sources).sort();
for (const { name } of commands)
  if (!pages.includes(`${name}.1`) && !pages.includes(`${name}.8`))
    throw new Error(`no page in packaging/man for ${name}`);
for (const page of pages) {
  const [, name = '', section = ''] = /^(.+)\.(\d)$/.exec(page) ?? [];
  if (section === '') throw new Error(`packaging/man/${page}: not NAME.SECTION`);
  const command = commands.find((candidate) => candidate.name === name);
  const text = readFileSync(join(sources, page), 'utf8').replace(
    /^\.\\" (TITLE|SYNOPSIS|OPTIONS)$/gm,
    (_, what: string) => {
      if (what === 'TITLE') return title(name, section);
      if (command === undefined) throw new Error(`packaging/man/${page}: ${name} is no command, it has no ${what}`);
      return what === 'SYNOPSIS' ? synopsis(command) : describeOptions(command);
    },
  );
  mkdirSync(join(directory, `man${section}`), { recursive: true });
  writeFileSync(join(directory, `man${section}`, page), text);
}
