import { errnoOf } from '../../errors.ts';
import { ancestorsOf, groupsBelow, isAnyGroupRunning, isSameProgram } from './processes.ts';

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 10_000;
/** Milliseconds between two checks whether a process group has ended. */
const CHECK_INTERVAL = 50;

/** The groups that are being ended. */
const ending = new Set<number>();
let grace: number | undefined;

/**
 * Milliseconds between SIGTERM and SIGKILL for the programs that we run. A hook or a command may call cfn-init again. Then the outer
 * process kills the inner one after its own grace, but the programs of the inner one are in another group. So the inner one takes
 * half of the time.
 * Call this before any process gets a signal: afterwards the chain of parents can no longer be read.
 */
export function groupGrace(): number {
  grace ??= GRACE / 2 ** ancestorsOf(process.pid).filter(({ pid }) => isSameProgram(pid)).length;
  return grace;
}

/**
 * Ends a process group and the groups of the processes that its leader has started: SIGTERM, and SIGKILL for those that still run
 * when the grace is over.
 * @param most milliseconds of grace at most
 */
export async function endGroup(leader: number, most = GRACE): Promise<void> {
  const deadline = process.hrtime.bigint() + BigInt(Math.round(Math.min(groupGrace(), most))) * 1_000_000n;
  // Looked up before any signal is sent: a process that has lost its parent can no longer be found.
  const groups = new Set([leader, ...groupsBelow(leader)]);
  const signal = (name: NodeJS.Signals | 0): boolean =>
    [...groups].filter((group) => sendToGroup(group, name)).length > 0;
  if (!signal('SIGTERM')) return;
  for (const group of groups) ending.add(group);
  try {
    while (signal(0) && isAnyGroupRunning(groups)) {
      if (process.hrtime.bigint() > deadline) {
        for (const group of groupsBelow(leader)) groups.add(group);
        signal('SIGKILL');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, CHECK_INTERVAL));
    }
  } finally {
    for (const group of groups) ending.delete(group);
  }
}

/** Kills the groups that endGroup still waits for. */
export function killEndingGroups(): void {
  for (const leader of ending) sendToGroup(leader, 'SIGKILL');
}

/**
 * Sends a signal to all of a process group.
 * @param signal 0 only checks
 * @returns false when no process is left in it
 */
export function sendToGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  return send(-leader, signal);
}

/** Sends a signal to one process. @returns false when it has ended */
export function sendToProcess(pid: number, signal: NodeJS.Signals): boolean {
  return send(pid, signal);
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
