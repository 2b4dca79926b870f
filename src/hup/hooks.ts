import { parseKeyPath } from '../json.ts';
import { accountFault } from '../names.ts';
import { nearestName } from '../nearest-name.ts';
import { resourceNameFault } from '../resource-name.ts';
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

/** When a hook runs: the value at its path appeared, changed or was removed, or a service that should run was restarted. */
export const TRIGGERS = ['post.add', 'post.update', 'post.remove', 'service.restarted'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** The path of a hook: `Resources.RES`, `Resources.RES.PhysicalResourceId` or `Resources.RES.Metadata[.key...]`. */
export interface HookPath {
  /** As it is written in the file. */
  readonly text: string;
  readonly resource: string;
  readonly kind: 'metadata' | 'physical-id' | 'last-updated';
  /** The keys below the metadata; none for all of it. */
  readonly keys: readonly string[];
}

/** The files that a hook comes from. Links to directories are resolved, so that one file always has one path. */
export interface Origin {
  /** cfn-hup.conf. */
  readonly main: string;
  /** The file with the hook's section. */
  readonly file: string;
}

/** One section of a hook file. */
interface HookSection {
  readonly name: string;
  /** The path as configured, for messages. */
  readonly file: string;
  readonly triggers: readonly Trigger[];
  readonly path: HookPath;
  /** A command for the shell; may have several lines. */
  readonly action: string;
  /** The user that the action runs as. */
  readonly runas: string;
}

/** A hook of a configuration; name and origin together tell hooks apart. */
export interface Hook extends HookSection {
  readonly origin: Origin;
}

/**
 * Parses the path of a hook. `Resources`, `Metadata` and `PhysicalResourceId` may be written in any case. The keys have the
 * syntax of cfn-get-metadata: a key with a dot needs single quotes. `Resources.RES` alone means the time of the resource's
 * last update. Source: AWS's page "cfn-hup", "hooks.conf configuration file".
 * @returns what is wrong, and what to write, when it is not a path
 */
export function parseHookPath(text: string): HookPath | { readonly what: string; readonly hint: string } {
  const [root, resource, part, ...keys] = parseKeyPath(text) ?? [];
  if (root?.toLowerCase() !== 'resources' || resource === undefined) {
    return {
      what: `the path ${JSON.stringify(text)} does not name a resource`,
      hint: 'write Resources.RES.Metadata, followed by keys separated by dots',
    };
  }
  const fault = resourceNameFault(resource);
  if (fault !== undefined) return { what: `the path names the resource ${JSON.stringify(resource)}`, hint: fault };
  switch (part?.toLowerCase()) {
    case undefined:
      return { text, resource, kind: 'last-updated', keys };
    case 'metadata':
      return { text, resource, kind: 'metadata', keys };
    case 'physicalresourceid':
      if (keys.length === 0) return { text, resource, kind: 'physical-id', keys };
      return { what: `the path continues after ${part}`, hint: 'end it there' };
    default:
      return {
        what: `unknown part ${JSON.stringify(part)} of ${resource} in the path`,
        hint: 'write Metadata or PhysicalResourceId; the resource alone means the time of its last update',
      };
  }
}

export const HOOK_KEYS = ['triggers', 'path', 'action', 'runas'] as const;
/** A trigger of AWS's agent. */
const ON_COMMAND = 'on.command';
const BY_QUEUE = 'it needs a queue of Amazon SQS, which Heat does not have';
/** The user of an action without runas. */
export const DEFAULT_USER = 'root';

/**
 * Decodes every section but [main] as a hook (contract section 2, cfn-hup; AWS's page "cfn-hup", "hooks.conf
 * configuration file"). A hook with a problem is left out; the others are used.
 */
export function decodeHooks(sections: ReadonlyMap<string, ConfigSection>, remarks: Remarks): readonly HookSection[] {
  return [...sections.values()]
    .filter(({ name }) => name !== 'main')
    .flatMap((section) => decodeHook(section, remarks) ?? []);
}

function decodeHook(section: ConfigSection, remarks: Remarks): HookSection | undefined {
  const found: string[] = [];
  const ownRemarks = { problems: found };
  const addProblem = (place: string, what: string, hint: string): void => {
    found.push(remark(place, `hook [${section.name}]: ${what}`, hint));
  };
  const required = (
    key: (typeof HOOK_KEYS)[number],
    example: string,
    read: typeof readSetting = readLine,
  ): ReadSetting | undefined => {
    const before = found.length;
    const setting = read(section, key, ownRemarks);
    if (setting !== undefined && setting.value !== '') return setting;
    // A value that could not be read has been reported already.
    if (found.length > before) return undefined;
    const meant = setting === undefined ? misspelling(section, key, HOOK_KEYS) : undefined;
    if (meant !== undefined) addProblem(meant.place, `no ${key}`, meant.hint);
    else
      addProblem(setting?.place ?? fileLine(section), setting === undefined ? `no ${key}` : `${key} is empty`, example);
    return undefined;
  };

  warnOfUnknownKeys(section, HOOK_KEYS, remarks);
  const triggers = decodeTriggers(
    required('triggers', `name one or more of ${TRIGGERS.join(', ')}`, readSetting),
    addProblem,
    (place) => remarks.warnings.push(remark(place, `hook [${section.name}]: ${ON_COMMAND} is ignored`, BY_QUEUE)),
  );
  const pathSetting = required('path', 'as in path=Resources.RES.Metadata');
  const path = pathSetting === undefined ? undefined : parseHookPath(pathSetting.value);
  if (pathSetting !== undefined && path !== undefined && 'what' in path)
    addProblem(pathSetting.place, path.what, path.hint);
  const action = required('action', 'give the command to run', readSetting);
  // An empty runas is an error, not root: probably a variable of the template was empty.
  const isNamed = section.settings.has('runas') || section.defaults.has('runas');
  const runas = isNamed ? required('runas', `name a user, or leave the line out for ${DEFAULT_USER}`) : undefined;
  const fault = runas === undefined ? undefined : accountFault(runas.value);
  if (runas !== undefined && fault !== undefined) addProblem(runas.place, `runas: ${fault.what}`, fault.hint);
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
  addProblem: (place: string, what: string, hint: string) => void,
  warnOfCommand: (place: string) => void,
): readonly Trigger[] {
  if (setting === undefined) return [];
  const all = setting.value.split(/[\s,]+/).filter((word) => word !== '');
  const words = all.filter((word) => word.toLowerCase() !== ON_COMMAND);
  const known = (word: string): Trigger | undefined => TRIGGERS.find((trigger) => trigger === word.toLowerCase());
  const valid = `valid triggers are ${TRIGGERS.join(', ')}`;
  for (const word of words) {
    if (known(word) !== undefined) continue;
    const plain = word.toLowerCase();
    const near =
      TRIGGERS.find((trigger) => trigger.startsWith(plain) && plain !== 'post.') ?? nearestName(plain, TRIGGERS);
    addProblem(
      setting.place,
      `unknown trigger ${JSON.stringify(word)}`,
      near === undefined ? valid : `did you mean ${near}?`,
    );
  }
  if (all.length === 0) addProblem(setting.place, 'triggers names no trigger', valid);
  else if (words.length === 0)
    addProblem(setting.place, `it never runs: its only trigger is ${ON_COMMAND}`, `${BY_QUEUE}; ${valid}`);
  else if (words.length < all.length) warnOfCommand(setting.place);
  return [...new Set(words.flatMap((word) => known(word) ?? []))];
}
