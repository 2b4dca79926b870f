import { userInfo } from 'node:os';
import { delimiter } from 'node:path';
import { isCredentialVariable } from '../../secrets/names.ts';
import type { Environment } from './exec.ts';
import { absoluteDirectories, SYSTEM_DIRECTORIES } from './search-path.ts';

/** Who a command or an action runs as. */
export interface CommandUser {
  readonly name: string;
  readonly home: string;
  /** Not the user that we run as ourselves. */
  readonly isOther: boolean;
}

/**
 * The environment of a metadata command or an action: what its `env` says, or else the machine's own, and in either case
 * the variables without which shells and tools misbehave (contract section 3, commands). Of a PATH of the machine the
 * relative entries are left out.
 * @param user HOME, USER and LOGNAME are this user's then. Another user does not get the machine's credentials, as what
 *   one user's process has in its environment all processes of that user can read. What `wanted` says counts in any case.
 */
export function commandEnvironment(
  machine: Environment,
  wanted: Environment | undefined,
  user?: CommandUser,
): Environment {
  const directories = absoluteDirectories(machine['PATH']);
  const own: Environment = {
    ...(user?.isOther === true ? withoutCredentials(machine) : machine),
    PATH: (directories.length === 0 ? SYSTEM_DIRECTORIES : directories).join(delimiter),
    ...(user === undefined ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name }),
  };
  const self = own['HOME'] === undefined || own['USER'] === undefined ? ownAccount() : undefined;
  return {
    HOME: own['HOME'] ?? self?.homedir ?? '/',
    PATH: own['PATH'],
    LANG: own['LANG'] ?? 'C.UTF-8',
    SHELL: own['SHELL'] ?? '/bin/sh',
    USER: own['USER'] ?? self?.username ?? String(process.geteuid?.()),
    ...(wanted ?? own),
  };
}

/** @returns undefined where the user has no account, as in a container that runs with a number of its own */
function ownAccount(): { readonly homedir: string; readonly username: string } | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}

/** What one user's process has in its environment all processes of that user can read. */
export function withoutCredentials(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isCredentialVariable(name)));
}
