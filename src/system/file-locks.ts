import { readFileSync, statSync } from 'node:fs';
import { ancestorsOf, hasOpen, liveProc, processStat } from './programs/processes.ts';

/** A process that holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** As in ps: the first 15 characters of its program. */
  readonly name: string;
  /** What it has locked. */
  readonly path: string;
}

/**
 * The process that holds a lock on a file, by fcntl(2), by flock(2), or by its process id in the file (dnf, yum, zypper).
 * @returns undefined where no process holds it, where only we or our children do, or where /proc does not show the holder
 */
export function lockHolderOf(path: string): LockHolder | undefined {
  const file = inodeOf(path);
  if (file === undefined) return undefined;
  const locked = [...liveProc('locks').matchAll(/^\d+: (?!->)(?:\S+ +){3}(\d+) [\da-f]+:[\da-f]+:(\d+) /gm)]
    // The device is not compared: for example on overlayfs it differs from that of stat.
    .filter(([, , inode]) => Number(inode) === file.ino)
    .map(([, pid]) => Number(pid))
    .filter((pid) => hasOpen(pid, file));
  const written = path.endsWith('.pid') ? [Number.parseInt(textOf(path), 10)] : [];
  const pid = [...locked, ...written].find((one) => one > 0 && processStat(one) !== undefined && !isOurs(one));
  return pid === undefined ? undefined : { pid, name: liveProc(`${pid}/comm`).trim(), path };
}

function isOurs(pid: number): boolean {
  return pid === process.pid || ancestorsOf(pid).some((ancestor) => ancestor.pid === process.pid);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function inodeOf(path: string): { readonly dev: number; readonly ino: number } | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
