import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import type { System } from '../system/system.ts';

const MOST_BYTES = 1024 * 1024;

type RunNotes = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON object that is kept below /run, so that a poll without news does not write to a disk. It need not outlive a
 * boot, and where that does not work, it is only not known.
 * @returns {} when there is none that can be used
 */
export function readRunNotes(system: Pick<System, 'files'>, path: string): RunNotes {
  const notes = loadRunNotes(system, path);
  return typeof notes === 'string' ? {} : notes;
}

/**
 * @param isSound whether each of its values is what it should be
 * @returns what is wrong with such an object, with its path, for people; undefined when it is sound, or not there
 */
export function runNotesFault(
  system: Pick<System, 'files'>,
  path: string,
  isSound: (value: unknown) => boolean = () => true,
): string | undefined {
  const notes = loadRunNotes(system, path);
  if (typeof notes === 'string') return notes;
  return Object.values(notes).every(isSound) ? undefined : `damaged: ${path}: a value is of a wrong kind`;
}

/** @returns what is wrong with it, where it cannot be used */
function loadRunNotes({ files }: Pick<System, 'files'>, path: string): RunNotes | string {
  try {
    const content = files.readIfPresent(path, MOST_BYTES);
    if (content === undefined) return {};
    const parsed = parseJson(content.toString('utf8'));
    if ('problem' in parsed) return `damaged: ${path}: ${parsed.problem}`;
    return isRecord(parsed.value) ? parsed.value : `damaged: ${path}: it is not an object`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.line;
  }
}

/** Writes such an object; undefined removes the file. */
export function writeRunNotes(
  { files, self }: Pick<System, 'files' | 'self'>,
  path: string,
  notes: RunNotes | undefined,
): void {
  try {
    if (notes === undefined) files.remove(path);
    else files.write(path, Buffer.from(`${JSON.stringify(notes)}\n`), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}
