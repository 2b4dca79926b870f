/**
 * Writes completion for bash, zsh and fish below a directory: `completions.ts DIRECTORY`. It is made from the table of commands, so it
 * offers only options that they accept.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CommandSpec } from '../../src/commands/command.ts';
import { commands } from '../../src/commands/index.ts';
import { type Option, offersFor, optionsOf } from './option-table.ts';

const FROM = 'Made from the table of commands in src/commands/index.ts.';

/** A text in single quotes, for all three shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const names = commands.map(({ name }) => name);
const takesFile = ({ operand }: CommandSpec): boolean => operand?.syntax === '[file]';

function bash(): string {
  const cases = commands.map((command) => {
    const options = optionsOf(command);
    const valued = options.filter(({ value }) => value !== undefined);
    const byOffer = (offer: (value: string) => boolean) =>
      valued.filter(({ value }) => offer(value as string)).flatMap(flagsOf);
    const files = byOffer((value) => offersFor(value) === 'files');
    const directories = byOffer((value) => offersFor(value) === 'directories');
    const lists = valued.flatMap((option) => {
      const offers = offersFor(option.value as string);
      return typeof offers === 'string' || offers.length === 0 ? [] : [{ flags: flagsOf(option), offers }];
    });
    const others = byOffer((value) => offersFor(value).length === 0);
    return [
      `    ${command.name})`,
      '      case $previous in',
      ...(files.length === 0
        ? []
        : [`      ${files.join(' | ')}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;`]),
      ...(directories.length === 0
        ? []
        : [`      ${directories.join(' | ')}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;`]),
      ...lists.map(
        ({ flags, offers }) =>
          `      ${flags.join(' | ')}) mapfile -t COMPREPLY < <(compgen -W ${quoted(offers.join(' '))} -- "$current"); return ;;`,
      ),
      ...(others.length === 0 ? [] : [`      ${others.join(' | ')}) return ;;`]),
      '      esac',
      `      words=${quoted(options.flatMap(flagsOf).join(' '))}`,
      `      operands=${takesFile(command) ? 'files' : ''}`,
      '      ;;',
    ].join('\n');
  });
  return `# bash completion for cfntools. ${FROM}
_cfntools() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command words operands IFS=$' \\t\\n'
  COMPREPLY=()
  command=\${COMP_WORDS[0]##*/}
  if [[ $command == cfntools ]]; then
    if ((COMP_CWORD == 1)); then
      mapfile -t COMPREPLY < <(compgen -W ${quoted([...names, '--help', '--version'].join(' '))} -- "$current")
      return
    fi
    command=\${COMP_WORDS[1]}
  fi
  # bash takes --option=value apart at the =.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  case $command in
${cases.join('\n')}
    *) return ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  elif [[ $operands == files ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _cfntools cfntools ${names.join(' ')}
`;
}

function zsh(): string {
  const action = (value: string): string => {
    const offers = offersFor(value);
    if (offers === 'files') return '_files';
    return offers === 'directories' ? '_files -/' : `(${offers.join(' ')})`;
  };
  const escaped = (text: string): string => text.replaceAll(/[[\]:]/g, '\\$&');
  const cases = commands.map((command) => {
    const specifications = optionsOf(command).flatMap((option) =>
      flagsOf(option).map((flag) => {
        const value = option.value === undefined ? '' : `:${option.value}:${action(option.value)}`;
        return quoted(
          `${flag}${value !== '' && flag.startsWith('--') ? '=' : ''}[${escaped(option.description)}]${value}`,
        );
      }),
    );
    const operand = takesFile(command) ? [quoted('*:file:_files')] : [];
    return `    ${command.name})\n      _arguments -s ${[...specifications, ...operand].join(' \\\n        ')}\n      ;;`;
  });
  const described = commands.map(({ name, summary }) => quoted(`${name}:${escaped(summary)}`));
  return `#compdef cfntools ${names.join(' ')}
# ${FROM}
_cfntools() {
  local command=\${words[1]:t}
  if [[ $command == cfntools ]]; then
    if ((CURRENT == 2)); then
      local -a known=(${described.join(' ')})
      _describe command known
      return
    fi
    shift words
    ((CURRENT--))
    command=$words[1]
  fi
  case $command in
${cases.join('\n')}
  esac
}
_cfntools "$@"
`;
}

function fish(): string {
  const line = (command: string, condition: string, option: Option): string => {
    const offers = option.value === undefined ? undefined : offersFor(option.value);
    const value =
      offers === undefined
        ? ''
        : offers === 'files'
          ? ' -r -F'
          : offers === 'directories'
            ? " -x -a '(__fish_complete_directories)'"
            : ` -x${offers.length === 0 ? '' : ` -a ${quoted(offers.join(' '))}`}`;
    const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
    return `complete -c ${command}${condition}${short} -l ${option.long.slice(2)}${value} -d ${quoted(option.description)}`;
  };
  const lines = commands.flatMap((command) => {
    const inFirst = ` -n '__fish_seen_subcommand_from ${command.name}'`;
    const noFiles = takesFile(command) ? [] : [`complete -c ${command.name} -f`];
    return [
      `complete -c cfntools -f -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
      ...noFiles,
      ...optionsOf(command).flatMap((option) => [line(command.name, '', option), line('cfntools', inFirst, option)]),
    ];
  });
  const alone = ['help', 'version'].map((name) => `complete -c cfntools -f -n __fish_use_subcommand -l ${name}`);
  return `# fish completion for cfntools. ${FROM}\n${[...alone, ...lines].join('\n')}\n`;
}

function flagsOf({ short, long }: Option): string[] {
  return short === undefined ? [long] : [short, long];
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('a directory is needed');
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
};
write('bash-completion/completions/cfntools', bash());
write('fish/vendor_completions.d/cfntools.fish', fish());
write('zsh/vendor-completions/_cfntools', zsh());
// bash and fish load the file that has the name of the command.
for (const name of names) {
  symlinkSync('cfntools', join(directory, 'bash-completion/completions', name));
  symlinkSync('cfntools.fish', join(directory, 'fish/vendor_completions.d', `${name}.fish`));
}
