import { readdirSync, readFileSync, statSync } from 'node:fs';

/** A process, by what makes it one: an id alone is given to another one some day. */
export interface ProcessName {
  readonly pid: number;
  /** When it started, in ticks since boot (proc_pid_stat(5), field 22). */
  readonly start: string;
}

interface ProcessStat extends ProcessName {
  readonly parent: number;
}

/** Fields of /proc/PID/stat, counted from the one behind the name, which is the only one that may have blanks. */
const STATE = 0;
const PARENT = 1;
const GROUP = 2;
const START = 19;

/** @returns undefined when there is no such process, or only its exit code is left of it */
export function processStat(pid: number): ProcessStat | undefined {
  const fields = statFields(pid);
  const start = fields[START];
  return start === undefined || isDead(fields) ? undefined : { pid, parent: Number(fields[PARENT]), start };
}

function statFields(pid: number): readonly string[] {
  const text = readProc(`${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function isDead(fields: readonly string[]): boolean {
  return fields[STATE] === 'Z' || fields[STATE] === 'X';
}

/** The parent of a process, its parent, and so on, as far as they can be seen. */
export function ancestorsOf(pid: number): readonly ProcessName[] {
  const found: ProcessStat[] = [];
  for (let next = processStat(pid)?.parent ?? 0; next > 0; ) {
    const stat = processStat(next);
    if (stat === undefined) break;
    found.push(stat);
    next = stat.parent;
  }
  return found;
}

/** The words of the command lines of all processes that a process has started, directly or not, and that still run. */
export function descendantCommands(pid: number): readonly (readonly string[])[] {
  const seen = new Set<number>();
  const pending = [pid];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const child of childrenOf(next)) {
      if (seen.has(child)) continue;
      seen.add(child);
      pending.push(child);
    }
  }
  return [...seen].map((child) => readProc(`${child}/cmdline`).split('\0').slice(0, -1));
}

/**
 * Whether something in a process group still runs. What has ended and was not collected by its parent counts as gone: in a
 * container process 1 may not care for that.
 */
export function isGroupRunning(leader: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    const fields = statFields(Number(name));
    return fields[GROUP] === String(leader) && !isDead(fields);
  });
}

/** Whether a process runs the same executable as we do. */
export function isSameProgram(pid: number): boolean {
  try {
    const [own, other] = [statSync('/proc/self/exe'), statSync(`/proc/${pid}/exe`)];
    return own.dev === other.dev && own.ino === other.ino;
  } catch {
    return false;
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readProc(`${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** @returns an empty text for what is not there any more */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
