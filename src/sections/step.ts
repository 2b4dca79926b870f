import type { EntryPlace, SectionName } from '../config/config.ts';
import type { Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { Credentials } from '../signing/credentials.ts';
import type { DownloadRequest } from '../system/http/http.ts';
import type { System } from '../system/system.ts';

/** One entry of one section of one config: what is asked for, as data. */
export interface Step<E extends EntryPlace = EntryPlace> {
  readonly section: SectionName;
  readonly config: string;
  readonly entry: E;
}

interface Unchanged {
  readonly state: 'unchanged';
}

interface Skipped {
  readonly state: 'skipped';
  readonly reason: string;
}

/** What a look at the machine says, before anything is changed. */
export type Inspection<Plan> =
  | Unchanged
  | Skipped
  | {
      readonly state: 'differs';
      /** What the plan would do, for a person, as in "created, 0644 root:root". */
      readonly what: string;
      /** What apply carries out. It holds what was found, so that apply need not look again. */
      readonly plan: Plan;
    };

export type Outcome =
  | Unchanged
  | Skipped
  | {
      readonly state: 'changed';
      /** What was done, for a person, where that is not just what inspect has said. */
      readonly what?: string;
      /** What services may restart on; the step's own name when left out. */
      readonly changes?: readonly string[];
    };

/** What a step may use besides its entry. */
export interface World {
  readonly system: System;
  readonly log: Log;
  /** Called with what a file holds that others may not read: it must not be seen in what later steps print. */
  readonly onPrivateText?: ((text: string) => void) | undefined;
  /** Called when what a program of the step printed is in the log. */
  readonly onPrinted?: (() => void) | undefined;
  /** Called with what the step waits for, as in `waiting for process 12 (apt-get), which holds ...`; with undefined when that is over. */
  readonly onWait?: ((what: string | undefined) => void) | undefined;
  /** What has changed in this run so far. */
  readonly changes: Changes;
  /** The credentials of a role of this instance; undefined where there is no way to ask. @throws Problem */
  readonly roleCredentials?: ((role: string) => Promise<Credentials>) | undefined;
  /** How a URL is reached, where that is not as the machine reaches others. */
  readonly transportTo?: DownloadRequest['transportTo'];
}

/** The names of the entries that this run has changed, by section. */
export interface Changes {
  has(section: SectionName, name: string): boolean;
  names(section: SectionName): readonly string[];
}

/** How a section is carried out. One object serves one run, and may remember what the run has done. */
export interface Section<E extends EntryPlace, Plan> {
  readonly name: SectionName;
  /** True when the section works on another root than the running machine's (`--root`). */
  readonly worksOnRoot: boolean;
  /** The entries of one config in the order in which they are applied, without those that ask for nothing. Pure. */
  order(entries: readonly E[]): readonly E[];
  /** Looks at the machine, and changes nothing at all. A dry run is this alone. @throws Problem */
  inspect(entry: E, world: World): Promise<Inspection<Plan>>;
  /**
   * Carries out what inspect has planned.
   * @returns also `unchanged` or `skipped`, where that is only known after a download or a test command
   * @throws Problem when the entry could not be put in place
   */
  apply(entry: E, plan: Plan, world: World): Promise<Outcome>;
  /** Called once, when no step is left to run, also after a failure, but not after a signal. */
  finish?(world: World): Promise<void>;
}

/** A second look at what steps have started, to see that it still runs some seconds later. */
export interface Watch {
  /** The entries under watch, in the order of their starts. @param which `due`: only those that have been up for long enough */
  entries(which: 'due' | 'all', world: World): readonly EntryPlace[];
  /**
   * Waits until all of the entries have been up for long enough, looks at them, and ends their watch.
   * @returns what is wrong, by entry
   */
  look(entries: readonly EntryPlace[], world: World): Promise<ReadonlyMap<EntryPlace, Problem>>;
}
