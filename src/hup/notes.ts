import { Problem } from '../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { hasContent, publishMetadata, readLocalMetadata, resourceCachePath } from '../metadata/local.ts';
import { isNoted } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { isoTime, isTimeText } from '../time.ts';
import type { HupConfig } from './settings.ts';
import { stateKey } from './state-files.ts';

/** Why nothing, or not all, came from Heat. */
export interface FetchFailure {
  /** Forbidden: by Heat's policy, to all guests. */
  readonly kind: 'unreachable' | 'refused' | 'unasked' | 'forbidden';
  /** What is said of it in the log. */
  readonly line?: string;
  /** The log has it from an earlier pass, of this process or another. */
  readonly isKnown?: boolean;
  /** Milliseconds of the pause that the server asks for. */
  readonly retryAfter?: number;
}

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

const KINDS = ['answered', 'unreachable', 'refused', 'unasked', 'forbidden'] as const satisfies readonly (
  | 'answered'
  | FetchFailure['kind']
)[];

/** How Heat answered when a pass asked it last. Times are ISO texts. */
export interface LastAnswer {
  readonly kind: (typeof KINDS)[number];
  /** When it began to be so. */
  readonly since: string;
  /** When it was asked. */
  readonly asked: string;
  /** What is wrong, as the log has it. */
  readonly line: string | undefined;
  /** The resource that it is about, where Heat has told of others. */
  readonly resource: string | undefined;
  /** Why the pass could not keep what it was told, so that hooks were left out. */
  readonly unkept: string | undefined;
}

/**
 * How Heat answered the last pass for a configuration that asked. When all was well there is no note of it, but those of
 * the checks, which each pass writes anyhow.
 * @returns undefined when nothing was asked since the boot
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

/** Two configurations may follow one stack, each with an address and credentials of its own. */
type Asking = Pick<HupConfig, 'settings' | 'main'>;
function keyOf({ main, settings }: Asking): string {
  return `${main} ${settings.stack}`;
}

/** @returns undefined for what is no such note */
export function decodeAnswer(note: unknown): LastAnswer | undefined {
  if (!isRecord(note)) return undefined;
  const { since, asked, line, resource, unkept } = note;
  const kind = KINDS.find((known) => known === note['kind']);
  if (kind === undefined || !isTimeText(since) || !isTimeText(asked)) return undefined;
  return { kind, since, asked, line: textOf(line), resource: textOf(resource), unkept: textOf(unkept) };
}

/** Notes how Heat answered: the worst answer, where a pass asks for several resources. @param answer without secrets */
export function noteLastAnswer(
  system: System,
  asking: Asking,
  answer: Pick<LastAnswer, 'kind' | 'line' | 'resource'>,
): void {
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const key = keyOf(asking);
  const before = decodeAnswer(notes[key]);
  const asked = isoTime(system.clock.now());
  const since = before?.kind === answer.kind ? before.since : asked;
  const note: LastAnswer = { ...answer, since, asked, unkept: undefined };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: note });
}

/** Heat has told all, and nothing of it is left for another pass. */
export function forgetLastAnswer(system: System, asking: Asking): void {
  const { [keyOf(asking)]: known, ...others } = readRunNotes(system, paths.hupLastAnswer);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupLastAnswer, Object.keys(others).length === 0 ? undefined : others);
}

/** Notes besides that something could not be kept. */
export function noteUnkept(system: System, asking: Asking, unkept: string): void {
  const key = keyOf(asking);
  const notes = readRunNotes(system, paths.hupLastAnswer);
  const asked = isoTime(system.clock.now());
  const note = decodeAnswer(notes[key]) ?? { kind: 'answered', since: asked, asked };
  writeRunNotes(system, paths.hupLastAnswer, { ...notes, [key]: { ...note, unkept } });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Milliseconds. The longest interval is a week; what was not looked at for longer is no hook any more. */
const MEMORY = 8 * 24 * 3_600_000;

/** When each hook was last looked at with success, as ISO texts by its key (stateKey); none is fine. */
export function readLastChecks(system: Pick<System, 'files'>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(readRunNotes(system, paths.hupLastCheck)).filter((entry): entry is [string, string] =>
      isTimeText(entry[1]),
    ),
  );
}

/** Notes that hooks were looked at. It is kept apart from their states, which are on a disk. @param looked their keys */
export function noteLastChecks(system: System, looked: readonly string[]): void {
  const now = system.clock.now();
  // Those of other configurations are not ours to forget.
  const others = [...readLastChecks(system)].filter(([, time]) => now.getTime() - Date.parse(time) < MEMORY);
  const checks = new Map([...others, ...looked.map((key) => [key, isoTime(now)] as const)]);
  writeRunNotes(system, paths.hupLastCheck, Object.fromEntries(checks));
}

/**
 * The metadata of a resource that is known to the guest: last_metadata_RES, else last_metadata where that is not plainly
 * another resource's, and neither where it is of another instance. What cloud-init left at boot does not count: nobody need
 * have applied it.
 * @returns its text, or undefined when there is none that can be used
 */
export function readPublished({ files, clock }: Pick<System, 'files' | 'clock'>, resource: string): string | undefined {
  const { found } = readLocalMetadata(files, resource, clock.now());
  if (found === undefined || !found.path.startsWith(`${paths.metadataCache}/`)) return undefined;
  const isOwn = found.path === resourceCachePath(resource);
  return isOwn || !isOfAnother(files, resource, found.document.text) ? found.document.text : undefined;
}

/** Makes metadata known to the other agents. What is known already costs no write: resources take turns in last_metadata. */
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
