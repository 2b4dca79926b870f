import { parseSwitch } from '../config/values.ts';
import { nearestName } from '../nearest-name.ts';
import { parseOctal } from '../octal.ts';
import { baseUrlOf } from '../url.ts';
import {
  type ConfigSection,
  fileLine,
  misspelling,
  type Remarks,
  readLine,
  readSetting,
  remark,
  warnOfUnknownKeys,
} from './config-sections.ts';
import { HOOK_KEYS, type Hook } from './hooks.ts';

/** The section [main] of cfn-hup.conf (contract section 2, cfn-hup). Times are milliseconds. */
export interface HupSettings {
  readonly stack: string;
  readonly credentialFile: string | undefined;
  readonly role: string | undefined;
  readonly region: string | undefined;
  readonly url: string | undefined;
  /** The umask of the actions. */
  readonly umask: number;
  readonly interval: number;
  readonly verbose: boolean;
  /** An action that has failed this often is parked until the metadata changes. */
  readonly maxAttempts: number;
  /** How long one action may run; Infinity for no limit. */
  readonly actionTimeout: number;
  /** How long a running action may go on after SIGTERM. */
  readonly stopTimeout: number;
  /** The config sets whose services are watched; empty for the default of cfn-init. */
  readonly configSets: readonly string[];
}

export interface HupConfig {
  readonly settings: HupSettings;
  /** In the order in which they run: by file, then by section. */
  readonly hooks: readonly Hook[];
  /** The path of cfn-hup.conf, as in Origin. */
  readonly main: string;
  /** The paths of all files that were read, with hooks or without, as in Origin. */
  readonly files: readonly string[];
  /** Problems of hook files and hooks, which are not used then: one line each, with the file and what to do. */
  readonly problems: readonly string[];
  /** Oddities that do no harm. */
  readonly warnings: readonly string[];
}

const UNITS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
type TimeUnit = keyof typeof UNITS;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;
const SHORTEST_INTERVAL = 1000;
const LARGEST_UMASK = 0o777;

export const MAIN_KEYS = [
  'stack',
  'credential-file',
  'role',
  'region',
  'url',
  'umask',
  'interval',
  'verbose',
  'max-attempts',
  'action-timeout',
  'stop-timeout',
  'configsets',
] as const;

/**
 * Decodes the section [main] (contract section 2, cfn-hup; AWS's page "cfn-hup", "cfn-hup.conf configuration file").
 * `interval` is in minutes and the two time-outs are in seconds, unless the number has a unit. It reports all problems
 * together.
 * @param where the main file, for problems without a line number
 * @returns undefined when there was a problem
 */
