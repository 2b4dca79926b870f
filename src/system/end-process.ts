import { accessSync, constants } from 'node:fs';
import { type EndingSignal, exitCodeOfSignal } from './signals.ts';

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
  if (hasLookup()) {
    process.emit('exit', exitCode);
    process.execve?.(SHELL, ['sh', '-c', `exit ${exitCode}`], {});
  }
  process.exit(exitCode);
}

/** Ends this process at once as a signal does that nobody handles: a shell and systemd see that it was the signal. */
export function endBySignal(signal: EndingSignal): never {
  const exitCode = exitCodeOfSignal(signal);
  process.removeAllListeners(signal);
  process.emit('exit', exitCode);
  if (hasLookup()) {
    const kill = `kill -s ${signal.slice('SIG'.length)} $$; exit ${exitCode}`;
    process.execve?.(SHELL, ['sh', '-c', kill], {});
  }
  process.kill(process.pid, signal);
  // The first process of a container is not ended by it.
  endProcess(exitCode);
}

function hasLookup(): boolean {
  return process.execve !== undefined && process.getActiveResourcesInfo().includes(LOOKUP) && isExecutable(SHELL);
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
