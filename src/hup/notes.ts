import { Problem } from '../errors.ts';
import { isRecord, parseJson, textOf } from '../json.ts';
import { hasContent, publishMetadata, readLocalMetadata, resourceCachePath } from '../metadata/local.ts';
import { isNoted } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { isoTime, isTimeText } from '../time.ts';
import type { HupConfig } from './settings.ts';
import { stateKey } from './state-files.ts';

/** Why Heat returned nothing, or not everything. */
export interface FetchFailure {
  /** 'unasked': no request could be sent. 'forbidden': Heat's policy does not allow guests to ask. */
  readonly kind: 'unreachable' | 'refused' | 'unasked' | 'forbidden';
  /** The message in the log. */
  readonly line?: string;
  /** An earlier pass, of this or another process, has logged it already. */
  readonly isKnown?: boolean;
  /** Milliseconds that the server asks us to wait. */
  readonly retryAfter?: number;
}

const MOST_BYTES = 1024 * 1024;

type RunNotes = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON object that is kept below /run, so that a poll without changes does not write to a disk. The notes may be lost
 * at a reboot. If they cannot be read, the information is missing, which is not an error.
 * @returns {} when there is none or it cannot be used
 */
export function readRunNotes(system: Pick<System, 'files'>, path: string): RunNotes {
  const notes = loadRunNotes(system, path);
  return typeof notes === 'string' ? {} : notes;
}

/**
 * @param isSound checks each value of the object
 * @returns what is wrong with the object, with its path; undefined when it is valid or does not exist
 */
export function runNotesFault(
  system: Pick<System, 'files'>,
  path: string,
  isSound: (value: unknown) => boolean = () => true,
): string | undefined {
  const notes = loadRunNotes(system, path);
  if (typeof notes === 'string') return notes;
  return Object.values(notes).every(isSound) ? undefined : `damaged: ${path}: a value has the wrong type`;
}

/** @returns what is wrong with it, when it cannot be used */
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

/** Writes an object below /run; undefined removes the file. */
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

const KINDS = ['answered', 'unreachable', 'refused', 'unasked', 'forbidden'] as const satisfies readonly (
  | 'answered'
  | FetchFailure['kind']
)[];

/** How Heat answered when a pass asked it last. Times are ISO texts. */
export interface LastAnswer {
  readonly kind: (typeof KINDS)[number];
  /** The time of the first answer of this kind in a row. */
  readonly since: string;
  /** The time of the last request. */
  readonly asked: string;
  /** The error message, as in the log. */
  readonly line: string | undefined;
  /** The resource that failed, when Heat has returned others. */
  readonly resource: string | undefined;
  /** Why the pass could not save its results, so that hooks did not run. */
  readonly unkept: string | undefined;
}

/**
 * How Heat answered the last pass of a configuration. After a success there is no note of it, only the notes of the checks,
 * which each pass writes anyway.
 * @returns undefined when Heat has not been asked since the boot
 */
export function readLastAnswer(
  system: Pick<System, 'files'>,
  config: Pick<HupConfig, 'settings' | 'hooks' | 'main'>,
): LastAnswer | undefined {
  const note = decodeAnswer(readRunNotes(system, paths.hupLastAnswer)[keyOf(config)]);
  const checks = readLastChecks(system);
  const times = config.hooks.map((hook) => checks.get(stateKey(hook))).filter((time) => time !== undefined);
  const asked = times.sort().at(-1);
  if (note !== undefined || asked === undefined) return note;
  return { kind: 'answered', since: asked, asked, line: undefined, resource: undefined, unkept: undefined };
}

/** Two configurations may follow one stack, each with its own address and credentials. */
type FollowedStack = Pick<HupConfig, 'settings' | 'main'>;
function keyOf({ main, settings }: FollowedStack): string {
  return `${main} ${settings.stack}`;
}

/** @returns undefined when it is not a valid note */
export function decodeAnswer(note: unknown): LastAnswer | undefined {
  if (!isRecord(note)) return undefined;
  const { since, asked, line, resource, unkept } = note;
  const kind = KINDS.find((known) => known === note['kind']);
  if (kind === undefined || !isTimeText(since) || !isTimeText(asked)) return undefined;
  return { kind, since, asked, line: textOf(line), resource: textOf(resource), unkept: textOf(unkept) };
}

