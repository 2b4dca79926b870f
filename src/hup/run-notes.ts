import { parseJson } from '../config/json-text.ts';
import { isRecord } from '../config/record.ts';
import { Problem } from '../errors.ts';
import type { System } from '../system/system.ts';

const MOST_BYTES = 1024 * 1024;

/**
 * Reads a JSON object that is kept below /run, so that a poll without news does not write to a disk. It need not outlive a
 * boot, and where that does not work, it is only not known.
 * @returns {} when there is none that can be used
 */
export function readRunNotes({ files }: Pick<System, 'files'>, path: string): Readonly<Record<string, unknown>> {
  try {
    const content = files.readIfPresent(path, MOST_BYTES);
    const parsed = content === undefined ? undefined : parseJson(content.toString('utf8'));
    return parsed === undefined || 'problem' in parsed || !isRecord(parsed.value) ? {} : parsed.value;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return {};
  }
}

/** Writes such an object; undefined removes the file. */
export function writeRunNotes(
  { files, self }: Pick<System, 'files' | 'self'>,
  path: string,
  notes: Readonly<Record<string, unknown>> | undefined,
): void {
  try {
    if (notes === undefined) files.remove(path);
    else files.write(path, Buffer.from(`${JSON.stringify(notes)}\n`), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}
