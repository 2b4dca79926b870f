import { isRecord } from './config/record.ts';
import { paths } from './paths.ts';
import type { FileSystem } from './system/file-system.ts';

/** Larger than any settings file. */
const MOST_BYTES = 1024 * 1024;

/**
 * The operator's settings in /etc/cfn/cfntools.conf, an INI file of `name = value` lines, with or without sections.
 * @returns values by name in lower case; none when the file is not there
 * @throws Problem when the file cannot be read
 */
export async function readSettings(files: FileSystem): Promise<ReadonlyMap<string, string>> {
  const content = files.readIfPresent(paths.settings, MOST_BYTES);
  if (content === undefined) return new Map();
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
