import { basename } from 'node:path';
import { Problem } from '../errors.ts';
import { descendantCommands, serviceOf } from '../system/programs/processes.ts';
import { listJobs, runsTransient, unitsAhead } from '../system/programs/systemctl.ts';
import type { System } from '../system/system.ts';

/** The verbs of systemctl that wait for the jobs they ask for (systemctl(1)). */
const WAITING_VERBS = /^(?:start|stop|restart|reload|(?:try|reload|force|cond).*|isolate|enable|reenable|disable)$/;
const UNIT_TYPE = /\.(?:service|socket|target|timer|path|mount|device|scope|slice|swap|automount)$/;

/** Milliseconds that systemctl may take. */
const SYSTEMCTL_TIMEOUT = 30_000;

/**
 * Whether a process waits for the systemd service that we are in, through a systemctl or systemd-run that it has started. It
 * has asked for our service, or for a unit whose job waits for our service. Our own parent is process 1 then.
 * @returns also false when systemd does not answer
 */
export async function waitsForOurUnit(pid: number, { exec }: Pick<System, 'exec'>): Promise<boolean> {
  const unit = serviceOf(process.pid);
  if (unit === undefined) return false;
  const commands = descendantCommands(pid);
  if (commands.some((words) => runsTransient(words, unit))) return true;
  const asked = commands.flatMap(unitsWaitedFor);
  if (asked.length === 0) return false;
  if (asked.includes(unit)) return true;
  if (exec.find('systemctl') === undefined) return false;
  try {
    const jobs = await listJobs(exec, SYSTEMCTL_TIMEOUT);
    if (!jobs.has(unit)) return false;
    const { ids, ahead } = await unitsAhead(exec, asked, jobs, SYSTEMCTL_TIMEOUT);
    return ids.includes(unit) || ahead.has(unit);
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

/** The units that a command line asks systemd for, when it waits for them. */
export function unitsWaitedFor([program = '', ...words]: readonly string[]): readonly string[] {
  if (basename(program) !== 'systemctl' || words.includes('--no-block')) return [];
  const [verb = '', ...names] = words.filter((word) => !word.startsWith('-'));
  return WAITING_VERBS.test(verb) ? names.map((name) => (UNIT_TYPE.test(name) ? name : `${name}.service`)) : [];
}
