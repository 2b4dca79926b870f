import type { EntryPlace, SectionName } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { Credentials } from '../signing/credentials.ts';
import type { DownloadRequest } from '../system/http.ts';
import type { System } from '../system/system.ts';

/** One entry of one section of one config: what is asked for, as data. */
export interface Step<E extends EntryPlace = EntryPlace> {
  readonly section: SectionName;
  readonly config: string;
  readonly entry: E;
}

/** What a look at the machine says, before anything is changed. */
export type Probe =
  | { readonly state: 'unchanged' }
  | { readonly state: 'skipped'; readonly reason: string }
  /** `what` tells a person what apply would do, as in "created, 0644 root:root". */
  | { readonly state: 'differs'; readonly what: string };

export type Outcome =
  | { readonly state: 'unchanged' }
  | { readonly state: 'skipped'; readonly reason: string }
  | {
      readonly state: 'changed';
      /** What was done, for a person. */
      readonly what: string;
      /** What services may restart on; the step's own name when left out. */
      readonly changes?: readonly string[];
    };

/** What a step may use besides its entry. */
export interface World {
  readonly system: System;
  readonly log: Log;
  /** Called with what a file holds that others may not read: it must not be seen in what later steps print. */
  readonly onPrivateText?: ((text: string) => void) | undefined;
  /** Hears that what a program of the step printed is in the log. */
  readonly onPrinted?: (() => void) | undefined;
  /** Hears what the step waits for, as in `waiting for process 12 (apt-get), which holds ...`; undefined when it waits no longer. */
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

/** How a section is carried out: `plan` is pure, `probe` only reads, `apply` changes what probe found to differ. */
export interface Section<E extends EntryPlace> {
  readonly name: SectionName;
  /** True when the section works on another root than the running machine's (`--root`). */
  readonly worksOnRoot: boolean;
  plan(entries: readonly E[]): readonly E[];
  probe(entry: E, world: World): Promise<Probe>;
  /** @throws Problem when the entry could not be put in place */
  apply(entry: E, world: World): Promise<Outcome>;
}
