import { parseBoolean } from './config/boolean.ts';
import { isRecord } from './json.ts';
import type { Log } from './log.ts';
import { paths } from './paths.ts';
import type { FileSystem } from './system/file-system.ts';

/** Larger than any settings file. */
const MOST_BYTES = 1024 * 1024;

/** Every key of cfntools.conf; docs/reference/configuration.md and cfn-hup.conf(5) say what each means. */
export const SETTINGS = [
  'allow-http-redirects',
  'allow-unsafe-paths',
  'compat',
  'follow',
  'lock-timeout',
  'most-unpacked-bytes',
  'package-lock-timeout',
  'service-timeout',
  'service-watch',
  'signature',
] as const;
export type SettingName = (typeof SETTINGS)[number];

/** Values as they are written. */
export type Settings = Omit<ReadonlyMap<string, string>, 'get'> & { get(name: SettingName): string | undefined };

/**
 * The operator's settings in /etc/cfn/cfntools.conf, an INI file of `name = value` lines, with or without sections.
 * @returns no values when the file is not there
 * @throws Problem when the file cannot be read
 */
export async function readSettings(files: FileSystem): Promise<Settings> {
  const content = files.readIfPresent(paths.settings, MOST_BYTES);
  if (content === undefined) return new Map<string, string>();
  const { parse } = await import('ini');
  const settings = new Map<string, string>();
  const collect = (section: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(section)) {
      if (isRecord(value)) collect(value);
      else settings.set(name.toLowerCase(), String(value));
    }
  };
  collect(parse(content.toString('utf8')));
  return settings;
}

/** Where a setting is written, as `FILE:LINE`: its last line counts. */
export function settingPlace(files: FileSystem, name: SettingName): string {
  const lines = files.readIfPresent(paths.settings, MOST_BYTES)?.toString('utf8').split(/\r?\n/) ?? [];
  const index = lines.findLastIndex((line) => line.split('=')[0]?.trim().toLowerCase() === name);
  return index < 0 ? paths.settings : `${paths.settings}:${index + 1}`;
}

/** A setting that is true or false. Anything else counts as `otherwise`, with a warning. */
export function booleanSetting(settings: Settings, name: SettingName, otherwise: boolean, log: Log): boolean {
  const text = settings.get(name);
  if (text === undefined) return otherwise;
  const value = parseBoolean(text);
  if (value === undefined) log.warning(`${name} is not true or false: ${paths.settings}: using ${otherwise}`);
  return value ?? otherwise;
}

/** A setting in whole seconds, as wholeSetting. */
export function secondsSetting(
  settings: Settings,
  name: SettingName,
  otherwise: number,
  log: Log,
  { least = 0, most = 999_999 }: { readonly least?: number; readonly most?: number } = {},
): number {
  return wholeSetting(settings, name, otherwise, log, { of: 'seconds', least, most });
}

/**
 * A setting that is a whole number. Anything else counts as `otherwise`, with a warning.
 * @param bounds what makes sense, and what is counted
 */
export function wholeSetting(
  settings: Settings,
  name: SettingName,
  otherwise: number,
  log: Log,
  { of, least, most }: { readonly of: string; readonly least: number; readonly most: number },
): number {
  const text = settings.get(name);
  if (text === undefined) return otherwise;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  log.warning(`${name} is not a number of ${of}: ${paths.settings}: using ${otherwise}`);
  return otherwise;
}

/** Lifts the guard against unsafe paths where the operator wants that (`allow-unsafe-paths`). */
export async function applyPathSetting(files: FileSystem, log: Log): Promise<void> {
  if (booleanSetting(await readSettings(files), 'allow-unsafe-paths', false, log)) files.allowUnsafePaths();
}