/** Records how Heat answered; the worst answer, if a pass asks for several resources. @param answer without secrets */
export function noteLastAnswer(
  system: System,
  stack: FollowedStack,
  answer: Pick<LastAnswer, 'kind' | 'line' | 'resource'>,
): void {
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const key = keyOf(stack);
  const before = decodeAnswer(notes[key]);
  const asked = isoTime(system.clock.now());
  const since = before?.kind === answer.kind ? before.since : asked;
  const note: LastAnswer = { ...answer, since, asked, unkept: undefined };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: note });
}

/** Removes the note: Heat has returned everything, and nothing is left for another pass. */
export function forgetLastAnswer(system: System, stack: FollowedStack): void {
  const { [keyOf(stack)]: known, ...others } = readRunNotes(system, paths.hupLastAnswer);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupLastAnswer, Object.keys(others).length === 0 ? undefined : others);
}

/** Adds to the note that something could not be saved. */
export function noteUnkept(system: System, stack: FollowedStack, unkept: string): void {
  const key = keyOf(stack);
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const asked = isoTime(system.clock.now());
  const note = decodeAnswer(notes[key]) ?? { kind: 'answered', since: asked, asked };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: { ...note, unkept } });
}

/** Milliseconds. The longest interval is a week: a hook that was not checked for longer no longer exists. */
const RETENTION = 8 * 24 * 3_600_000;

/** When each hook was last checked with success: ISO texts by the key of the hook (stateKey). A hook may be missing. */
export function readLastChecks(system: Pick<System, 'files'>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(readRunNotes(system, paths.hupLastCheck)).filter((entry): entry is [string, string] =>
      isTimeText(entry[1]),
    ),
  );
}

/** Records that hooks were checked. The times are kept apart from the states, which are on a disk. @param looked their keys */
export function noteLastChecks(system: System, looked: readonly string[]): void {
  const now = system.clock.now();
  // The times of other configurations must stay.
  const others = [...readLastChecks(system)].filter(([, time]) => now.getTime() - Date.parse(time) < RETENTION);
  const checks = new Map([...others, ...looked.map((key) => [key, isoTime(now)] as const)]);
  writeRunNotes(system, paths.hupLastCheck, Object.fromEntries(checks));
}

/**
 * The published metadata of a resource: last_metadata_RES, else last_metadata unless it clearly belongs to another resource.
 * Metadata of another instance is not used. Metadata that cloud-init left at boot is not used either, since it may not have
 * been applied.
 * @returns its text; undefined when there is none that can be used
 */
export function readPublished({ files, clock }: Pick<System, 'files' | 'clock'>, resource: string): string | undefined {
  const { found } = readLocalMetadata(files, resource, clock.now());
  if (found === undefined || !found.path.startsWith(`${paths.metadataCache}/`)) return undefined;
  const isOwn = found.path === resourceCachePath(resource);
  return isOwn || !isOfAnother(files, resource, found.document.text) ? found.document.text : undefined;
}

/** Publishes metadata for the other commands. Unchanged metadata is not written again: last_metadata holds one resource after another. */
export function publish({ files, self }: System, text: string, resource: string): void {
  const common = files.entry(`${paths.metadataCache}/${paths.lastMetadata}`);
  const isKnown =
    common?.kind === 'file' &&
    common.mode === 0o600 &&
    files.entry(resourceCachePath(resource))?.mode === 0o600 &&
    hasContent(files, resourceCachePath(resource), Buffer.from(text)) &&
    isNoted(files, resourceCachePath(resource));
  if (!isKnown) publishMetadata(files, text, resource, self);
}

function isOfAnother(files: FileSystem, resource: string, text: string): boolean {
  const prefix = `${paths.metadataCache}/${paths.lastMetadata}_`;
  const content = Buffer.from(text);
  return files
    .names(paths.metadataCache)
    .map((name) => `${paths.metadataCache}/${name}`)
    .some(
      (path) => path.startsWith(prefix) && path !== resourceCachePath(resource) && hasContent(files, path, content),
    );
}
