import { basename, dirname } from 'node:path';
import { describeError, Problem } from '../errors.ts';
import { readCloudInitId } from '../metadata/instance-id.ts';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import { bootDataWritten, isNoted, isOlder, writerNamed } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import { percentEncodeForFile } from '../percent-encoding.ts';
import { sha256Hex } from '../signing/signature-v4.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';
import { isoTime } from '../time.ts';
import { decodeHookState, encodeHookState, type HookState, newHookState } from './hook-state.ts';
import type { Hook } from './hooks.ts';
import type { HupConfig } from './settings.ts';

/** Makes the directory that the state and the locks are in, and makes it ours alone. @throws Problem */
export function prepareStateDirectory({ files, self }: System): void {
  files.makePrivateDirectory(paths.hupState);
  const entry = files.entry(paths.hupState);
  if (entry?.kind !== 'directory' || entry.mode !== 0o700 || entry.uid !== self.uid)
    files.setAttributes(paths.hupState, { mode: 0o700, ...self });
}

/** A state as it was found. */
interface FoundState {
  /** Undefined for a hook that was never seen. */
  readonly state: HookState | undefined;
  /** What was wrong with the record, which is set aside, as one line. */
  readonly corrupt?: string;
  /** How it is known that the record, which is removed, was another instance's. */
  readonly foreign?: string;
}

/**
 * Reads what is remembered of a hook; a record that it had under another name becomes its own. A record that cannot be
 * understood is kept beside under another name, and the hook is then not a new one: what it has dealt with is unknown, so that
 * it runs once more at most rather than never. What another instance has dealt with, as in an image captured from a running
 * guest, says nothing about this one: the hook is a new one.
 * @throws Problem when the record cannot be read, or not be set aside
 */
export function readHookState(system: System, hook: Hook, around: Surroundings): FoundState {
  const { files, self, clock } = system;
  const record = findRecord(files, hook, around);
  if (record === undefined) return { state: undefined };
  const { path, state } = record;
  if (typeof state === 'string') {
    const aside = asidePath(hook, isoTime(clock.now()).replaceAll(':', ''));
    files.write(aside, files.read(path, MOST_STATE_BYTES), { mode: 0o600, ...self });
    const unknown = newHookState(hook, { kind: 'unknown' });
    writeHookState(system, unknown, hook);
    if (path !== statePath(hook)) files.remove(path);
    return {
      state: unknown,
      corrupt: `the state of the hook ${hook.name} is corrupt (${state}): set aside as ${aside}`,
    };
  }
  const foreign = foreignness(system, record);
  if (foreign !== undefined) {
    files.remove(path);
    return { state: undefined, foreign };
  }
  if (state.hook !== hook.name || state.path !== hook.path.text) return { state: undefined };
  const own = { ...state, ...hook.origin };
  if (path !== statePath(hook)) {
    // First where it is, so that no other configuration takes it, too, when we are killed on the way.
    keep(system, path, own);
    writeHookState(system, own, hook);
    files.remove(path);
  }
  return { state: own };
}

/**
 * Reads without changing anything.
 * @returns undefined when there is none; what is wrong with it, and what becomes of that, when it cannot be used
 */
export function peekHookState(system: System, hook: Hook, around: Surroundings): HookState | string | undefined {
  let record: StateRecord | undefined;
  try {
    record = findRecord(system.files, hook, around);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return `${error.line}: mend or remove it, until then the hook is left`;
  }
  if (typeof record?.state === 'string')
    return `damaged: ${record.path}: ${record.state}: the next pass sets it aside, and its action runs again`;
  if (record === undefined || foreignness(system, record) !== undefined) return undefined;
  return record.state.path === hook.path.text ? record.state : undefined;
}

/** True when an image of another guest has brought the state of a hook along. */
function isOfOtherInstance(system: System, hook: Hook, around: Surroundings): boolean {
  const record = findRecord(system.files, hook, around);
  return record !== undefined && foreignness(system, record) !== undefined;
}

/** Keeps a state for good: after a power cut there is the old one or the new one. @throws Problem */
export function writeHookState(system: System, state: HookState, hook: Hook): void {
  keep(system, statePath(hook), state);
}

/** Removes the states of hooks that no longer exist. Hooks of another configuration (-c) are not ours to forget. */
export function removeOtherStates({ files, clock }: System, around: Surroundings): void {
  for (const path of abandonedRecords(files, around, clock.now())) files.remove(path);
}

/** The files with corrupt states that were set aside, of one hook. */
export function setAside({ files }: System, hook: Hook): readonly string[] {
  return asidePaths(files, hook);
}

