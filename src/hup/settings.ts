import { parseBoolean } from '../config/boolean.ts';
import { isWebUrl } from '../url.ts';
import {
  type ConfigSection,
  placeOf,
  type Remarks,
  readLine,
  readSetting,
  remark,
  warnOfUnknownKeys,
} from './config-sections.ts';
import { parseDuration } from './duration.ts';
import type { HupSettings } from './hup-config.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;
const SHORTEST_INTERVAL = 1000;
const LARGEST_UMASK = 0o777;

const KEYS = [
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
 * `interval` is minutes, the two time-outs are seconds, unless a unit stands behind the number. All problems are
 * reported together.
 * @param where the main file, for complaints
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
    const near = [...sections.keys()].find((name) => name.trim().toLowerCase() === 'main');
    const hint =
      near === undefined ? 'begin it with [main] and a line stack=NAME' : `[${near}] has to be written [main]`;
    problems.push(remark(where, 'there is no section [main]', hint));
    return undefined;
  }
  const before = problems.length;
  const text = (key: (typeof KEYS)[number]): string | undefined => {
    const setting = readLine(section, key, remarks);
    return setting === undefined || setting.value === '' ? undefined : setting.value;
  };
  const decode = <T>(
    key: (typeof KEYS)[number],
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

  warnOfUnknownKeys(section, KEYS, remarks);
  const stack = text('stack');
  // A value that could not be read has been complained about already.
  if (stack === undefined && problems.length === before)
    problems.push(remark(placeOf(section), '[main] names no stack', 'add a line stack=NAME'));
  const url = text('url');
  // Not shown: it may hold a password.
  if (url !== undefined && !isWebUrl(url))
    problems.push(
      remark(settingPlace(section, 'url'), 'url is not an http or https URL', 'as in http://HOST:8000/v1/'),
    );
  const credentialFile = text('credential-file');
  if (credentialFile !== undefined && !credentialFile.startsWith('/'))
    problems.push(
      remark(settingPlace(section, 'credential-file'), 'credential-file is not an absolute path', 'begin it with /'),
    );
  const role = text('role');
  if (role !== undefined && credentialFile !== undefined)
    warnings.push(remark(settingPlace(section, 'role'), 'role is passed over', 'credential-file is there too'));
  const settings = {
    stack: stack ?? '',
    credentialFile,
    role,
    region: text('region'),
    url,
    umask: decode('umask', 'octal digits from 0 to 0777', within(0, LARGEST_UMASK, parseOctal), 0o022),
    interval: decode(
      'interval',
      'minutes, or a time such as 30s, 2m or 1h, from 1s to a week',
      within(SHORTEST_INTERVAL, WEEK, (value) => parseDuration(value, 'm')),
      MINUTE,
    ),
    verbose: decode('verbose', 'true or false', parseFlag, false),
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

function settingPlace(section: ConfigSection, key: string): string {
  return readSetting(section, key, { problems: [] })?.place ?? placeOf(section);
}

/** As umask(1) takes it, with or without a 0 in front. */
function parseOctal(value: string): number | undefined {
  return /^(?:0o)?[0-7]{1,5}$/.test(value) ? Number.parseInt(value.replace('o', ''), 8) : undefined;
}

function parseWhole(value: string): number | undefined {
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** As configparser's getboolean. */
function parseFlag(value: string): boolean | undefined {
  const word = value.toLowerCase();
  return word === 'on' ? true : word === 'off' ? false : parseBoolean(word);
}
