import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import { isoTime } from '../time.ts';
import { isOtherInstance, readCloudInitId } from './instance-id.ts';

/** Beside the copies of metadata: the instance that each belongs to. An image captured from a running guest contains both. */
const NOTES = `${paths.metadataCache}/written-by.json`;
const MOST_BYTES = 1024 * 1024;
/** Milliseconds. Some ways to make an image keep only the seconds of a time. */
const SECOND = 1000;
/** Milliseconds. Files written within this time are from one boot: no image can be made and booted so quickly. */
const ONE_BOOT = 5 * SECOND;

interface Note {
  /** The id that cloud-init uses. */
  readonly instance: string;
  /** The time of modification of the file. If the file now has another, some other program, such as heat-agents, has written it since. */
  readonly written: string;
}

/** The instance that wrote a file, according to a note; `unknown` without one. */
export type Writer =
  | { readonly kind: 'this' | 'unknown' }
  /** `instance` is the id of the other one. */
  | { readonly kind: 'other'; readonly instance: string };

/** Which instance has written the file at a path. @param written its time of modification */
export function writerOf(files: FileSystem, path: string, written: Date): Writer {
  const note = readNotes(files).get(path);
  if (note === undefined || note.written !== secondOf(written)) return { kind: 'unknown' };
  return writerNamed(files, note.instance);
}

/** As writerOf, where the id is in the file itself. @param noted the id; undefined when there is none */
export function writerNamed(files: FileSystem, noted: string | undefined): Writer {
  const instance = readCloudInitId(files);
  if (noted === undefined || instance === undefined) return { kind: 'unknown' };
  if (isOtherInstance(noted, instance)) return { kind: 'other', instance: noted };
  return { kind: noted.toLowerCase() === instance.toLowerCase() ? 'this' : 'unknown' };
}

/**
 * The file that cloud-init wrote when this instance was made, if the age of other files can be compared with it: Heat's part handler
 * writes it once for each instance. A time in the future comes from a wrong clock and is not used.
 */
export function bootDataWritten(files: FileSystem, now: Date): { path: string; written: Date } | undefined {
  for (const path of bootDataPaths()) {
    const entry = files.entry(path);
    if (entry?.kind !== 'file' || writerOf(files, path, entry.modified).kind === 'other') continue;
    return isOlder(now, entry.modified) ? undefined : { path, written: entry.modified };
  }
  return undefined;
}

/** True when a file is from before the boot that wrote the other one. */
export function isOlder(written: Date, other: Date): boolean {
  return other.getTime() - written.getTime() > ONE_BOOT;
}

/** Where cloud-init writes the metadata at boot, best first. */
export function bootDataPaths(): readonly string[] {
  return paths.bootData.map((directory) => `${directory}/${paths.bootMetadata}`);
}

/** True when a note says that the file at the path belongs to this instance, or when the id of this instance is unknown. */
export function isNoted(files: FileSystem, path: string): boolean {
  if (readCloudInitId(files) === undefined) return true;
  const entry = files.entry(path);
  return entry !== undefined && writerOf(files, path, entry.modified).kind === 'this';
}

/**
 * Records that the files at the paths belong to this instance. So do those that cloud-init wrote, unless they are known to belong to
 * another. Nothing is recorded where cloud-init has no id for this instance.
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
    // The metadata is published anyway; without a note, its age decides.
    if (!(error instanceof Problem)) throw error;
  }
}

/** Unusable notes count as missing: then the age of the copies decides. */
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
