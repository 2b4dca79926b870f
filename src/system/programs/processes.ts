import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { Problem } from '../../errors.ts';
import type { FileSystem } from '../files/file-system.ts';

/** Identifies a process. Its id alone does not, because the kernel uses ids again. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in ticks since boot (proc_pid_stat(5), field 22). */
  readonly start: number;
}

/** What /proc says of a process. */
interface ProcessStat extends ProcessMark {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** Reads a file by its path below /proc. Returns an empty text for a file that no longer exists or is hidden from us. */
export type Proc = (path: string) => string;

/** Fields of /proc/PID/stat, counted from the first after the name, which may contain blanks and parentheses: proc(5). */
const STATE = 0;
const PARENT = 1;
const GROUP = 2;
const SESSION = 3;
const START = 19;
const ENDED: readonly string[] = ['Z', 'X'];
const MOST_BYTES = 65_536;

/** The /proc of this machine, whatever `--root` says. */
export const liveProc: Proc = (path) => {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
};

/** The /proc below the root of a file system. */
export function procIn(files: FileSystem): Proc {
  return (path) => {
    try {
      return files.readIfPresent(`/proc/${path}`, MOST_BYTES)?.toString('utf8') ?? '';
    } catch (error) {
      if (error instanceof Problem) return '';
      throw error;
    }
  };
}

/** @returns undefined when there is no such process, or it has ended and only its exit code is left */
export function processStat(pid: number, proc = liveProc): ProcessStat | undefined {
  const text = proc(`${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const numberAt = (field: number): number => Number(fields[field] ?? 'none');
  const start = numberAt(START);
  if (!Number.isSafeInteger(start) || ENDED.includes(fields[STATE] ?? '')) return undefined;
  return { pid, start, parent: numberAt(PARENT), group: numberAt(GROUP), session: numberAt(SESSION) };
}

/** The mark of a running process; undefined when there is none with this id. */
export function markOf(pid: number, proc = liveProc): ProcessMark | undefined {
  const stat = processStat(pid, proc);
  return stat === undefined ? undefined : { pid, start: stat.start };
}

/** True when the process that was marked, and not a later one with its id, still runs. */
export function isAlive({ pid, start }: ProcessMark, proc = liveProc): boolean {
  return processStat(pid, proc)?.start === start;
}

/** The words of its command line; none when it has ended. */
export function argumentsOf(pid: number, proc = liveProc): readonly string[] {
  return proc(`${pid}/cmdline`).split('\0').slice(0, -1);
}

/** The parent of a process, the parent of that, and so on, as far as /proc shows them. */
export function ancestorsOf(pid: number): readonly ProcessMark[] {
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
  return descendantsOf(pid).map((child) => argumentsOf(child));
}

/**
 * The process groups of all running processes that a process has started, directly or not: timeout(1), setsid(1), su(1) and
 * the shell's job control make groups of their own. A process of our own executable ends its own descendants, so these are left
 * out.
 */
export function groupsBelow(pid: number): readonly number[] {
  const groups = descendantsOf(pid, isSameProgram).map((child) => processStat(child)?.group ?? 0);
  return [...new Set(groups)].filter((group) => group > 1);
}

/** @param isLeft tells whose descendants do not count */
function descendantsOf(pid: number, isLeft: (pid: number) => boolean = () => false): readonly number[] {
  const seen = new Set<number>();
  const pending = [pid];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next !== pid && isLeft(next)) continue;
    for (const child of childrenOf(next)) {
      if (seen.has(child)) continue;
      seen.add(child);
      pending.push(child);
    }
  }
  return [...seen];
}

/**
 * Whether a process in one of the groups still runs. A process that has ended and was not collected by its parent does not count:
 * in a container, process 1 may never collect it.
 */
export function isAnyGroupRunning(groups: ReadonlySet<number>): boolean {
  return allProcesses().some((pid) => {
    const stat = processStat(pid);
    return stat !== undefined && groups.has(stat.group);
  });
}

/** The process ids in /proc. */
export function allProcesses(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Whether a process has a file open; false also for a process that has ended, or is hidden from us. */
export function hasOpen(pid: number, { dev, ino }: Pick<Stats, 'dev' | 'ino'>): boolean {
  return entriesOf(`/proc/${pid}/fd`).some((fd) => {
    try {
      const open = statSync(`/proc/${pid}/fd/${fd}`);
      return open.dev === dev && open.ino === ino;
    } catch {
      return false;
    }
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

/** The services and scopes of systemd that a process belongs to, the innermost last; none for a process that has ended. */
export function unitsOf(pid: number, proc = liveProc): readonly string[] {
  return parseUnits(proc(`${pid}/cgroup`));
}

/** The service that a process belongs to: the innermost, as in a container that a service runs. Undefined for none. */
export function serviceOf(pid: number, proc = liveProc): string | undefined {
  return innermostService(unitsOf(pid, proc));
}

/** The last of the units that is a service. */
export function innermostService(units: readonly string[]): string | undefined {
  return units.findLast((unit) => unit.endsWith('.service'));
}

/**
 * Finds services and scopes in what cgroups(7) says of a process. systemd keeps the hierarchy without controllers or the one
 * of its name, and either may be empty.
 */
export function parseUnits(cgroup: string): readonly string[] {
  const hierarchies = [...cgroup.matchAll(/^\d+:(?:name=systemd)?:(.*)$/gm)].map(([, path = '']) =>
    path
      .split('/')
      .filter((part) => /\.(?:service|scope)$/.test(part))
      // systemd puts this before what the kernel could mistake for a file of its own.
      .map((unit) => unit.replace(/^_/, '')),
  );
  return hierarchies.find((units) => units.length > 0) ?? [];
}

function childrenOf(pid: number): readonly number[] {
  return entriesOf(`/proc/${pid}/task`).flatMap((task) =>
    liveProc(`${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
}

/** The names in a directory of /proc; none for a process that has ended, or is hidden from us. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