function keep({ files, self }: System, path: string, state: HookState): void {
  try {
    const instance = readCloudInitId(files) ?? state.instance;
    files.write(path, Buffer.from(encodeHookState({ ...state, instance })), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem('cannot keep the state of hooks, so no action is run', {
      where: paths.hupState,
      hint: describeError(error),
      cause: error,
    });
  }
}

/** Why the record is of another instance; undefined when it is ours, as far as can be known. */
function foreignness({ files, clock }: System, { path, state }: StateRecord): string | undefined {
  if (typeof state === 'string') return undefined;
  const writer = writerNamed(files, state.instance);
  if (writer.kind === 'other') return `written by another instance, ${writer.instance}`;
  // Ids of two kinds tell nothing, as where another data source of cloud-init has named the machine.
  if (writer.kind === 'this') return undefined;
  const boot = bootDataWritten(files, clock.now());
  const written = files.entry(path)?.modified;
  return boot !== undefined && written !== undefined && isOlder(written, boot.written)
    ? `older than ${boot.path}`
    : undefined;
}

/** A value may grow when it is written as a text inside JSON. */
const MOST_STATE_BYTES = 4 * MOST_METADATA_BYTES;
const SUFFIX = '.json';
const SET_ASIDE = '.corrupt-';
/** Of a file name, which may have 255 bytes with what is added to it. */
const LONGEST_NAME = 120;
const DIGITS = 16;
/** Milliseconds. A hook that was taken away for that long does not come back. */
const MEMORY = 8 * 24 * 3_600_000;

/** The configuration that a pass works for. */
type Surroundings = Pick<HupConfig, 'hooks' | 'main' | 'files'>;

/** A record, whatever is in it. */
interface StateRecord {
  readonly path: string;
  /** What is wrong with it, when it cannot be understood. */
  readonly state: HookState | string;
}

/**
 * What names a hook among all configurations of the machine: the name of its section, readable, and a digest of where it is
 * from. Safe in a file name.
 */
export function stateKey({ name, origin }: Hook): string {
  const digest = sha256Hex(JSON.stringify([origin.main, origin.file, name])).slice(0, DIGITS);
  return `${plainName(name).slice(0, LONGEST_NAME)}@${digest}`;
}

/** Where the state of a hook is kept. */
function statePath(hook: Hook): string {
  return `${paths.hupState}/${stateKey(hook)}${SUFFIX}`;
}

/** Where a corrupt state of a hook is set aside. */
function asidePath(hook: Hook, time: string): string {
  return `${paths.hupState}/${stateKey(hook)}${SET_ASIDE}${time}`;
}

/** The files with corrupt states that were set aside, of one hook. */
function asidePaths(files: FileSystem, hook: Hook): readonly string[] {
  const prefixes = [stateKey(hook), keyByName(hook.name)].map((key) => `${key}${SET_ASIDE}`);
  return stateFiles(files)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .map((name) => `${paths.hupState}/${name}`);
}

/**
 * Finds what is remembered of a hook: its own record, else the one that it had under another name. That is a record of an
 * earlier version, which is named by the hook alone, or one of the same hook in another file: of a file that it was moved
 * from or that is gone, or of one file that is reached in two ways. A record that another configuration uses is never one.
 */
function findRecord(files: FileSystem, hook: Hook, around: Surroundings): StateRecord | undefined {
  const own = readRecord(files, statePath(hook));
  if (own !== undefined) return newerOfEarlierVersion(files, hook, around, own) ?? own;
  const taken = new Set(around.hooks.map((other) => `${stateKey(other)}${SUFFIX}`));
  const old = `${keyByName(hook.name)}${SUFFIX}`;
  const prefix = `${plainName(hook.name).slice(0, LONGEST_NAME)}@`;
  const found = stateFiles(files)
    .filter((name) => name === old || (name.startsWith(prefix) && name.endsWith(SUFFIX) && !taken.has(name)))
    .flatMap((name) => {
      const record = readRecord(files, `${paths.hupState}/${name}`);
      const distance = record === undefined ? undefined : distanceOf(files, record.state, hook, around, name === old);
      return record === undefined || distance === undefined ? [] : [{ record, distance }];
    })
    .sort((one, other) => one.distance - other.distance);
  return found[0]?.record;
}

/** The record that an earlier version has kept since the own one was written, while it was installed again. */
function newerOfEarlierVersion(
  files: FileSystem,
  hook: Hook,
  around: Surroundings,
  own: StateRecord,
): StateRecord | undefined {
  const record = readRecord(files, `${paths.hupState}/${keyByName(hook.name)}${SUFFIX}`);
  if (record === undefined || distanceOf(files, record.state, hook, around, true) !== 0) return undefined;
  const [theirs, ours] = [record, own].map(({ path }) => files.entry(path)?.modified ?? new Date(0));
  return theirs !== undefined && ours !== undefined && theirs > ours ? record : undefined;
}

/** How far a record is from the hook's own, the nearest 0; undefined when it is not the hook's. */
function distanceOf(
  files: FileSystem,
  state: HookState | string,
  hook: Hook,
  { files: read }: Surroundings,
  isNamedByHook: boolean,
): number | undefined {
  // A corrupt record of an earlier version has only a name: the first hook of that name takes it.
  if (typeof state === 'string') return isNamedByHook ? 3 : undefined;
  if (state.hook !== hook.name || state.path !== hook.path.text || !isOfMain(files, state, hook.origin.main))
    return undefined;
  if (state.file === undefined) return 3;
  if (isSamePlace(files, state.file, hook.origin.file)) return 0;
  if (isAmong(files, state.file, read)) return 1;
  return files.entry(state.file) === undefined ? 2 : undefined;
}

/**
 * The records of hooks that no longer exist: those whose file is gone, or is among the files that were read. One whose action has
 * not succeeded yet is kept for a while: a hook that comes back, as when its file is written anew, still has that to do.
 */
function abandonedRecords(files: FileSystem, { hooks, main, files: read }: Surroundings, now: Date): readonly string[] {
  const kept = new Set(hooks.map((hook) => `${stateKey(hook)}${SUFFIX}`));
  return stateFiles(files)
    .filter((name) => name.endsWith(SUFFIX) && !kept.has(name))
    .map((name) => `${paths.hupState}/${name}`)
    .filter((path) => {
      const state = readRecord(files, path)?.state;
      // One that is corrupt does not tell whose it is.
      if (typeof state !== 'object' || !isOfMain(files, state, main)) return false;
      const age = now.getTime() - (files.entry(path)?.modified.getTime() ?? 0);
      if (state.failing !== undefined && age < MEMORY) return false;
      return state.file === undefined || isAmong(files, state.file, read) || files.entry(state.file) === undefined;
    });
}

/** False when the record is of another configuration that exists. */
function isOfMain(files: FileSystem, { main }: HookState, ours: string): boolean {
  return main === undefined || isSamePlace(files, main, ours) || files.entry(main) === undefined;
}

function isAmong(files: FileSystem, path: string, read: readonly string[]): boolean {
  return read.some((other) => isSamePlace(files, path, other));
}

/** True when two paths are one place: by a link to a directory, or where a directory is mounted a second time. */
function isSamePlace(files: FileSystem, one: string, other: string): boolean {
  if (one === other) return true;
  return basename(one) === basename(other) && files.isSameDirectory(dirname(one), dirname(other));
}

function readRecord(files: FileSystem, path: string): StateRecord | undefined {
  const content = files.readIfPresent(path, MOST_STATE_BYTES);
  return content === undefined ? undefined : { path, state: decodeHookState(content.toString('utf8')) };
}

function stateFiles(files: FileSystem): readonly string[] {
  if (files.entry(paths.hupState) === undefined) return [];
  return files.names(paths.hupState).filter((name) => !name.startsWith('.'));
}

/** The key of earlier versions, which knew one configuration only. */
function keyByName(hook: string): string {
  const plain = plainName(hook);
  return plain.length <= LONGEST_NAME ? plain : `${plain.slice(0, LONGEST_NAME)}%-${sha256Hex(hook)}`;
}

/** Without a dot at its beginning, which would hide the file. */
function plainName(hook: string): string {
  return percentEncodeForFile(hook).replace(/^\./, '%2E');
}

/** Milliseconds. A cloud-init that says nothing for so long does not come to an end any more. */
const LONGEST_STAGE = 3_600_000;

/**
 * Whether the configuration is likely to be that of another instance, in a boot whose cloud-init is not done: an image of a
 * running guest has brought its hooks' states along, and user data is still to run this instance's cfn-init. What Heat tells
 * by that configuration is of the other instance's stack. Once cfn-init has run to its end, the configuration is ours.
 */
export function awaitsOwnBoot(system: System, config: HupConfig): boolean {
  const { files, clock } = system;
  const begun = files.entry(paths.cloudInitStatus)?.modified;
  if (begun === undefined || clock.now().getTime() - begun.getTime() > LONGEST_STAGE) return false;
  if (!config.hooks.some((hook) => isOfOtherInstance(system, hook, config))) return false;
  const hasPublished = isNoted(files, `${paths.metadataCache}/${paths.lastMetadata}`);
  return !hasPublished || files.entry(paths.initLock) !== undefined;
}
