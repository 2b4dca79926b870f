/** When a hook runs: the value at its path appeared, changed or went away; or a service that should run had to be restarted. */
export const TRIGGERS = ['post.add', 'post.update', 'post.remove', 'service.restarted'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** What a hook looks at: `Resources.RES`, `Resources.RES.PhysicalResourceId` or `Resources.RES.Metadata[.key...]`. */
export interface HookPath {
  /** As it is written in the file. */
  readonly text: string;
  readonly resource: string;
  readonly kind: 'metadata' | 'physical-id' | 'last-updated';
  /** The keys below the metadata; none for all of it. */
  readonly keys: readonly string[];
}

/** Where a hook is from, with the links to the directories resolved: one file is the same by whatever way it is reached. */
export interface Origin {
  /** cfn-hup.conf. */
  readonly main: string;
  /** The file with the hook's section. */
  readonly file: string;
}

/** One section of a hook file. */
export interface HookSection {
  readonly name: string;
  /** As it is reached, for messages. */
  readonly file: string;
  readonly triggers: readonly Trigger[];
  readonly path: HookPath;
  /** A text for the shell; may have several lines. */
  readonly action: string;
  /** The user that the action runs as. */
  readonly runas: string;
}

/** A hook of a configuration; name and origin together tell hooks apart. */
export interface Hook extends HookSection {
  readonly origin: Origin;
}
