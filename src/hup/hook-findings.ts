import { basename } from 'node:path';
import { selectConfigs } from '../config/config-sets.ts';
import { INIT_KEY } from '../config/findings.ts';
import { isRecord } from '../json.ts';
import type { InspectedConfig } from './config-files.ts';
import { type ConfigSection, type Remarks, readSetting, remark } from './config-sections.ts';
import { HOOK_KEYS, parseHookPath } from './hooks.ts';

/** The data that hooks are checked against. */
interface HookContext {
  /** The contents of the configuration files, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** The metadata of a resource, if it is available. @param isOwn true when the hook also follows this resource */
  readonly metadataOf: (resource: string, isOwn: boolean) => unknown;
}

const MAIN_KEYS = ['stack', 'credential-file', 'role', 'region', 'url', 'umask', 'interval', 'verbose'];
const WRITTEN_OUT = writtenOut([...HOOK_KEYS, ...MAIN_KEYS]);
/** An action may well write a file of settings by printf. */
const WRITTEN_OUT_BEHIND_ACTION = writtenOut(['triggers', 'path', 'runas']);
const OF_ACTION = /^\s|^action\s*[=:]/i;
/** The beginning of a line of a hook, in the middle of another one. `runas=` counts even when it is glued to a word. */
const GLUED = /runas=|\b(?:triggers=(?:post|service|on)\.|path=Resources\.)/;

/**
 * Finds hooks that are written correctly but probably do not work. Each check comes from a mistake in a real template. Joined
 * lines are problems. An action for another resource, another stack or a missing config set is a warning, since an update may
 * add it.
 */
export function hookFindings(config: Pick<InspectedConfig, 'sections' | 'settings'>, context: HookContext): Remarks {
  const remarks: Remarks = { problems: [], warnings: [] };
  const unbroken = new Set<string>();
  for (const [path, text] of context.texts) {
    const line = text
      .split(/\r\n|[\r\n]/)
      .findIndex((one) => (OF_ACTION.test(one) ? WRITTEN_OUT_BEHIND_ACTION : WRITTEN_OUT).test(one));
    if (line < 0) continue;
    unbroken.add(path);
    remarks.problems.push(
      remark(`${path}:${line + 1}`, 'a line break is written as \\n', 'use a real line break there'),
    );
  }
  for (const section of config.sections.values()) {
    if (unbroken.has(section.file)) continue;
    if (section.name === 'main') findGluedKeys(section, MAIN_KEYS, remarks);
    else {
      findGluedKeys(section, HOOK_KEYS, remarks);
      examineAction(section, config.settings?.stack, context, remarks);
    }
  }
  return remarks;
}

/** Finds a line break that is written as a backslash and an n, before one of the keys. */
function writtenOut(keys: readonly string[]): RegExp {
  return new RegExp(`\\\\n\\s*(?:${keys.join('|')})\\s*[=:]`);
}

/** Checks the values other than the action: none of them may contain a key. */
function findGluedKeys(section: ConfigSection, keys: readonly string[], { problems }: Remarks): void {
  for (const key of keys) {
    const setting = key === 'action' ? undefined : readSetting(section, key, { problems: [] });
    const behind = key === 'path' || key === 'triggers' ? '' : '\\s';
    const glued = new RegExp(`${behind}(${keys.filter((other) => other !== key).join('|')})\\s*=`).exec(
      setting?.value ?? '',
    );
    if (setting !== undefined && glued !== null)
      problems.push(
        remark(
          setting.place,
          `${nameOf(section)}: ${glued[1]}= is on the line of ${key}`,
          `start a new line before ${glued[1]}=`,
        ),
      );
  }
}

function examineAction(
  section: ConfigSection,
  stack: string | undefined,
  context: HookContext,
  { problems, warnings }: Remarks,
): void {
  const action = readSetting(section, 'action', { problems: [] });
  if (action === undefined) return;
  const say = (list: string[], { what, hint }: Doubt): void => {
    const line = remark(action.place, `${nameOf(section)}: ${what}`, hint);
    if (!list.includes(line)) list.push(line);
  };
  const followed = resourceFollowed(section);
  const namesUser = section.settings.has('runas') || section.defaults.has('runas');
  const commands = commandsOf(action.value);
  for (const [index, command] of commands.entries()) {
    const key = keyIn(command, !namesUser && index === commands.length - 1);
    if (key !== undefined)
      say(problems, { what: `${key}= is on the line of action`, hint: `start a new line before ${key}=` });
    const [first = ''] = command.words;
    const before = commands[index - 1];
    if (command.isNextLine && first.startsWith('-') && before !== undefined && isOurs(before))
      say(problems, { what: `a line of the action begins with ${first}`, hint: 'end the previous line with a \\' });
    const call = initCallOf(command);
    if (call === undefined) continue;
    for (const doubt of [...doubtsOfResource(call, followed), ...doubtsOfStack(call, stack)]) say(warnings, doubt);
    // An action that contains a key has been reported already.
    if (key === undefined) for (const doubt of doubtsOfSets(call, followed, context)) say(warnings, doubt);
  }
}

