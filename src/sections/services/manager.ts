import { ExitCode, Problem } from '../../errors.ts';
import type { Log } from '../../logging/log.ts';
import { readSettings, secondsSetting } from '../../settings.ts';
import type { FileSystem } from '../../system/files/file-system.ts';
import type { Exec } from '../../system/programs/exec.ts';

/** What an init system says of a service. An optional mark that is left out means no. */
export interface ServiceStatus {
  readonly isKnown: boolean;
  /** It starts at boot. */
  readonly isEnabled: boolean;
  /** It runs, or is being started. One that its init system has to restart again and again does not. */
  readonly isRunning: boolean;
  /** The name that `enable` and the other methods are to be called with: an alias or a path is resolved. */
  readonly id: string;
  /** False where nothing runs that could start it (an image being built, a container): it can only be enabled. */
  readonly canStart: boolean;
  /** 'runtime': until the next boot. */
  readonly isMasked?: boolean | 'runtime';
  /** Why nothing can enable it at boot, and what to do. */
  readonly notEnabled?: string | undefined;
  /** Its files on the disk are newer than what the init system has read. */
  readonly needsReload?: boolean;
  /** Its script does not tell whether it runs: `isRunning` is a guess. */
  readonly isGuess?: boolean;
  /** Nothing else tells either, so it may as well run. */
  readonly isMute?: boolean;
  /** A oneshot that has not failed: it does its work and ends, so that it is not down when it does not run. */
  readonly isOneshot?: boolean;
  /** It does not run yet, and its init system is about to start it: at boot, when what it is ordered after has started. */
  readonly isQueued?: boolean;
}

/**
 * What became of the start of a service that is ordered after a unit that we run in, such as cloud-final.service for user
 * data.
 */
export interface Ordered {
  /** The unit that we run in. */
  readonly after: string;
  /** False: systemd starts it once that unit has started. True: it was running, and was restarted at once. */
  readonly isDone: boolean;
}

/** What is wrong with a service that was started. */
export interface Fault {
  /** Completes the sentence that begins with its name, as in "did not stay up". */
  readonly what: string;
  readonly hint: string;
  /** What it printed, for the log. */
  readonly output?: string;
}

/** A second look at a service that was started. */
export interface SecondLook {
  /** Services that are looked at right after this one: an init system that can is asked for all of them at once. */
  readonly next: readonly string[];
  /** Something else has run since the start, and may have stopped the service on purpose. */
  readonly mayBeStopped: boolean;
}

/**
 * @returns what is wrong; `stopped` when somebody has stopped the service on purpose, or `perhaps stopped` where that is only
 * likely; undefined when all is well
 */
export type Check = (look: SecondLook) => Promise<Fault | 'stopped' | 'perhaps stopped' | undefined>;

/**
 * What an init system must be able to do. To add one: a file in managers/, and its line in init-system.ts. Services may
 * be named as in the metadata, or by the `id` of their status. Methods throw a Problem with what the tool said.
 */
export interface ServiceManager {
  readonly name: string;
  /** What may stop other services when it is done to one: those that need it, or that cannot run beside it. */
  readonly stopsOthers?: ReadonlySet<string>;
  /**
   * @param next services that are asked for next: an init system that can is asked for all of them at once. Its answer is
   * used until this manager changes anything, or `forget` is called.
   */
  status(service: string, next?: readonly string[]): Promise<ServiceStatus>;
  /** To be called when anything else may have changed services. Absent where nothing is remembered. */
  forget?(): void;
  enable(service: string): Promise<void>;
  disable(service: string): Promise<void>;
  /** @returns undefined when it was started */
  start(service: string): Promise<Ordered | undefined>;
  stop(service: string): Promise<void>;
  /** @returns undefined when it was restarted as usual */
  restart(service: string): Promise<Ordered | undefined>;
  /** Makes the init system read its unit files again. Absent where nothing has read them, or each use reads them. */
  reload?(): Promise<void>;
  /** The services that exist, to suggest a similar name for one that does not. */
  names(): Promise<readonly string[]>;
  /**
   * To be called right after a service was started or restarted.
   * @param since when that was begun
   * @param next as for status
   * @returns the check to be made seconds later; what is wrong, when it has failed already; undefined when there is nothing
   * to check
   */
  watch(service: string, since: Date, next?: readonly string[]): Promise<Check | Fault | undefined>;
}

/**
 * Seconds for a service to start or stop. systemd itself gives most services 90, and none at all to a oneshot, which may well
 * set a machine up for ten minutes. Whoever waits longer uses up the hour that a stack has.
 */
const SERVICE_SECONDS = 1800;
/** Milliseconds for each other answer: as long as systemd gives a daemon-reload (DAEMON_RELOAD_TIMEOUT_SEC). */
const ANSWER_TIME = 180_000;

/** Milliseconds that a service has to start or stop: `service-timeout` in cfntools.conf, or half an hour. */
export async function serviceTimeout(files: FileSystem, log: Log): Promise<number> {
  return secondsSetting(await readSettings(files), 'service-timeout', SERVICE_SECONDS, log, { least: 1 }) * 1000;
}

/**
 * Gives a bound to every call that has none of its own.
 * @param timeout milliseconds for a service to start or stop; no other call may take longer
 * @returns a door whose `tool` and `query` throw a Problem with exit code 75 at their bound
 */
export function boundExec(exec: Exec, timeout: number): Exec {
  const answer = Math.min(ANSWER_TIME, timeout);
  return {
    ...exec,
    query: (command, bounds = { timeout: answer }) => exec.query(command, bounds),
    async tool(command, options = {}) {
      const ran = await exec.tool(command, { timeout: answer, ...options });
      if (ran.cut === 'timeout' && options.timeout === undefined)
        throw tooSlow(command.join(' '), answer, { hint: 'it was ended', output: ran.output });
      return ran;
    },
  };
}

/** @param timeout milliseconds */
export function tooSlow(
  command: string,
  timeout: number,
  details: { readonly where?: string; readonly hint: string; readonly output: string },
): Problem {
  return new Problem(`${command} did not end within ${timeout / 1000} s`, { ...details, exitCode: ExitCode.deadline });
}
