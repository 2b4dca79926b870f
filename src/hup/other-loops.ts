import { basename } from 'node:path';
import { Problem } from '../errors.ts';
import { isRecord } from '../json.ts';
import { paths } from '../paths.ts';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import {
  argumentsOf,
  isAlive,
  markOf,
  type ProcessMark,
  processStat,
  procIn,
  serviceOf,
} from '../system/programs/processes.ts';
import { hasSystemd, showUnits } from '../system/programs/systemctl.ts';
import type { System } from '../system/system.ts';
import { isoTime, isTimeText } from '../time.ts';
import { BACKUP, findConfigFiles, realPath } from './config-files.ts';
import { readRunNotes, writeRunNotes } from './notes.ts';
import type { HupConfig } from './settings.ts';
import { inspectStart, isSupervised } from './start.ts';

/** Milliseconds between two checks whether the other daemon has ended. */
export const OTHER_DAEMON_PAUSE = 1000;

/** The questions of a daemon that finds another one running. */
export interface OtherDaemon {
  /** Whether a supervisor restarts this process when it exits. */
  isSupervised(): Promise<boolean>;
  /** Whether the daemon is known to follow another configuration. */
  followsOther(pid: number): boolean;
  /**
   * Asks a daemon to stop, if a plain `cfn-hup` left it in the background and it has the same configuration. It then finishes
   * its action. Its state is on disk.
   * @returns whether it was asked
   */
  askToEnd(pid: number): Promise<boolean>;
}

/** @param option -c as it was given */
export function inspectOtherDaemon(system: System, option: string | undefined): OtherDaemon {
  const execPid = system.environment['SYSTEMD_EXEC_PID'];
  return {
    isSupervised: async () => isSupervised(await inspectStart(system, process.pid, execPid)),
    followsOther: (pid) => followsOther(system, pid, option),
    async askToEnd(pid) {
      if (!isInBackground(system, pid) || followsOther(system, pid, option)) return false;
      if (isSupervised(await inspectStart(system, pid, undefined))) return false;
      return system.signals.send(pid, 'SIGTERM');
    },
  };
}

/** The error when the running daemon follows another configuration. */
export function otherFollowed(pid: number): Problem {
  return new Problem('cannot follow changes', {
    where: `process ${pid}`,
    hint: 'it follows another configuration, and only one cfn-hup daemon can run: stop it first, or run cfn-hup -f from cron for this one',
  });
}

/** Whether a plain `cfn-hup` started it: it is `cfn-hup --daemon` in a session of its own. */
function isInBackground(system: System, pid: number): boolean {
  return processStat(pid, procIn(system.files))?.session === pid && optionsOf(system, pid)?.[0] === '--daemon';
}

/** Whether a daemon is known to read other files than this configuration. */
export function followsOther(system: System, pid: number, option: string | undefined): boolean {
  const options = optionsOf(system, pid);
  return options !== undefined && nameOther(system, options, option);
}

/** Whether the words after `cfn-hup` are known to name other files than this configuration. */
function nameOther(
  system: Pick<System, 'files' | 'absolutePath'>,
  options: readonly string[],
  option: string | undefined,
): boolean {
  const at = options.findIndex((word) => /^(?:-c|--config)(?:=|$)/.test(word));
  const theirs = options[at]?.includes('=') ? options[at]?.replace(/^[^=]*=/, '') : options[at + 1];
  if (at < 0) return !isSameConfig(system, undefined, option);
  // A relative path cannot be resolved: the daemon has left the directory in which it was called.
  return theirs?.startsWith('/') === true && !isSameConfig(system, theirs, option);
}

/** The arguments of a cfn-hup process; undefined for another program. */
function optionsOf({ files }: Pick<System, 'files'>, pid: number): readonly string[] | undefined {
  const words = argumentsOf(pid, procIn(files));
  // `cfn-hup`, or `cfntools cfn-hup`.
  const name = words.slice(0, 2).findIndex((word) => basename(word) === 'cfn-hup');
  return name < 0 ? undefined : words.slice(name + 1);
}

