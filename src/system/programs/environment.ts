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
 * The environment of a metadata command or an action: its `env`, or else the machine's environment. In either case it has the
 * variables without which shells and tools misbehave (contract section 3, commands). Relative entries of the machine's PATH are
 * left out.
 * @param wanted its `env`, which always takes precedence
 * @param user sets HOME, USER and LOGNAME. Another user does not get the machine's credentials, because all processes of a user
 *   can read the environment of that user's processes.
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

/** @returns undefined where the user has no account, as in a container that runs with an arbitrary user id */
function ownAccount(): { readonly homedir: string; readonly username: string } | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}

/** The environment for another user: all processes of that user can read it. */
export function withoutCredentials(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isCredentialVariable(name)));
}
