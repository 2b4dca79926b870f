import { paths } from './paths.ts';
import type { FileSystem } from './system/file-system.ts';

/** Larger than any settings file. */
const MOST_BYTES = 1024 * 1024;

/** The operator's settings in /etc/cfn/cfntools.conf, `name = value` a line; none when the file is not there. */
export function readSettings(files: FileSystem): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const line of files.readIfPresent(paths.settings, MOST_BYTES)?.toString('utf8').split('\n') ?? []) {
    const [, name, value] = /^\s*([A-Za-z][\w-]*)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings.set(name.toLowerCase(), value);
  }
  return settings;
}