/** Whether two values of -c mean the same files, with links resolved. A relative path starts at the current directory. */
export function isSameConfig(
  system: Pick<System, 'files' | 'absolutePath'>,
  one: string | undefined,
  other: string | undefined,
): boolean {
  const placesOf = (option: string | undefined): string => {
    const { main, hooksFile, hooksDirectory } = findConfigFiles(system, option);
    return [main, hooksFile, hooksDirectory].map((path) => realPath(system.files, path)).join('\n');
  };
  try {
    return one === other || placesOf(one) === placesOf(other);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return false;
  }
}

/** Who follows changes. */
export type Follower =
  /** isOther: it is known to follow other hooks than those of this configuration. */
  | { readonly kind: 'daemon'; readonly daemon: Following; readonly isOther: boolean }
  /** A daemon without a note, of an older version. */
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'timer' }
  /** A line of this file calls cfn-hup. */
  | { readonly kind: 'cron'; readonly file: string }
  /** `advice` says how to change that. */
  | { readonly kind: 'nobody'; readonly advice: string };

/** Milliseconds that systemctl may take. */
const SYSTEMCTL_TIMEOUT = 5000;
const MOST_BYTES = 1024 * 1024;
const TIMER = 'cfn-hup.timer';
/** The files of crond, and root's crontab(1), by distribution. */
const CRON_DIRECTORY = '/etc/cron.d';
const CRON_FILES = ['/etc/crontab', '/var/spool/cron/crontabs/root', '/var/spool/cron/root', '/etc/crontabs/root'];

/**
 * Finds out who follows changes: the running daemon, else cfn-hup.timer, else a line of cron. It changes nothing, and waits
 * for systemd only for a limited time. A daemon with another configuration counts only if nothing else follows this one.
 * @param option -c as it was given
 * @param holder the process that has the daemon's lock
 */
export async function findFollower(
  system: System,
  option?: string,
  holder: number | undefined = system.locks.holderOf(paths.hupDaemonLock),
): Promise<Follower> {
  const daemon = readFollowing(system);
  const isOther = (pid: number): boolean => followsOther(system, pid, option);
  if (daemon !== undefined && !isOther(daemon.pid)) return { kind: 'daemon', daemon, isOther: false };
  const isNoteless = daemon === undefined && holder !== undefined && !isOther(holder);
  if (isNoteless && optionsOf(system, holder)?.includes('--daemon') === true) return { kind: 'process', pid: holder };
  const isUsual = isSameConfig(system, undefined, option);
  // The package's units are for the usual configuration.
  const units = isUsual ? await unitStates(system) : new Map<string, string>();
  if (units.get(TIMER) === 'active') return { kind: 'timer' };
  const file = cronFile(system, option);
  if (file !== undefined) return { kind: 'cron', file };
  if (daemon !== undefined) return { kind: 'daemon', daemon, isOther: true };
  return { kind: 'nobody', advice: isUsual ? adviceFor(units.get(HUP_UNIT)) : `run cfn-hup -f -c ${option} from cron` };
}

function adviceFor(service: string | undefined): string {
  switch (service) {
    case undefined:
      return 'run cfn-hup (as a daemon), or cfn-hup -f from cron';
    case 'unknown':
      return 'systemctl does not answer';
    case 'failed':
      return `${HUP_UNIT} has failed: see journalctl -u cfn-hup`;
    case 'deactivating':
      return `${HUP_UNIT} is about to stop`;
    case 'active':
    case 'activating':
      return `${HUP_UNIT} does not stay up: journalctl -u cfn-hup`;
    default:
      return `run systemctl enable --now ${HUP_UNIT}`;
  }
}

/** The ActiveState by unit; `unknown` when systemd does not answer. Units that do not exist are left out. */
async function unitStates(system: Pick<System, 'files' | 'exec'>): Promise<ReadonlyMap<string, string>> {
  if (!hasSystemd(system)) return new Map();
  const units = await showUnits(system.exec, ['Id', 'LoadState', 'ActiveState'], [HUP_UNIT, TIMER], SYSTEMCTL_TIMEOUT);
  if (units === undefined) return new Map([[HUP_UNIT, 'unknown']]);
  return new Map(
    units.flatMap(({ Id, LoadState, ActiveState }) =>
      Id === undefined || ActiveState === undefined || LoadState === 'not-found' ? [] : [[Id, ActiveState]],
    ),
  );
}

