import type { Accounts } from './accounts/accounts.ts';
import type { Clock } from './clock.ts';
import type { FileSystem } from './files/file-system.ts';
import type { Http } from './http/http.ts';
import type { Locks } from './lock.ts';
import type { Notifier } from './notify.ts';
import type { Detached } from './programs/detached.ts';
import type { Environment, Exec } from './programs/exec.ts';
import type { Signals } from './signals.ts';

/** Everything outside this program, one door for each kind of side effect. Only context.ts builds one. */
export interface System {
  readonly files: FileSystem;
  readonly exec: Exec;
  readonly http: Http;
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly locks: Locks;
  readonly signals: Signals;
  /** Opens the door to the service manager, which removes systemd's variables from the environment. */
  readonly openNotifier: () => Notifier;
  /** Starts this program once more; it keeps running after we have ended. @throws Problem when it cannot be started */
  readonly startDetached: (args: readonly string[]) => Promise<Detached>;
  readonly hostname: () => string;
  /** Resolves a path from the current directory. @throws Problem for a relative path when that directory has been removed */
  readonly absolutePath: (path: string) => string;
  /** The environment we were started with. */
  readonly environment: Environment;
  /**
   * Aborted when the run has to end: by a signal, with Interrupted, or because its time is over. The doors then stop and throw the
   * reason. Only work that takes long and uses no door checks it itself.
   */
  readonly abort?: AbortSignal;
  /** The user and group that this process runs as. */
  readonly self: { readonly uid: number; readonly gid: number };
}
