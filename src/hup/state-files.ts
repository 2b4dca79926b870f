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

/** Creates the directory for the state and the locks, with access for us alone. @throws Problem */
export function prepareStateDirectory({ files, self }: System): void {
  files.makePrivateDirectory(paths.hupState);
  const entry = files.entry(paths.hupState);
  if (entry?.kind !== 'directory' || entry.mode !== 0o700 || entry.uid !== self.uid)
    files.setAttributes(paths.hupState, { mode: 0o700, ...self });
}

/** The result of reading a state. */
interface FoundState {
  /** Undefined for a hook that was never seen. */
  readonly state: HookState | undefined;
  /** The message that the record was corrupt and is set aside. */
  readonly corrupt?: string;
  /** Why the record, which is removed, is of another instance. */
  readonly foreign?: string;
}

/**
 * Reads the state of a hook. A record that the hook had under another name is renamed. A corrupt record is set aside under
 * another name; the hook does not become new then: the value that it has handled is unknown, so that it runs once more rather
 * than never. The record of another instance, as in an image of a running guest, is removed, and the hook is new.
 * @throws Problem when the record cannot be read or set aside
 */
export function readHookState(system: System, hook: Hook, config: PassConfig): FoundState {
  const { files, self, clock } = system;
  const record = findRecord(files, hook, config);
  if (record === undefined) return { state: undefined };
  const { path, state } = record;
  if (typeof state === 'string') {
    const corruptPath = corruptStatePath(hook, isoTime(clock.now()).replaceAll(':', ''));
    files.write(corruptPath, files.read(path, MOST_STATE_BYTES), { mode: 0o600, ...self });
    const unknown = newHookState(hook, { kind: 'unknown' });
    writeHookState(system, unknown, hook);
    if (path !== statePath(hook)) files.remove(path);
    return {
      state: unknown,
      corrupt: `the state of the hook ${hook.name} is corrupt (${state}): set aside as ${corruptPath}`,
    };
  }
  const foreign = foreignReason(system, record);
  if (foreign !== undefined) {
    files.remove(path);
    return { state: undefined, foreign };
  }
  if (state.hook !== hook.name || state.path !== hook.path.text) return { state: undefined };
  const own = { ...state, ...hook.origin };
  if (path !== statePath(hook)) {
    // Mark the old file as ours first. If we are killed in between, no other configuration takes it.
    keep(system, path, own);
    writeHookState(system, own, hook);
    files.remove(path);
  }
  return { state: own };
}

/**
 * Reads the state of a hook without changing anything.
 * @returns undefined when there is none; a message with the problem and what follows, when it cannot be used
 */
export function inspectHookState(system: System, hook: Hook, config: PassConfig): HookState | string | undefined {
  let record: StateRecord | undefined;
  try {
    record = findRecord(system.files, hook, config);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return `${error.line}: repair or remove it; the hook does not run until then`;
  }
  if (typeof record?.state === 'string')
    return `damaged: ${record.path}: ${record.state}: the next pass sets it aside, and its action runs again`;
  if (record === undefined || foreignReason(system, record) !== undefined) return undefined;
  return record.state.path === hook.path.text ? record.state : undefined;
}

/** True when the state of a hook came with an image of another guest. */
function isOfOtherInstance(system: System, hook: Hook, config: PassConfig): boolean {
  const record = findRecord(system.files, hook, config);
  return record !== undefined && foreignReason(system, record) !== undefined;
}

/** Saves a state. After a power cut either the old or the new state is there. @throws Problem */
export function writeHookState(system: System, state: HookState, hook: Hook): void {
  keep(system, statePath(hook), state);
}

/** Removes the states of hooks that no longer exist. The states of another configuration (-c) stay. */
export function removeOtherStates({ files, clock }: System, config: PassConfig): void {
  for (const path of abandonedRecords(files, config, clock.now())) files.remove(path);
}

