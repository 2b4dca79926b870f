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

/** One section of a hook file. */
export interface Hook {
  /** The section's name, which tells hooks apart. */
  readonly name: string;
  readonly file: string;
  readonly triggers: readonly Trigger[];
  readonly path: HookPath;
  /** A text for the shell; may have several lines. */
  readonly action: string;
  /** The user that the action runs as. */
  readonly runas: string;
}
