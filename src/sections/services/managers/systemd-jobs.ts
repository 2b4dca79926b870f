import { paths } from '../../../paths.ts';
import type { Exec } from '../../../system/programs/exec.ts';
import { allProcesses, ancestorsOf, argumentsOf, serviceOf, unitsOf } from '../../../system/programs/processes.ts';
import { type Jobs, listJobs, runsTransient, unitsAhead } from '../../../system/programs/systemctl.ts';
import type { System } from '../../../system/system.ts';

/** Milliseconds between two looks at the jobs. */
const SHORTEST_PAUSE = 200;
const LONGEST_PAUSE = 2000;

/**
 * While a call of systemctl waits for a unit to start: finds out whether the unit in turn waits for us. User data runs in
 * cloud-final.service, which is not started before it has ended, and neither is what is ordered after that.
 * @param call ends when systemctl does
 * @returns the unit that we run in; undefined when the call has ended, or when nothing that we run in is being started
 */
export async function heldBy(
  unit: string,
  call: Promise<unknown>,
  { exec, clock }: Pick<System, 'exec' | 'clock'>,
): Promise<string | undefined> {
  let hasEnded = false;
  const end = (): void => {
    hasEnded = true;
  };
  const ended = call.then(end, end);
  for (let pause = SHORTEST_PAUSE; !hasEnded; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const { jobs, ours } = await startingUnits(exec);
    if (ours.length === 0) return undefined;
    // Where it is under way already, nothing holds it.
    const after = jobs.get(unit) === 'waiting' ? await unitAhead(unit, jobs, ours, exec) : undefined;
    if (after !== undefined) return after;
    await Promise.race([ended, clock.sleep(pause)]);
  }
  return undefined;
}

/** @returns as heldBy, for a unit that is not asked to start yet */
export async function wouldBeHeldBy(unit: string, { exec }: Pick<System, 'exec'>): Promise<string | undefined> {
  const { jobs, ours } = await startingUnits(exec);
  return ours.length === 0 ? undefined : unitAhead(unit, jobs, ours, exec);
}

/** The jobs that systemd has, and the units among them that we run in. */
async function startingUnits(exec: Exec): Promise<{ jobs: Jobs; ours: readonly string[] }> {
  const jobs = await listJobs(exec);
  if (jobs.size === 0) return { jobs, ours: [] };
  const around = unitsAround(process.pid);
  const own = around.filter((unit) => jobs.has(unit));
  if (own.length > 0) return { jobs, ours: own };
  // Not our ancestor, but user data may wait for it: `systemd-run --wait cfn-init`.
  const starters = allProcesses().filter((pid) => around.some((unit) => runsTransient(argumentsOf(pid), unit)));
  return { jobs, ours: starters.flatMap(unitsAround).filter((unit) => jobs.has(unit)) };
}

/** The units that a process and its ancestors run in: user data waits for `su -`, which makes a session of its own, as well. */
function unitsAround(pid: number): readonly string[] {
  const pids = [pid, ...ancestorsOf(pid).map((ancestor) => ancestor.pid)];
  return [...new Set(pids.flatMap((one) => unitsOf(one)))];
}

/** The one of our units that another is ordered after, be it by way of further units that wait. */
async function unitAhead(unit: string, jobs: Jobs, ours: readonly string[], exec: Exec): Promise<string | undefined> {
  const { ahead } = await unitsAhead(exec, [unit], jobs);
  return ours.find((one) => ahead.has(one));
}

/** The unit of our package. */
export const HUP_UNIT = 'cfn-hup.service';

/**
 * Whether a unit, by whatever name, is the daemon whose action runs us. The daemon ends after
 * its actions, so an action that waits for its end waits for itself, until the daemon's own time limit ends the action.
 */
export function isOwnDaemon(unit: string, { locks }: Pick<System, 'locks'>): boolean {
  if (serviceOf(process.pid) !== unit) return false;
  if (unit === HUP_UNIT) return true;
  const daemon = locks.lastHolder(paths.hupDaemonLock);
  return daemon !== undefined && serviceOf(daemon) === unit;
}
