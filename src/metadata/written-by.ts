import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import { isoTime } from '../time.ts';
import { isOtherInstance, readCloudInitId } from './instance-id.ts';

/** Beside the copies of metadata: which instance each is of. An image captured from a running guest brings both along. */
const NOTES = `${paths.metadataCache}/written-by.json`;
const MOST_BYTES = 1024 * 1024;
/** Milliseconds. Some ways to make an image keep the seconds of a time only. */
const SECOND = 1000;
/** Milliseconds. What was written that close together is of one boot; no image is made and booted in that time. */
const ONE_BOOT = 5 * SECOND;

interface Note {
  /** As cloud-init calls it. */
  readonly instance: string;
  /** When the file was written that the note is about. Another time: somebody else, such as heat-agents, wrote it since. */
  readonly written: string;
}

/** Whose a file is: by a note, or by its age alone where there is none. */
export type Writer =
  | { readonly kind: 'this' | 'unknown' }
  /** `instance` is the id of the other one. */
  | { readonly kind: 'other'; readonly instance: string };

/** Which instance has written the file that is there now. @param written its time of modification */
export function writerOf(files: FileSystem, path: string, written: Date): Writer {
  const note = readNotes(files).get(path);
  if (note === undefined || note.written !== secondOf(written)) return { kind: 'unknown' };
  return writerNamed(files, note.instance);
}

/** The same where the id is in the file itself. @param noted undefined when it is not */
export function writerNamed(files: FileSystem, noted: string | undefined): Writer {
  const instance = readCloudInitId(files);
  if (noted === undefined || instance === undefined) return { kind: 'unknown' };
  if (isOtherInstance(noted, instance)) return { kind: 'other', instance: noted };
  return { kind: noted.toLowerCase() === instance.toLowerCase() ? 'this' : 'unknown' };
}

/**
 * What cloud-init left when this instance was made, if that can tell the age of other files: Heat's part handler writes it
 * once for each instance. A time in the future is of a clock that was wrong, and tells nothing.
 */
export function bootDataWritten(files: FileSystem, now: Date): { path: string; written: Date } | undefined {
  for (const path of bootDataPaths()) {
    const entry = files.entry(path);
    if (entry?.kind !== 'file' || writerOf(files, path, entry.modified).kind === 'other') continue;
    return isOlder(now, entry.modified) ? undefined : { path, written: entry.modified };
  }
  return undefined;
}

/** True when a file is from before the boot that the other one is of. */
export function isOlder(written: Date, other: Date): boolean {
  return other.getTime() - written.getTime() > ONE_BOOT;
}

/** Where cloud-init leaves the metadata of the boot, best first. */
export function bootDataPaths(): readonly string[] {
  return paths.bootData.map((directory) => `${directory}/${paths.bootMetadata}`);
}

/** True when a note says that the file at the path is of this instance, or when it is not known which one this is. */
export function isNoted(files: FileSystem, path: string): boolean {
  if (readCloudInitId(files) === undefined) return true;
  const entry = files.entry(path);
  return entry !== undefined && writerOf(files, path, entry.modified).kind === 'this';
}

/**
 * Notes that what is at the paths now is of this instance, and so is what cloud-init left, unless that is known to be of
 * another. Where cloud-init does not say who we are, nothing is noted.
 */
export function noteWritten(
  files: FileSystem,
  written: readonly string[],
  owner: { readonly uid: number; readonly gid: number },
): void {
  const instance = readCloudInitId(files);
  if (instance === undefined) return;
  const before = readNotes(files);
  const notes = new Map(before);
  for (const path of [...written, ...bootDataPaths()]) {
    const entry = files.entry(path);
    if (entry === undefined) {
      notes.delete(path);
      continue;
    }
    const time = secondOf(entry.modified);
    if (!written.includes(path) && before.get(path)?.written === time) continue;
    notes.set(path, { instance, written: time });
  }
  const content = Buffer.from(`${JSON.stringify(Object.fromEntries(notes))}\n`);
  try {
    if (!files.readIfPresent(NOTES, MOST_BYTES)?.equals(content))
      files.write(NOTES, content, { mode: 0o600, ...owner });
  } catch (error) {
    // The metadata is published all the same; without a note its age counts.
    if (!(error instanceof Problem)) throw error;
  }
}

/** Notes that cannot be used count as missing: then the age of the copies decides. */
function readNotes(files: FileSystem): ReadonlyMap<string, Note> {
  const notes = new Map<string, Note>();
  try {
    const content = files.readIfPresent(NOTES, MOST_BYTES);
    const result = content === undefined ? undefined : parseJson(content.toString('utf8'));
    if (result === undefined || !('value' in result) || !isRecord(result.value)) return notes;
    for (const [path, note] of Object.entries(result.value)) {
      if (!isRecord(note)) continue;
      const { instance, written } = note;
      if (typeof instance === 'string' && typeof written === 'string') notes.set(path, { instance, written });
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  return notes;
}

function secondOf(time: Date): string {
  return isoTime(new Date(Math.floor(time.getTime() / SECOND) * SECOND));
}
