import { describeError, Problem } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { readCloudInitId } from '../metadata/cloud-init-id.ts';
import { bootDataWritten, isOlder, writerNamed } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import type { Hook } from './hook.ts';
import { encodeHookState, type HookState, newHookState } from './hook-state.ts';
import {
  abandonedRecords,
  asidePath,
  asidePaths,
  findRecord,
  MOST_STATE_BYTES,
  type StateRecord,
  type Surroundings,
  statePath,
} from './state-place.ts';

/** Makes the directory that the state and the locks are in, and makes it ours alone. @throws Problem */
export function prepareStateDirectory({ files, self }: System): void {
  files.makePrivateDirectory(paths.hupState);
  const entry = files.entry(paths.hupState);
  if (entry?.kind !== 'directory' || entry.mode !== 0o700 || entry.uid !== self.uid)
    files.setAttributes(paths.hupState, { mode: 0o700, ...self });
}

/** A state as it was found. */
export interface FoundState {
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
export function isOfOtherInstance(system: System, hook: Hook, around: Surroundings): boolean {
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
