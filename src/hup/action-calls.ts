import { basename } from 'node:path';

/** A command of an action, as far as it can be read without running it. */
export interface ActionCommand {
  /** Without quotes, and without what sets variables or only starts another program. */
  readonly words: readonly string[];
  /** It begins on a line of its own, behind another command. */
  readonly isNextLine: boolean;
}

/** What a call of cfn-init names; undefined where it names none, or one that only the shell knows. */
export interface InitCall {
  readonly stack: string | undefined;
  readonly resource: string | undefined;
  /** None: cfn-init's own choice. Undefined: not known. */
  readonly configSets: readonly string[] | undefined;
  /** It takes its metadata from a file or stdin. */
  readonly hasFile: boolean;
}

const STARTERS = new Set([
  '!',
  '{',
  'do',
  'else',
  'elif',
  'env',
  'exec',
  'if',
  'nice',
  'nohup',
  'sudo',
  'then',
  'time',
]);
/** What the shell replaces. */
const EXPANSION = /[$`*?]/;
/** Options of cfn-init that take a value, by what is left of it for a short one. */
const WITH_VALUE: Readonly<Record<string, string>> = {
  '-s': '--stack',
  '-r': '--resource',
  '-c': '--configsets',
  '-f': '--credential-file',
  '-u': '--url',
};
const LONG_WITH_VALUE = [
  ...Object.values(WITH_VALUE),
  ...['--region', '--access-key', '--secret-key', '--role', '--http-proxy', '--https-proxy', '--root', '--compat'],
];
const LONG = [...LONG_WITH_VALUE, '--verbose', '--resume', '--strict', '--help', '--version'];

/** Splits an action into commands, roughly as a shell would. What it cannot know, expansions above all, stays as it is. */
export function commandsOf(action: string): readonly ActionCommand[] {
  const commands: ActionCommand[] = [];
  let words: string[] = [];
  let word: string | undefined;
  let isNextLine = false;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = (byLine: boolean): void => {
    endWord();
    const own = withoutStarters(words);
    if (own.length > 0) commands.push({ words: own, isNextLine });
    if (own.length > 0 || !byLine) isNextLine = byLine;
    words = [];
  };
  for (let index = 0; index < action.length; index++) {
    const character = action[index] as string;
    if (character === '\\') {
      const next = action[++index];
      if (next !== '\n') word = (word ?? '') + (next ?? '');
    } else if (character === '"' || character === "'") {
      const end = action.indexOf(character, index + 1);
      const last = end < 0 ? action.length : end;
      word = (word ?? '') + action.slice(index + 1, last);
      index = last;
    } else if (character === '#' && word === undefined) {
      const end = action.indexOf('\n', index);
      index = (end < 0 ? action.length : end) - 1;
    } else if (character === '\n' || /[;|&()]/.test(character)) endCommand(character === '\n');
    else if (/[\s<>]/.test(character)) endWord();
    else word = (word ?? '') + character;
  }
  endCommand(false);
  return commands;
}

function withoutStarters(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !STARTERS.has(word) && !/^[A-Za-z_]\w*=/.test(word));
  return first < 0 ? [] : words.slice(first);
}

/** True for cfn-init and its like. */
export function isOurs({ words }: ActionCommand): boolean {
  return /^cfn-[a-z-]+$/.test(basename(words[0] ?? ''));
}

/** What a call of cfn-init names; undefined for another command. */
export function initCallOf({ words }: ActionCommand): InitCall | undefined {
  if (basename(words[0] ?? '') !== 'cfn-init') return undefined;
  const values = new Map<string, string[]>();
  let hasFile = false;
  for (let index = 1; index < words.length; index++) {
    const word = words[index] as string;
    if (!word.startsWith('-') || word === '-') {
      hasFile = true;
      continue;
    }
    const [option, joined] = word.startsWith('--') ? longOption(word) : shortOption(word);
    if (option === undefined) continue;
    const value = joined ?? words[++index];
    if (value !== undefined) values.set(option, [...(values.get(option) ?? []), value]);
  }
  const known = (option: string): string | undefined => {
    const value = values.get(option)?.at(-1);
    return value === undefined || value === '' || EXPANSION.test(value) ? undefined : value;
  };
  const sets = (values.get('--configsets') ?? []).flatMap((names) => names.split(','));
  return {
    stack: known('--stack'),
    resource: known('--resource'),
    configSets: sets.some((name) => EXPANSION.test(name))
      ? undefined
      : sets.map((name) => name.trim()).filter((name) => name !== ''),
    hasFile,
  };
}

/** @returns the option in full when it takes a value, and the value that is joined to it */
function longOption(word: string): [option: string | undefined, value: string | undefined] {
  const [given = '', ...value] = word.split('=');
  const meant = LONG.includes(given) ? [given] : LONG.filter((name) => name.startsWith(given));
  const option = meant.length === 1 ? meant[0] : undefined;
  const joined = value.length === 0 ? undefined : value.join('=');
  return LONG_WITH_VALUE.includes(option ?? '') ? [option, joined] : [undefined, undefined];
}

function shortOption(word: string): [option: string | undefined, value: string | undefined] {
  const letters = word.slice(1);
  const at = [...letters].findIndex((letter) => `-${letter}` in WITH_VALUE);
  if (at < 0) return [undefined, undefined];
  const rest = letters.slice(at + 1).replace(/^=/, '');
  return [WITH_VALUE[`-${letters[at]}`], rest === '' ? undefined : rest];
}
