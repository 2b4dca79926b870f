import type { Accounts } from './accounts.ts';
import type { Clock } from './clock.ts';
import type { Environment, Exec } from './exec.ts';
import type { FileSystem } from './file-system.ts';
import type { Http } from './http.ts';

/** Everything outside this program, one door for each kind of side effect. Only context.ts builds one. */
export interface System {
  readonly files: FileSystem;
  readonly exec: Exec;
  readonly http: Http;
  readonly accounts: Accounts;
  readonly clock: Clock;
  /** The environment we were started with. */
  readonly environment: Environment;
  /**
   * Aborted with Interrupted when the run has to end. The doors then end what they do and throw it; only work that takes
   * long without a door looks at it itself. None where a signal ends the process, or is dealt with otherwise.
   */
  readonly abort?: AbortSignal;
  /** The user and group that this process runs as. */
  readonly self: { readonly uid: number; readonly gid: number };
}
