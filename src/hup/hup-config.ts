import type { Hook } from './hook.ts';

/** The section [main] of cfn-hup.conf (contract section 2, cfn-hup). Times are milliseconds. */
export interface HupSettings {
  readonly stack: string;
  readonly credentialFile: string | undefined;
  readonly role: string | undefined;
  readonly region: string | undefined;
  readonly url: string | undefined;
  /** For the actions. */
  readonly umask: number;
  readonly interval: number;
  readonly verbose: boolean;
  /** After so many failures of an action it is parked until the metadata changes. */
  readonly maxAttempts: number;
  /** How long one action may run; Infinity for as long as it wants. */
  readonly actionTimeout: number;
  /** How long a running action may go on after SIGTERM. */
  readonly stopTimeout: number;
  /** Whose services are watched; cfn-init's own choice when empty. */
  readonly configSets: readonly string[];
}

export interface HupConfig {
  readonly settings: HupSettings;
  /** In the order in which they run: that of the files, then of their sections. */
  readonly hooks: readonly Hook[];
  /** cfn-hup.conf, as in Origin. */
  readonly main: string;
  /** All that were read, whether they have hooks or not, as in Origin. */
  readonly files: readonly string[];
  /** What is wrong with hook files or single hooks, which are left out then; one line each, with the file and what to do. */
  readonly problems: readonly string[];
  /** What is odd but does no harm. */
  readonly warnings: readonly string[];
}
