import { accessSync, constants } from 'node:fs';

/** What Node calls a lookup of a name that is under way. */
const LOOKUP = 'GetAddrInfoReqWrap';
const SHELL = '/bin/sh';

/**
 * Ends this process at once: what it still waits for, an answer from the network say, is given up.
 *
 * A lookup of a name cannot be given up: getaddrinfo runs in a thread, for which exit(3) waits, 10 seconds and more where no
 * name server answers. So what is left of this process becomes a shell that ends with the same code: with exec(3) all other
 * threads are gone. The lookup itself stays the machine's own, with all that nsswitch.conf names.
 */
export function endProcess(exitCode: number): never {
  process.exitCode = exitCode;
  if (process.execve !== undefined && process.getActiveResourcesInfo().includes(LOOKUP) && isExecutable(SHELL)) {
    process.emit('exit', exitCode);
    process.execve(SHELL, ['sh', '-c', `exit ${exitCode}`], {});
  }
  process.exit(exitCode);
}

function isExecutable(path: string): boolean {
  try {
    // Asked before, since an execve that fails aborts the process.
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
