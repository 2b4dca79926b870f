import { describeError, Problem } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { MOST_METADATA_BYTES } from '../metadata/local.ts';
import { paths } from '../paths.ts';
import { sha256Hex } from '../signing/sha256.ts';
import type { System } from '../system/system.ts';
import type { Hook } from './hook.ts';
import { decodeHookState, encodeHookState, type HookState, newHookState } from './hook-state.ts';
import type { HupConfig } from './hup-config.ts';

/** A value may grow when it is written as a text inside JSON. */
const MOST_BYTES = 4 * MOST_METADATA_BYTES;
const SUFFIX = '.json';
const SET_ASIDE = '.corrupt-';
/** Of a file name, which may have 255 bytes with what is added to it. */
const LONGEST_NAME = 120;

/** Makes the directory that the state and the locks are in, and makes it ours alone. @throws Problem */
export function prepareStateDirectory({ files, self }: System): void {
  files.makeDirectory(paths.hupState);
  const entry = files.entry(paths.hupState);
  if (entry?.kind !== 'directory' || entry.mode !== 0o700 || entry.uid !== self.uid)
    files.setAttributes(paths.hupState, { mode: 0o700, ...self });
}

/** A state as it was found. */
export interface FoundState {
  /** Undefined for a hook that was never seen. */
  readonly state: HookState | undefined;
  /** What was wrong with the record, which is set aside, as one line. */
  readonly corrupt: string | undefined;
}

/**
 * Reads what is remembered of a hook. A record that cannot be understood is kept beside under another name, and the hook
 * is then not a new one: what it has dealt with is unknown, so that it runs once more at most rather than never.
 * @throws Problem when the record cannot be read, or not be set aside
 */
export function readHookState(system: System, hook: Hook): FoundState {
  const path = statePath(hook.name);
  const content = system.files.readIfPresent(path, MOST_BYTES);
  if (content === undefined) return { state: undefined, corrupt: undefined };
  const state = decodeHookState(content.toString('utf8'));
  if (typeof state !== 'string') {
    const isThisOne = state.hook === hook.name && state.path === hook.path.text;
    return { state: isThisOne ? { ...state, file: hook.file } : undefined, corrupt: undefined };
  }
  const aside = `${path.slice(0, -SUFFIX.length)}${SET_ASIDE}${isoTime(system.clock.now()).replaceAll(':', '')}`;
  system.files.write(aside, content, { mode: 0o600, ...system.self });
  const unknown = newHookState(hook, { kind: 'unknown' });
  writeHookState(system, unknown);
  return { state: unknown, corrupt: `the state of the hook ${hook.name} is corrupt (${state}): set aside as ${aside}` };
}

/** Reads without changing anything. @returns undefined when there is none, or none that can be understood */
export function peekHookState({ files }: System, hook: Hook): HookState | undefined {
  const content = files.readIfPresent(statePath(hook.name), MOST_BYTES);
  const state = content === undefined ? undefined : decodeHookState(content.toString('utf8'));
  return typeof state === 'object' && state.path === hook.path.text ? state : undefined;
}

/** Keeps a state for good: after a power cut there is the old one or the new one. @throws Problem */
export function writeHookState({ files, self }: System, state: HookState): void {
  try {
    files.write(statePath(state.hook), Buffer.from(encodeHookState(state)), { mode: 0o600, ...self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem('cannot keep the state of hooks, so no action is run', {
      where: paths.hupState,
      hint: describeError(error),
      cause: error,
    });
  }
}

/**
 * Removes the states of hooks that are no more: those whose file is gone, or is among the files that were read. Hooks of
 * another configuration (-c) are not ours to forget.
 */
export function removeOtherStates({ files }: System, { hooks, files: read }: Pick<HupConfig, 'hooks' | 'files'>): void {
  const kept = new Set(hooks.map(({ name }) => fileName(name)));
  for (const name of stateFiles(files)) {
    if (!name.endsWith(SUFFIX) || kept.has(name)) continue;
    const path = `${paths.hupState}/${name}`;
    const state = decodeHookState(files.readIfPresent(path, MOST_BYTES)?.toString('utf8') ?? '');
    const file = typeof state === 'string' ? undefined : state.file;
    if (file === undefined || read.includes(file) || files.entry(file) === undefined) files.remove(path);
  }
}

/** The files with corrupt states that were set aside, of one hook. */
export function setAside({ files }: System, hook: Hook): readonly string[] {
  const prefix = `${fileName(hook.name).slice(0, -SUFFIX.length)}${SET_ASIDE}`;
  return stateFiles(files)
    .filter((name) => name.startsWith(prefix))
    .map((name) => `${paths.hupState}/${name}`);
}

function stateFiles(files: System['files']): readonly string[] {
  if (files.entry(paths.hupState) === undefined) return [];
  return files.names(paths.hupState).filter((name) => !name.startsWith('.'));
}

function statePath(hook: string): string {
  return `${paths.hupState}/${fileName(hook)}`;
}

/** One name for each hook, that needs no care: all but letters, digits, "_" and "-" is written as %XX. */
function fileName(hook: string): string {
  const plain = [...Buffer.from(hook)]
    .map((byte) => String.fromCharCode(byte))
    .map((character, index) =>
      /[A-Za-z0-9_-]/.test(character) || (character === '.' && index > 0)
        ? character
        : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
  const short = plain.length <= LONGEST_NAME ? plain : `${plain.slice(0, LONGEST_NAME)}%-${sha256Hex(hook)}`;
  return `${short}${SUFFIX}`;
}
