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
  /** Nor does anything else, so that it is not known to be down either. */
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

/** What is the matter with a service that was started. */
export interface Trouble {
  /** Completes the sentence that begins with its name, as in "did not stay up". */
  readonly what: string;
  readonly hint: string;
  /** What it printed, for the log. */
  readonly output?: string;
}

/** A second look at a service that was started: what has become of it since, when it is not well. */
export type Check = () => Promise<Trouble | undefined>;

/**
 * What an init system must be able to do. To add one: a file in managers/, and its line in init-system.ts. Services may
 * be named as in the metadata, or by the `id` of their status. Methods throw a Problem with what the tool said.
 */
export interface ServiceManager {
  readonly name: string;
  status(service: string): Promise<ServiceStatus>;
  enable(service: string): Promise<void>;
  disable(service: string): Promise<void>;
  /** @returns undefined when it was started */
  start(service: string): Promise<Ordered | undefined>;
  stop(service: string): Promise<void>;
  /** @returns undefined when it was restarted as usual */
  restart(service: string): Promise<Ordered | undefined>;
  /** Makes the init system read its unit files again. */
  reload(): Promise<void>;
  /** The services there are, to name near ones when one is not there. */
  names(): Promise<readonly string[]>;
  /**
   * To be called right after a service was started or restarted.
   * @param since when that was begun
   * @returns the check to be made seconds later; what is the matter, when that is plain at once; undefined when there is
   * nothing to wait for
   */
  watch(service: string, since: Date): Promise<Check | Trouble | undefined>;
}
