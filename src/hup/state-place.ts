import { basename, dirname } from 'node:path';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import { paths } from '../paths.ts';
import { percentEncodeForFile } from '../percent-encoding.ts';
import { sha256Hex } from '../signing/sha256.ts';
import type { FileSystem } from '../system/file-system.ts';
import type { Hook } from './hook.ts';
import { decodeHookState, type HookState } from './hook-state.ts';
import type { HupConfig } from './hup-config.ts';

/** A value may grow when it is written as a text inside JSON. */
export const MOST_STATE_BYTES = 4 * MOST_METADATA_BYTES;
const SUFFIX = '.json';
const SET_ASIDE = '.corrupt-';
/** Of a file name, which may have 255 bytes with what is added to it. */
const LONGEST_NAME = 120;
const DIGITS = 16;
/** Milliseconds. A hook that was taken away for that long does not come back. */
const MEMORY = 8 * 24 * 3_600_000;

/** The configuration that a pass works for. */
export type Surroundings = Pick<HupConfig, 'hooks' | 'main' | 'files'>;

/** A record, whatever is in it. */
export interface StateRecord {
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
export function statePath(hook: Hook): string {
  return `${paths.hupState}/${stateKey(hook)}${SUFFIX}`;
}

/** Where a corrupt state of a hook is set aside. */
export function asidePath(hook: Hook, time: string): string {
  return `${paths.hupState}/${stateKey(hook)}${SET_ASIDE}${time}`;
}

/** The files with corrupt states that were set aside, of one hook. */
export function asidePaths(files: FileSystem, hook: Hook): readonly string[] {
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
export function findRecord(files: FileSystem, hook: Hook, around: Surroundings): StateRecord | undefined {
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
export function abandonedRecords(
  files: FileSystem,
  { hooks, main, files: read }: Surroundings,
  now: Date,
): readonly string[] {
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