/** The first file with a line that makes passes. */
function cronFile(system: Pick<System, 'files' | 'absolutePath'>, option: string | undefined): string | undefined {
  const { files } = system;
  const read = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  };
  const names = read(() => (files.entry(CRON_DIRECTORY) === undefined ? [] : files.names(CRON_DIRECTORY))) ?? [];
  // cron ignores the backup files of package managers and editors.
  const used = names.filter((name) => !BACKUP.test(name));
  return [...used.map((name) => `${CRON_DIRECTORY}/${name}`), ...CRON_FILES].find((path) =>
    read(() => files.readIfPresent(path, MOST_BYTES)?.toString('utf8'))
      ?.split('\n')
      .some((line) => isCronLine(line) && !nameOther(system, wordsBehind(line), option)),
  );
}

/** A line such as `* * * * * root /opt/aws/bin/cfn-hup -f`. */
function isCronLine(line: string): boolean {
  return /^\s*(?:[*\d]|@(?!reboot))/.test(line) && /[\s/;&|(]cfn-hup(?![\w.-])(?!.*--(?:check|status))/.test(line);
}

/** The arguments of cfn-hup in a line. */
function wordsBehind(line: string): readonly string[] {
  const [, options = ''] = /[\s/;&|(]cfn-hup(?![\w.-])([^;&|>]*)/.exec(line) ?? [];
  return options.split(/\s+/).map((word) => word.replaceAll(/["']/g, ''));
}

/** The note of the running daemon about itself. */
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

/** Makes the function that writes the note of this daemon at each poll. What does not change is looked up once. */
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

/** Removes the note. Call it before the lock is released, so that the note of the next daemon stays. */
export function forgetFollowing(system: System): void {
  writeRunNotes(system, paths.hupFollowing, undefined);
}

/** The note of the daemon that follows changes; undefined when that process has ended. */
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

/** The unit whose main process this is. A loop that a call in a unit left behind is in the unit's control group as well. */
function unitOf({ files, environment }: System): string | undefined {
  const unit = serviceOf(process.pid, procIn(files));
  // The main process may also be a shell that waits for us.
  const isMain = [process.pid, process.ppid].includes(Number(environment['SYSTEMD_EXEC_PID']));
  return isMain || unit === HUP_UNIT ? unit : undefined;
}

/** The process that wrote a note, if it is still running. */
function writerOf(
  { files }: Pick<System, 'files'>,
  { pid, start }: Readonly<Record<string, unknown>>,
): ProcessMark | undefined {
  if (typeof pid !== 'number' || typeof start !== 'number') return undefined;
  return isAlive({ pid, start }, procIn(files)) ? { pid, start } : undefined;
}

/** An action that is running. */
export interface RunningAction {
  readonly hook: string;
  readonly file: string;
  /** ISO. */
  readonly since: string;
}

/** Records that this process runs the action of a hook. There is one at a time, since a pass holds a lock. */
export function noteRunning(system: System, { name, file }: { readonly name: string; readonly file: string }): void {
  const note = { ...markOf(process.pid, procIn(system.files)), hook: name, file, since: isoTime(system.clock.now()) };
  writeRunNotes(system, paths.hupRunning, { ...othersRunning(system), [process.pid]: note });
}

/** Removes the note of the action that this process runs. */
export function forgetRunning(system: System): void {
  const others = othersRunning(system);
  writeRunNotes(system, paths.hupRunning, Object.keys(others).length === 0 ? undefined : others);
}

/** The notes of passes for other configurations, which may run at the same time. */
function othersRunning(system: System): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(readRunNotes(system, paths.hupRunning)).filter(
      ([pid, note]) => pid !== String(process.pid) && decodeRunning(system, note) !== undefined,
    ),
  );
}

/** The running actions, without those whose process has ended. */
export function readRunning(system: Pick<System, 'files'>): readonly RunningAction[] {
  return Object.values(readRunNotes(system, paths.hupRunning)).flatMap((note) => decodeRunning(system, note) ?? []);
}

function decodeRunning(system: Pick<System, 'files'>, note: unknown): RunningAction | undefined {
  if (!isRecord(note) || writerOf(system, note) === undefined) return undefined;
  const { hook, file, since } = note;
  if (typeof hook !== 'string' || typeof file !== 'string' || !isTimeText(since)) return undefined;
  return { hook, file, since };
}
