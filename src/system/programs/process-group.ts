import { errnoOf } from '../../errors.ts';
import { ancestorsOf, groupsBelow, isAnyGroupRunning, isSameProgram } from './processes.ts';

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 10_000;
/** Milliseconds between two looks at whether a process group is gone. */
const LOOK = 50;

/** The groups that are being ended. */
const ending = new Set<number>();
let grace: number | undefined;

/**
 * Milliseconds between SIGTERM and SIGKILL for what we run. Where one of us runs another (a hook that calls cfn-init, a
 * command that does), the outer one kills the inner one after its own grace, and what the inner one runs is in a group of
 * its own. So the inner one takes half of the time.
 * To be called before anybody is told to end: afterwards nobody can see who ran whom.
 */
export function groupGrace(): number {
  grace ??= GRACE / 2 ** ancestorsOf(process.pid).filter(({ pid }) => isSameProgram(pid)).length;
  return grace;
}

/**
 * Ends a process group, and the groups of what its leader has started: SIGTERM, and SIGKILL for what is still there when the
 * grace is over.
 * @param most milliseconds of grace at most
 */
export async function endGroup(leader: number, most = GRACE): Promise<void> {
  const deadline = process.hrtime.bigint() + BigInt(Math.round(Math.min(groupGrace(), most))) * 1_000_000n;
  // Looked up before any signal is sent: what loses its parent can no longer be found.
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
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  } finally {
    for (const group of groups) ending.delete(group);
  }
}

/** Kills what endGroup still waits for. */
export function killEndingGroups(): void {
  for (const leader of ending) sendToGroup(leader, 'SIGKILL');
}

/**
 * Sends a signal to all of a process group.
 * @param signal 0 to look only
 * @returns false when nobody is left in it
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
