import { isoTime, isTimeText } from '../iso-time.ts';
import { isRecord } from '../json.ts';
import { paths } from '../paths.ts';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import { isAlive, markOf, type ProcessMark, procIn, serviceOf } from '../system/processes.ts';
import type { System } from '../system/system.ts';
import type { HupConfig } from './hup-config.ts';
import { readRunNotes, writeRunNotes } from './run-notes.ts';

/** What the daemon that lives says of itself. */
export interface Following extends ProcessMark {
  /** The systemd unit whose main process it is. */
  readonly unit: string | undefined;
  readonly stack: string;
  /** The main file of its configuration. */
  readonly file: string;
  /** ISO; undefined until its first pass is over. */
  readonly nextPoll: string | undefined;
  /** Its last pass has failed as a whole, so that nothing else has noted anything. */
  readonly hasFailed: boolean;
}

/** What a daemon says of itself at each poll, with what does not change looked up once. */
export function followingNote(system: System): (config: HupConfig, nextPoll?: Date, hasFailed?: boolean) => void {
  const self = { ...markOf(process.pid, procIn(system.files)), unit: unitOf(system) };
  return ({ settings, files }, nextPoll, hasFailed = false) =>
    writeRunNotes(system, paths.hupFollowing, {
      ...self,
      stack: settings.stack,
      file: files[0],
      nextPoll: nextPoll === undefined ? undefined : isoTime(nextPoll),
      hasFailed,
    });
}

/** Call it before the lock is released: what the next daemon notes must stay. */
export function forgetFollowing(system: System): void {
  writeRunNotes(system, paths.hupFollowing, undefined);
}

/** The daemon that follows changes; undefined when it does not live, whatever it left behind. */
export function readFollowing(system: Pick<System, 'files'>): Following | undefined {
  const note = readRunNotes(system, paths.hupFollowing);
  const writer = writerOf(system, note);
  if (writer === undefined) return undefined;
  const { unit, stack, file, nextPoll, hasFailed } = note;
  return {
    ...writer,
    unit: typeof unit === 'string' ? unit : undefined,
    stack: typeof stack === 'string' ? stack : '',
    file: typeof file === 'string' ? file : '',
    nextPoll: isTimeText(nextPoll) ? nextPoll : undefined,
    hasFailed: hasFailed === true,
  };
}

/** A loop that a call in a unit has left behind is in that unit's control group too, and is not its main process. */
function unitOf({ files, environment }: System): string | undefined {
  const unit = serviceOf(process.pid, procIn(files));
  // Or a shell is it, which waits for us.
  const isMain = [process.pid, process.ppid].includes(Number(environment['SYSTEMD_EXEC_PID']));
  return isMain || unit === HUP_UNIT ? unit : undefined;
}

/** The process that wrote a note, if it still lives. */
function writerOf(
  { files }: Pick<System, 'files'>,
  { pid, start }: Readonly<Record<string, unknown>>,
): ProcessMark | undefined {
  if (typeof pid !== 'number' || typeof start !== 'number') return undefined;
  return isAlive({ pid, start }, procIn(files)) ? { pid, start } : undefined;
}

/** An action that runs right now. */
export interface RunningAction {
  readonly hook: string;
  readonly file: string;
  /** ISO. */
  readonly since: string;
}

/** Notes that this process runs the action of a hook: one at a time, as a pass for a configuration holds its lock. */
export function noteRunning(system: System, { name, file }: { readonly name: string; readonly file: string }): void {
  const note = { ...markOf(process.pid, procIn(system.files)), hook: name, file, since: isoTime(system.clock.now()) };
  writeRunNotes(system, paths.hupRunning, { ...othersRunning(system), [process.pid]: note });
}

/** Removes the note of the action that this process runs. */
export function forgetRunning(system: System): void {
  const others = othersRunning(system);
  writeRunNotes(system, paths.hupRunning, Object.keys(others).length === 0 ? undefined : others);
}

/** Of passes for other configurations, which may run at the same time. */
function othersRunning(system: System): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(readRunNotes(system, paths.hupRunning)).filter(
      ([pid, note]) => pid !== String(process.pid) && decodeRunning(system, note) !== undefined,
    ),
  );
}

/** The actions that run; without those whose process has ended, whatever it left behind. */
export function readRunning(system: Pick<System, 'files'>): readonly RunningAction[] {
  return Object.values(readRunNotes(system, paths.hupRunning)).flatMap((note) => decodeRunning(system, note) ?? []);
}

function decodeRunning(system: Pick<System, 'files'>, note: unknown): RunningAction | undefined {
  if (!isRecord(note) || writerOf(system, note) === undefined) return undefined;
  const { hook, file, since } = note;
  if (typeof hook !== 'string' || typeof file !== 'string' || !isTimeText(since)) return undefined;
  return { hook, file, since };
}