/** The files with corrupt states that were set aside, of one hook. */
export function corruptStates({ files }: System, hook: Hook): readonly string[] {
  return corruptStatePaths(files, hook);
}

function keep({ files, self }: System, path: string, state: HookState): void {
  try {
    const instance = readCloudInitId(files) ?? state.instance;
    files.write(path, Buffer.from(encodeHookState({ ...state, instance })), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem('cannot save the state of hooks, so no action is run', {
      where: paths.hupState,
      hint: describeError(error),
      cause: error,
    });
  }
}

/** Why the record is of another instance; undefined when it is ours, as far as we can tell. */
function foreignReason({ files, clock }: System, { path, state }: StateRecord): string | undefined {
  if (typeof state === 'string') return undefined;
  const writer = writerNamed(files, state.instance);
  if (writer.kind === 'other') return `written by another instance, ${writer.instance}`;
  // Ids of different kinds cannot be compared: another data source of cloud-init may have named the machine.
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
const CORRUPT_MARK = '.corrupt-';
/** Characters of the hook's name in a file name, which may have 255 bytes. */
const LONGEST_NAME = 120;
const DIGITS = 16;
/** Milliseconds. A hook that was missing for longer does not come back. */
const RETENTION = 8 * 24 * 3_600_000;

/** The configuration of a pass. */
type PassConfig = Pick<HupConfig, 'hooks' | 'main' | 'files'>;

/** A record, whether it is valid or not. */
interface StateRecord {
  readonly path: string;
  /** A text says what is wrong when the record is corrupt. */
  readonly state: HookState | string;
}

/**
 * The key of a hook, unique among all configurations of the machine: the name of its section, readable, and a digest of the
 * files that it comes from. It is safe in a file name.
 */
export function stateKey({ name, origin }: Hook): string {
  const digest = sha256Hex(JSON.stringify([origin.main, origin.file, name])).slice(0, DIGITS);
  return `${plainName(name).slice(0, LONGEST_NAME)}@${digest}`;
}

/** The file with the state of a hook. */
function statePath(hook: Hook): string {
  return `${paths.hupState}/${stateKey(hook)}${SUFFIX}`;
}

/** The file for a corrupt state that is set aside. */
function corruptStatePath(hook: Hook, time: string): string {
  return `${paths.hupState}/${stateKey(hook)}${CORRUPT_MARK}${time}`;
}

/** The files with corrupt states that were set aside, of one hook. */
function corruptStatePaths(files: FileSystem, hook: Hook): readonly string[] {
  const prefixes = [stateKey(hook), keyByName(hook.name)].map((key) => `${key}${CORRUPT_MARK}`);
  return stateFiles(files)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .map((name) => `${paths.hupState}/${name}`);
}

/**
 * Finds the record of a hook: its own, else the one that it had under another name. That is a record of an earlier version,
 * named after the hook alone, or a record of the same hook in another file: in a file that it was moved from, that was
 * removed, or that is the same file under another path. It never takes a record that another configuration uses.
 */
function findRecord(files: FileSystem, hook: Hook, config: PassConfig): StateRecord | undefined {
  const own = readRecord(files, statePath(hook));
  if (own !== undefined) return newerOfEarlierVersion(files, hook, config, own) ?? own;
  const taken = new Set(config.hooks.map((other) => `${stateKey(other)}${SUFFIX}`));
  const old = `${keyByName(hook.name)}${SUFFIX}`;
  const prefix = `${plainName(hook.name).slice(0, LONGEST_NAME)}@`;
  const found = stateFiles(files)
    .filter((name) => name === old || (name.startsWith(prefix) && name.endsWith(SUFFIX) && !taken.has(name)))
    .flatMap((name) => {
      const record = readRecord(files, `${paths.hupState}/${name}`);
      const distance = record === undefined ? undefined : distanceOf(files, record.state, hook, config, name === old);
      return record === undefined || distance === undefined ? [] : [{ record, distance }];
    })
    .sort((one, other) => one.distance - other.distance);
  return found[0]?.record;
}

/** A newer record of an earlier version, which was installed again for a while after the own record was written. */
function newerOfEarlierVersion(
  files: FileSystem,
  hook: Hook,
  config: PassConfig,
  own: StateRecord,
): StateRecord | undefined {
  const record = readRecord(files, `${paths.hupState}/${keyByName(hook.name)}${SUFFIX}`);
  if (record === undefined || distanceOf(files, record.state, hook, config, true) !== 0) return undefined;
  const [theirs, ours] = [record, own].map(({ path }) => files.entry(path)?.modified ?? new Date(0));
  return theirs !== undefined && ours !== undefined && theirs > ours ? record : undefined;
}

/** How well a record matches the hook: 0 is best, undefined means that it belongs to another hook. */
function distanceOf(
  files: FileSystem,
  state: HookState | string,
  hook: Hook,
  { files: read }: PassConfig,
  isNamedByHook: boolean,
): number | undefined {
  // Of a corrupt record of an earlier version only the name is known: the first hook with that name takes it.
  if (typeof state === 'string') return isNamedByHook ? 3 : undefined;
  if (state.hook !== hook.name || state.path !== hook.path.text || !isOfMain(files, state, hook.origin.main))
    return undefined;
  if (state.file === undefined) return 3;
  if (isSamePlace(files, state.file, hook.origin.file)) return 0;
  if (isAmong(files, state.file, read)) return 1;
  return files.entry(state.file) === undefined ? 2 : undefined;
}

/**
 * The records of hooks that no longer exist: their file was removed, or was read and does not contain them. A record whose
 * action has not succeeded yet is kept for a while: if the hook comes back, for example when its file is written again, the
 * action still has to run.
 */
function abandonedRecords(files: FileSystem, { hooks, main, files: read }: PassConfig, now: Date): readonly string[] {
  const kept = new Set(hooks.map((hook) => `${stateKey(hook)}${SUFFIX}`));
  return stateFiles(files)
    .filter((name) => name.endsWith(SUFFIX) && !kept.has(name))
    .map((name) => `${paths.hupState}/${name}`)
    .filter((path) => {
      const state = readRecord(files, path)?.state;
      // The owner of a corrupt record is not known.
      if (typeof state !== 'object' || !isOfMain(files, state, main)) return false;
      const age = now.getTime() - (files.entry(path)?.modified.getTime() ?? 0);
      if (state.failing !== undefined && age < RETENTION) return false;
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

/** True when two paths lead to the same file: through a link to a directory, or a directory that is mounted twice. */
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

/** The key in earlier versions, which supported only one configuration. */
function keyByName(hook: string): string {
  const plain = plainName(hook);
  return plain.length <= LONGEST_NAME ? plain : `${plain.slice(0, LONGEST_NAME)}%-${sha256Hex(hook)}`;
}

/** A name for files, without a dot at its beginning, which would hide the file. */
function plainName(hook: string): string {
  return percentEncodeForFile(hook).replace(/^\./, '%2E');
}

/** Milliseconds. If cloud-init reports nothing for longer, it will not finish any more. */
const LONGEST_STAGE = 3_600_000;

/**
 * Whether the configuration probably belongs to another instance, while cloud-init is running: the states of the hooks came
 * with an image of a running guest, and user data has yet to run cfn-init for this instance. Until then, Heat would return
 * the metadata of the other instance's stack. Once cfn-init has finished, the configuration is that of this instance.
 */
export function awaitsOwnBoot(system: System, config: HupConfig): boolean {
  const { files, clock } = system;
  const begun = files.entry(paths.cloudInitStatus)?.modified;
  if (begun === undefined || clock.now().getTime() - begun.getTime() > LONGEST_STAGE) return false;
  if (!config.hooks.some((hook) => isOfOtherInstance(system, hook, config))) return false;
  const hasPublished = isNoted(files, `${paths.metadataCache}/${paths.lastMetadata}`);
  return !hasPublished || files.entry(paths.initLock) !== undefined;
}
