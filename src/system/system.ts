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
  /** The user and group that this process runs as. */
  readonly self: { readonly uid: number; readonly gid: number };
}