export function decodeSettings(
  sections: ReadonlyMap<string, ConfigSection>,
  where: string,
  remarks: Remarks,
): HupSettings | undefined {
  const { problems, warnings } = remarks;
  const section = sections.get('main');
  if (section === undefined) {
    const near = [...sections.values()].find(isMeantAsMain);
    problems.push(
      near === undefined
        ? remark(where, 'there is no section [main]', 'begin it with [main] and a line stack=NAME')
        : remark(fileLine(near), `unknown section [${near.name}]`, 'did you mean [main]?'),
    );
    return undefined;
  }
  const before = problems.length;
  const text = (key: (typeof MAIN_KEYS)[number]): string | undefined => {
    const setting = readLine(section, key, remarks);
    return setting === undefined || setting.value === '' ? undefined : setting.value;
  };
  const decode = <T>(
    key: (typeof MAIN_KEYS)[number],
    expected: string,
    parse: (value: string) => T | undefined,
    fallback: T,
  ): T => {
    const setting = readLine(section, key, remarks);
    if (setting === undefined) return fallback;
    const result = parse(setting.value);
    if (result === undefined)
      problems.push(remark(setting.place, `${key} is ${JSON.stringify(setting.value)}`, `give ${expected}`));
    return result ?? fallback;
  };
  const within = (least: number, most: number, parse: (value: string) => number | undefined) => (value: string) => {
    const number = parse(value);
    return number !== undefined && number >= least && number <= most ? number : undefined;
  };

  const parseInterval = (value: string): number | undefined => {
    const time = parseDuration(value, 'm');
    if (time !== 0) return within(SHORTEST_INTERVAL, WEEK, () => time)(value);
    // Real files have `interval=0`, on machines where cron makes the passes.
    warnings.push(remark(keyLine(section, 'interval'), `interval is ${value}`, 'the default of 1 minute is used'));
    return MINUTE;
  };

  warnOfUnknownKeys(section, MAIN_KEYS, remarks);
  const stack = text('stack');
  // A value that could not be read has been reported already.
  if (stack === undefined && problems.length === before) {
    const { place, hint } = misspelling(section, 'stack', MAIN_KEYS) ?? {
      place: fileLine(section),
      hint: 'add a line stack=NAME',
    };
    problems.push(remark(place, '[main] names no stack', hint));
  }
  const url = text('url');
  // Not shown: it may hold a password.
  if (url !== undefined && baseUrlOf(url) === undefined)
    problems.push(
      remark(
        keyLine(section, 'url'),
        'url is not the base URL of an API',
        'as in http://HOST:8000/v1/, without a user or a query',
      ),
    );
  const credentialFile = text('credential-file');
  if (credentialFile !== undefined && !credentialFile.startsWith('/'))
    problems.push(
      remark(keyLine(section, 'credential-file'), 'credential-file is not an absolute path', 'begin it with /'),
    );
  const role = text('role');
  if (role !== undefined && credentialFile !== undefined)
    warnings.push(
      remark(
        keyLine(section, 'credential-file'),
        'credential-file is used only where there is no such role',
        'role is also set',
      ),
    );
  const settings = {
    stack: stack ?? '',
    credentialFile,
    role,
    region: text('region'),
    url,
    umask: decode('umask', 'octal digits from 0 to 0777', within(0, LARGEST_UMASK, parseUmask), 0o022),
    interval: decode('interval', 'minutes, or a time such as 30s, 2m or 1h, from 1s to a week', parseInterval, MINUTE),
    verbose: decode('verbose', 'true or false', parseSwitch, false),
    maxAttempts: decode('max-attempts', 'a whole number from 1 to 1000', within(1, 1000, parseWhole), 10),
    actionTimeout: decode(
      'action-timeout',
      'seconds, or a time such as 30s, 2m or 1h, up to a week; 0 for none',
      within(0, WEEK, (value) => parseDuration(value, 's')),
      HOUR,
    ),
    stopTimeout: decode(
      'stop-timeout',
      'seconds, or a time such as 30s or 2m, up to an hour',
      within(0, HOUR, (value) => parseDuration(value, 's')),
      MINUTE,
    ),
    configSets: (readSetting(section, 'configsets', remarks)?.value ?? '')
      .split(/[\s,]+/)
      .filter((name) => name !== ''),
  };
  if (problems.length > before) return undefined;
  return {
    ...settings,
    actionTimeout: settings.actionTimeout === 0 ? Number.POSITIVE_INFINITY : settings.actionTimeout,
  };
}

/** Whether a section is [main] under another name: a similar name, or one of its keys, and no key of a hook. */
export function isMeantAsMain({ name, settings, defaults }: ConfigSection): boolean {
  if (name === 'main' || HOOK_KEYS.some((key) => key !== 'runas' && (settings.has(key) || defaults.has(key))))
    return false;
  const plain = name.trim().toLowerCase();
  const keys: readonly string[] = MAIN_KEYS;
  return (
    plain === 'main' ||
    nearestName(plain, ['main']) !== undefined ||
    [...settings.keys()].some((key) => keys.includes(key.replaceAll('_', '-')))
  );
}

function keyLine(section: ConfigSection, key: string): string {
  return readSetting(section, key, { problems: [] })?.place ?? fileLine(section);
}

/** Parses the octal digits of umask(1), also with the prefix 0o. */
function parseUmask(value: string): number | undefined {
  return parseOctal(value.replace(/^0o/, ''));
}

function parseWhole(value: string): number | undefined {
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Reads `30`, `30s`, `1.5m`, `2h` as milliseconds; a number alone is in the given unit. Undefined for anything else. */
function parseDuration(text: string, unit: TimeUnit): number | undefined {
  const [, number, suffix = unit] = /^(\d+(?:\.\d+)?)\s*([smh])?$/i.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * UNITS[suffix.toLowerCase() as TimeUnit]);
}
