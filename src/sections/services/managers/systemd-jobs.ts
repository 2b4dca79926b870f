import { Problem } from '../../../errors.ts';
import type { System } from '../../../system/system.ts';

type Machine = Pick<System, 'exec' | 'files' | 'clock'>;
/** By unit: `running`, or `waiting` for the jobs of units that it is ordered after. */
type Jobs = ReadonlyMap<string, string>;

/** Milliseconds between two looks at the jobs. */
const SHORTEST_PAUSE = 200;
const LONGEST_PAUSE = 2000;
const MOST_BYTES = 65_536;

/**
 * While a call of systemctl waits for a unit to start: finds out whether the unit in turn waits for us. User data runs in
 * cloud-final.service, which is not started before it has ended, and neither is what is ordered after that.
 * @param call ends when systemctl does
 * @returns the unit that we run in; undefined when the call has ended, or when nothing that we run in is being started
 */
export async function heldBy(unit: string, call: Promise<unknown>, machine: Machine): Promise<string | undefined> {
  let hasEnded = false;
  const end = (): void => {
    hasEnded = true;
  };
  const ended = call.then(end, end);
  for (let pause = SHORTEST_PAUSE; !hasEnded; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const { jobs, ours } = await startingUnits(machine);
    if (ours.length === 0) return undefined;
    // Where it is under way already, nothing holds it.
    const after = jobs.get(unit) === 'waiting' ? await unitAhead(unit, jobs, ours, machine) : undefined;
    if (after !== undefined) return after;
    await Promise.race([ended, machine.clock.sleep(pause)]);
  }
  return undefined;
}

/** @returns as heldBy, for a unit that is not asked to start yet */
export async function wouldBeHeldBy(unit: string, machine: Machine): Promise<string | undefined> {
  const { jobs, ours } = await startingUnits(machine);
  return ours.length === 0 ? undefined : unitAhead(unit, jobs, ours, machine);
}

/** The jobs that systemd has, and the units among them that we run in. */
async function startingUnits({ exec, files }: Machine): Promise<{ jobs: Jobs; ours: readonly string[] }> {
  const { stdout } = await exec.query(['systemctl', 'list-jobs', '--no-legend', '--no-pager', '--full']);
  const jobs = parseJobs(stdout);
  return { jobs, ours: jobs.size === 0 ? [] : unitsAround(files).filter((unit) => jobs.has(unit)) };
}

/** The one of our units that another is ordered after, be it by way of further units that wait. */
async function unitAhead(
  unit: string,
  jobs: Jobs,
  ours: readonly string[],
  { exec }: Machine,
): Promise<string | undefined> {
  const { stdout } = await exec.query(['systemctl', 'show', '--property=Id,After', '--', unit, ...jobs.keys()]);
  const order = parseOrder(stdout);
  const seen = new Set([unit]);
  for (const name of seen)
    for (const before of order.get(name) ?? []) {
      if (ours.includes(before)) return before;
      if (jobs.has(before)) seen.add(before);
    }
  return undefined;
}

/** What `systemctl list-jobs` prints: `95  cloud-final.service start running`. */
export function parseJobs(listing: string): Jobs {
  return new Map(
    [...listing.matchAll(/^\s*\d+\s+(\S+)\s+\S+\s+(waiting|running)\s*$/gm)].map(([, unit = '', state = '']) => [
      unit,
      state,
    ]),
  );
}

/** What `systemctl show --property=Id,After` prints, a blank line between units: what each is ordered after. */
export function parseOrder(properties: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    properties.split(/\n\n+/).map((block) => {
      const of = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(block)?.[1] ?? '';
      return [of('Id'), of('After').split(' ')];
    }),
  );
}

/**
 * The units that we and our ancestors run in: `su -` gives its shell a session of its own, for which user data waits all the
 * same.
 */
function unitsAround(files: System['files']): readonly string[] {
  const units = new Set<string>();
  const read = (pid: string, name: string): string => {
    try {
      return files.readIfPresent(`/proc/${pid}/${name}`, MOST_BYTES)?.toString('utf8') ?? '';
    } catch (error) {
      if (error instanceof Problem) return ''; // it has ended, or is hidden from us
      throw error;
    }
  };
  for (let pid = 'self'; pid !== '' && pid !== '0'; pid = parentOf(read(pid, 'stat'))) {
    const unit = unitOf(read(pid, 'cgroup'));
    if (unit !== undefined) units.add(unit);
  }
  return [...units];
}

/** @param stat of a process, proc(5) */
export function parentOf(stat: string): string {
  return /^\d+ \(.*\) \S (\d+) /s.exec(stat)?.[1] ?? '';
}

/** @param cgroup of a process, cgroups(7): the hierarchy that systemd keeps is the one without controllers, or named */
export function unitOf(cgroup: string): string | undefined {
  return [...cgroup.matchAll(/^\d+:(?:name=systemd)?:(.*)$/gm)]
    .flatMap(([, path = '']) => path.split('/'))
    .find((part) => /\.(service|scope)$/.test(part))
    ?.replace(/^_/, ''); // systemd puts this before what the kernel could take for a file of its own
}
