import { Problem } from '../errors.ts';
import type { FileSystem } from './file-system.ts';

/** A process, told by its start from a later one that has got the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** In clock ticks since the boot. */
  readonly start: number;
}

/** Fields of /proc/PID/stat that follow the name, which may have blanks and parentheses in it. Source: proc(5). */
const STATE = 0;
const START = 19;
const ENDED = ['Z', 'X'];

/** The mark of a process that lives; undefined when there is none with this number. */
export function markOf(files: FileSystem, pid: number): ProcessMark | undefined {
  const stat = readProcess(files, pid, 'stat');
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const start = Number(fields[START] ?? 'none');
  return Number.isSafeInteger(start) && !ENDED.includes(fields[STATE] ?? '') ? { pid, start } : undefined;
}

/** True when the very process that was marked still lives. */
export function isAlive(files: FileSystem, { pid, start }: ProcessMark): boolean {
  return markOf(files, pid)?.start === start;
}

/** The text of a file in /proc/PID; undefined when the process has ended. */
export function readProcess(files: FileSystem, pid: number, name: 'stat' | 'cgroup' | 'cmdline'): string | undefined {
  try {
    return files.readIfPresent(`/proc/${pid}/${name}`)?.toString('utf8');
  } catch (error) {
    // It may end while it is read.
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
