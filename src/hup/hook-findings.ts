import { selectConfigs } from '../config/config-sets.ts';
import { INIT_KEY } from '../config/findings.ts';
import { isRecord } from '../json.ts';
import { type ActionCommand, commandsOf, type InitCall, initCallOf, isOurs } from './action-calls.ts';
import type { InspectedConfig } from './config-files.ts';
import { type ConfigSection, type Remarks, readSetting, remark } from './config-sections.ts';
import { parseHookPath } from './hook-path.ts';

/** What hooks are compared with. */
export interface HookContext {
  /** By path, as they are on disk. */
  readonly texts: ReadonlyMap<string, string>;
  /** The metadata of a resource, where there is some at hand. @param isOwn the hook follows it as well */
  readonly metadataOf: (resource: string, isOwn: boolean) => unknown;
}

const HOOK_KEYS = ['triggers', 'path', 'action', 'runas'];
const MAIN_KEYS = ['stack', 'credential-file', 'role', 'region', 'url', 'umask', 'interval', 'verbose'];
const WRITTEN_OUT = writtenOut([...HOOK_KEYS, ...MAIN_KEYS]);
/** An action may well write a file of settings by printf. */
const WRITTEN_OUT_BEHIND_ACTION = writtenOut(['triggers', 'path', 'runas']);
const OF_ACTION = /^\s|^action\s*[=:]/i;
/** What begins a line of a hook, in the middle of one; `runas=` alone is sure enough where it is glued to a word. */
const GLUED = /runas=|\b(?:triggers=(?:post|service|on)\.|path=Resources\.)/;

/**
 * Finds what is written correctly and can hardly work, as seen in templates. Lines that have run together are problems. An
 * action for another resource, another stack or a config set that does not exist is a warning, since an update may bring it.
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
    remarks.problems.push(remark(`${path}:${line + 1}`, 'a line break is written as \\n', 'break the line there'));
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

/** Of the values that are no commands: none of them has a key in it. */
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
          `${nameOf(section)}: the line of ${key} goes on with ${glued[1]}=`,
          `break the line before ${glued[1]}=`,
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
      say(problems, { what: `the line of action goes on with ${key}=`, hint: `break the line before ${key}=` });
    const [first = ''] = command.words;
    const before = commands[index - 1];
    if (command.isNextLine && first.startsWith('-') && before !== undefined && isOurs(before))
      say(problems, { what: `a line of the action begins with ${first}`, hint: 'end the line before it with a \\' });
    const call = initCallOf(command);
    if (call === undefined) continue;
    for (const doubt of [...doubtsOfResource(call, followed), ...doubtsOfStack(call, stack)]) say(warnings, doubt);
    // An action with a key in it is reported for that already.
    if (key === undefined) for (const doubt of doubtsOfSets(call, followed, context)) say(warnings, doubt);
  }
}

interface Doubt {
  readonly what: string;
  readonly hint: string | undefined;
}

/**
 * The key of a hook that stands among the words of a command.
 * @param endsAction the command is the last one of the action of a hook without runas
 */
function keyIn(command: ActionCommand, endsAction: boolean): string | undefined {
  if (isOurs(command)) {
    const glued = command.words.find((word) => GLUED.test(word) || HOOK_KEYS.some((key) => word.startsWith(`${key}=`)));
    return HOOK_KEYS.find((key) => glued?.includes(`${key}=`));
  }
  // Another program may take a word like that, as the value of an option above all.
  const [before = '', last = ''] = command.words.slice(-2);
  return endsAction && last.startsWith('runas=') && !before.startsWith('-') ? 'runas' : undefined;
}

function doubtsOfResource({ resource }: InitCall, followed: string | undefined): readonly Doubt[] {
  if (resource === undefined || followed === undefined || resource === followed) return [];
  return [
    {
      what: `the path follows ${followed}, and the action applies ${resource}`,
      hint: `an update of ${resource} alone does not run it: name one resource in both`,
    },
  ];
}

function doubtsOfStack({ stack }: InitCall, followed: string | undefined): readonly Doubt[] {
  if (stack === undefined || followed === undefined || !isOtherStack(followed, stack)) return [];
  return [
    {
      what: `the action applies the stack ${stack}, and cfn-hup.conf follows ${followed}`,
      hint: 'name one stack in both',
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

/** True when two names certainly mean two stacks: a name, or an ARN or NAME/ID that holds one. */
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
