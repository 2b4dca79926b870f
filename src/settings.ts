import { parseSwitch } from './config/values.ts';
import type { Log } from './logging/log.ts';
import { paths } from './paths.ts';
import { parsePythonIni } from './python-ini.ts';
import type { FileSystem } from './system/files/file-system.ts';

/** Larger than any settings file. */
const MOST_BYTES = 1024 * 1024;

/** Every key of cfntools.conf. docs/reference/configuration.md and cfn-hup.conf(5) describe them. */
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

/** Values as text. */
export type Settings = Omit<ReadonlyMap<string, string>, 'get'> & { get(name: SettingName): string | undefined };

/**
 * The operator's settings in /etc/cfn/cfntools.conf, an INI file of `name = value` lines, with or without sections.
 * @returns no values when the file does not exist
 * @throws Problem when the file cannot be read
 */
export async function readSettings(files: FileSystem): Promise<Settings> {
  return new Map([...(await readWritten(files))].map(([name, { value }]) => [name, value]));
}

/** The place of a setting, as `FILE:LINE`. @throws Problem when the file cannot be read */
export async function settingPlace(files: FileSystem, name: SettingName): Promise<string> {
  const written = (await readWritten(files)).get(name);
  return written === undefined ? paths.settings : `${paths.settings}:${written.line}`;
}

/**
 * The settings and their lines; the last line of a name counts. python-ini.ts reads all our INI files. Only this file may have
 * quotes around a value and a comment after it: the package `ini` handles those.
 */
async function readWritten(files: FileSystem): Promise<ReadonlyMap<string, { value: string; line: number }>> {
  const content = files.readIfPresent(paths.settings, MOST_BYTES);
  if (content === undefined) return new Map();
  const { unsafe } = await import('ini');
  const { sections, defaults } = parsePythonIni(content.toString('utf8'), { isPlain: true });
  const all = [defaults, ...[...sections.values()].map(({ settings }) => settings)].flatMap((settings) => [
    ...settings,
  ]);
  const inOrder = all.sort(([, one], [, other]) => one.line - other.line);
  return new Map(inOrder.map(([name, { raw, line }]) => [name, { value: String(unsafe(raw)), line }]));
}

/** A setting that is true or false. For anything else, `otherwise` is used, with a warning. */
export function booleanSetting(settings: Settings, name: SettingName, otherwise: boolean, log: Log): boolean {
  const text = settings.get(name);
  if (text === undefined) return otherwise;
  const value = parseSwitch(text);
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
 * A setting that is a whole number. For anything else, `otherwise` is used, with a warning.
 * @param bounds the range, and what is counted
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

/** Allows unsafe paths where the operator has set `allow-unsafe-paths`. */
export async function applyPathSetting(files: FileSystem, log: Log): Promise<void> {
  if (booleanSetting(await readSettings(files), 'allow-unsafe-paths', false, log)) files.allowUnsafePaths();
}