interface Doubt {
  readonly what: string;
  readonly hint: string | undefined;
}

/**
 * The key of a hook among the words of a command.
 * @param endsAction the command is the last one of the action of a hook without runas
 */
function keyIn(command: ActionCommand, endsAction: boolean): string | undefined {
  if (isOurs(command)) {
    const glued = command.words.find((word) => GLUED.test(word) || HOOK_KEYS.some((key) => word.startsWith(`${key}=`)));
    return HOOK_KEYS.find((key) => glued?.includes(`${key}=`));
  }
  // Another program may take such a word, above all as the value of an option.
  const [before = '', last = ''] = command.words.slice(-2);
  return endsAction && last.startsWith('runas=') && !before.startsWith('-') ? 'runas' : undefined;
}

function doubtsOfResource({ resource }: InitCall, followed: string | undefined): readonly Doubt[] {
  if (resource === undefined || followed === undefined || resource === followed) return [];
  return [
    {
      what: `the path follows ${followed}, and the action applies ${resource}`,
      hint: `an update of ${resource} alone does not run the action: name the same resource in both`,
    },
  ];
}

function doubtsOfStack({ stack }: InitCall, followed: string | undefined): readonly Doubt[] {
  if (stack === undefined || followed === undefined || !isOtherStack(followed, stack)) return [];
  return [
    {
      what: `the action applies the stack ${stack}, and cfn-hup.conf follows ${followed}`,
      hint: 'name the same stack in both',
    },
  ];
}

function doubtsOfSets(
  { resource, configSets, hasFile }: InitCall,
  followed: string | undefined,
  { metadataOf }: HookContext,
): readonly Doubt[] {
  if (hasFile || configSets === undefined || resource === undefined) return [];
  const document = metadataOf(resource, resource === followed);
  const init = isRecord(document) ? document[INIT_KEY] : undefined;
  if (!isRecord(init)) return [];
  return selectConfigs(init, configSets).findings.map(({ what, hint }) => ({
    what: `the action fails with the metadata of ${resource}: ${what}`,
    hint,
  }));
}

function resourceFollowed(section: ConfigSection): string | undefined {
  const path = parseHookPath(readSetting(section, 'path', { problems: [] })?.value ?? '');
  return 'what' in path ? undefined : path.resource;
}

/** True when two texts certainly name two different stacks. Each is a name, an ARN or NAME/ID. */
function isOtherStack(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => {
    const arn = /^arn:.*:stacks?\/([^/]+)(?:\/([^/]+))?$/.exec(text);
    const [name = '', id] = arn === null ? text.split('/') : [arn[1], arn[2]];
    return { name, id };
  });
  if (first === undefined || second === undefined) return false;
  const ids = [first.id, second.id];
  if (first.name === second.name) return ids[0] !== undefined && ids[1] !== undefined && ids[0] !== ids[1];
  // An id alone may belong to a stack of any name.
  return ![first, second].some(({ name }) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(name) || /[$`]/.test(name));
}

function nameOf(section: ConfigSection): string {
  return section.name === 'main' ? '[main]' : `hook [${section.name}]`;
}

/** A command of an action, as far as we can parse it. */
interface ActionCommand {
  /** Without quotes, without assignments of variables, and without programs such as sudo that start another program. */
  readonly words: readonly string[];
  /** True when it begins on a new line after another command. */
  readonly isNextLine: boolean;
}

/** The options of a call of cfn-init; undefined when an option is missing or depends on a shell variable. */
export interface InitCall {
  readonly stack: string | undefined;
  readonly resource: string | undefined;
  /** Empty for the default of cfn-init; undefined when it is not known. */
  readonly configSets: readonly string[] | undefined;
  /** It reads its metadata from a file or stdin. */
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
/** Characters that the shell expands. */
const EXPANSION = /[$`*?]/;
/** The short options of cfn-init that take a value, and their long names. */
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

/** Splits an action into commands, roughly as a shell would. Expansions stay as they are. */
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

/** True for cfn-init and the other commands of cfntools. */
function isOurs({ words }: ActionCommand): boolean {
  return /^cfn-[a-z-]+$/.test(basename(words[0] ?? ''));
}

/** Parses a call of cfn-init; undefined for another command. */
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
