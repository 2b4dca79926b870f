import { accountFault } from '../names.ts';
import { nearestName } from '../nearest-name.ts';
import {
  type ConfigSection,
  fileLine,
  misspelling,
  type ReadSetting,
  type Remarks,
  readLine,
  readSetting,
  remark,
  warnOfUnknownKeys,
} from './config-sections.ts';
import { type HookSection, TRIGGERS, type Trigger } from './hook.ts';
import { parseHookPath } from './hook-path.ts';

export const HOOK_KEYS = ['triggers', 'path', 'action', 'runas'] as const;
/** A trigger of AWS's agent. */
const ON_COMMAND = 'on.command';
const BY_QUEUE = 'it stands for a command that comes by a queue of Amazon SQS, which Heat has not';
/** Who runs an action where no runas is given. */
export const DEFAULT_USER = 'root';

/**
 * Decodes every section but [main] as a hook (contract section 2, cfn-hup; AWS's page "cfn-hup", "hooks.conf
 * configuration file"). One with a problem is left out, the others go on.
 */
export function decodeHooks(sections: ReadonlyMap<string, ConfigSection>, remarks: Remarks): readonly HookSection[] {
  return [...sections.values()]
    .filter(({ name }) => name !== 'main')
    .flatMap((section) => decodeHook(section, remarks) ?? []);
}

function decodeHook(section: ConfigSection, remarks: Remarks): HookSection | undefined {
  const found: string[] = [];
  const mine = { problems: found };
  const complain = (place: string, what: string, hint: string): void => {
    found.push(remark(place, `hook [${section.name}]: ${what}`, hint));
  };
  const required = (
    key: (typeof HOOK_KEYS)[number],
    example: string,
    read: typeof readSetting = readLine,
  ): ReadSetting | undefined => {
    const before = found.length;
    const setting = read(section, key, mine);
    if (setting !== undefined && setting.value !== '') return setting;
    // A value that could not be read has been complained about already.
    if (found.length > before) return undefined;
    const meant = setting === undefined ? misspelling(section, key, HOOK_KEYS) : undefined;
    if (meant !== undefined) complain(meant.place, `no ${key}`, meant.hint);
    else
      complain(setting?.place ?? fileLine(section), setting === undefined ? `no ${key}` : `${key} is empty`, example);
    return undefined;
  };

  warnOfUnknownKeys(section, HOOK_KEYS, remarks);
  const triggers = decodeTriggers(
    required('triggers', `name some of ${TRIGGERS.join(', ')}`, readSetting),
    complain,
    (place) => remarks.warnings.push(remark(place, `hook [${section.name}]: ${ON_COMMAND} is ignored`, BY_QUEUE)),
  );
  const pathSetting = required('path', 'as in path=Resources.RES.Metadata');
  const path = pathSetting === undefined ? undefined : parseHookPath(pathSetting.value);
  if (pathSetting !== undefined && path !== undefined && 'what' in path)
    complain(pathSetting.place, path.what, path.hint);
  const action = required('action', 'give the command to run', readSetting);
  // An empty one is no wish for root: a variable of the template was empty.
  const isNamed = section.settings.has('runas') || section.defaults.has('runas');
  const runas = isNamed ? required('runas', `name a user, or leave the line out for ${DEFAULT_USER}`) : undefined;
  const fault = runas === undefined ? undefined : accountFault(runas.value);
  if (runas !== undefined && fault !== undefined) complain(runas.place, `runas: ${fault.what}`, fault.hint);
  remarks.problems.push(...found);
  if (found.length > 0 || path === undefined || 'what' in path || action === undefined) return undefined;
  return {
    name: section.name,
    file: section.file,
    triggers,
    path,
    action: action.value,
    runas: runas?.value ?? DEFAULT_USER,
  };
}

function decodeTriggers(
  setting: ReadSetting | undefined,
  complain: (place: string, what: string, hint: string) => void,
  warnOfCommand: (place: string) => void,
): readonly Trigger[] {
  if (setting === undefined) return [];
  const all = setting.value.split(/[\s,]+/).filter((word) => word !== '');
  const words = all.filter((word) => word.toLowerCase() !== ON_COMMAND);
  const known = (word: string): Trigger | undefined => TRIGGERS.find((trigger) => trigger === word.toLowerCase());
  const valid = `there are ${TRIGGERS.join(', ')}`;
  for (const word of words) {
    if (known(word) !== undefined) continue;
    const plain = word.toLowerCase();
    const near =
      TRIGGERS.find((trigger) => trigger.startsWith(plain) && plain !== 'post.') ?? nearestName(plain, TRIGGERS);
    complain(
      setting.place,
      `unknown trigger ${JSON.stringify(word)}`,
      near === undefined ? valid : `did you mean ${near}?`,
    );
  }
  if (all.length === 0) complain(setting.place, 'triggers names none', valid);
  else if (words.length === 0)
    complain(setting.place, `nothing ever runs it: ${ON_COMMAND} alone`, `${BY_QUEUE}; ${valid}`);
  else if (words.length < all.length) warnOfCommand(setting.place);
  return [...new Set(words.flatMap((word) => known(word) ?? []))];
}
