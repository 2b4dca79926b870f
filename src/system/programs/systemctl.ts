import { basename } from 'node:path';
import { Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { Exec } from './exec.ts';

/** The properties of a unit, from systemctl show. */
export type Properties = Readonly<Record<string, string>>;

/** By unit: `running`, or `waiting` for the jobs of units that it is ordered after. */
export type Jobs = ReadonlyMap<string, string>;

/** By each of its names: a unit, and what it is ordered after. */
type Order = ReadonlyMap<string, { readonly id: string; readonly after: readonly string[] }>;

/** Whether systemd runs this machine, so that it can be asked. */
export function hasSystemd({ exec, files }: { readonly exec: Exec; readonly files: FileSystem }): boolean {
  return exec.find('systemctl') !== undefined && files.entry(paths.systemdRuns) !== undefined;
}

/** What `systemctl show` prints: `NAME=VALUE` lines, a blank line between two units. */
export function parseProperties(output: string): readonly Properties[] {
  return output
    .split(/\n{2,}/)
    .map((block) => Object.fromEntries([...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, text]) => [key, text])));
}

/**
 * Asks for properties of units.
 * @param patience milliseconds
 * @returns the properties of each unit, in the order of `units`; undefined where systemd does not answer. An unknown unit has the
 *   LoadState not-found
 */
export async function showUnits(
  exec: Exec,
  properties: readonly string[],
  units: readonly string[],
  patience: number,
): Promise<readonly Properties[] | undefined> {
  const command = ['systemctl', 'show', `--property=${properties.join(',')}`, '--', ...units] as const;
  try {
    const { exitCode, stdout } = await exec.query(command, { timeout: patience });
    return exitCode === 0 ? parseProperties(stdout) : undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return undefined;
  }
}

/**
 * The jobs that systemd has.
 * @param patience milliseconds; QUERY_TIMEOUT when left out
 * @throws Problem when it does not answer in time
 */
export async function listJobs(exec: Exec, patience?: number): Promise<Jobs> {
  const { stdout } = await exec.query(
    ['systemctl', 'list-jobs', '--no-legend', '--no-pager', '--full'],
    within(patience),
  );
  return parseJobs(stdout);
}

/**
 * The units with jobs that `units` are ordered after, directly or through other units.
 * @param patience as listJobs
 * @returns the ids of `units`, and the ids of the units that they are ordered after
 * @throws Problem when systemd does not answer in time
 */
export async function unitsAhead(
  exec: Exec,
  units: readonly string[],
  jobs: Jobs,
  patience?: number,
): Promise<{ readonly ids: readonly string[]; readonly ahead: ReadonlySet<string> }> {
  const all = [...new Set([...units, ...jobs.keys()])];
  const { stdout } = await exec.query(
    ['systemctl', 'show', '--property=Id,Names,After', '--', ...all],
    within(patience),
  );
  const order = parseOrder(stdout);
  return { ids: units.map((unit) => order.get(unit)?.id ?? unit), ahead: reachable(units, order) };
}

function within(timeout: number | undefined): { readonly timeout: number } | undefined {
  return timeout === undefined ? undefined : { timeout };
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

/** What `systemctl show --property=Id,Names,After` prints. */
export function parseOrder(output: string): Order {
  const wordsOf = (text = ''): readonly string[] => text.split(' ').filter(Boolean);
  return new Map(
    parseProperties(output).flatMap(({ Id: id, Names, After }) =>
      id === undefined ? [] : [id, ...wordsOf(Names)].map((name) => [name, { id, after: wordsOf(After) }] as const),
    ),
  );
}

function reachable(units: readonly string[], order: Order): ReadonlySet<string> {
  const ahead = new Set<string>();
  const pending = [...units];
  for (const name of pending)
    for (const before of order.get(name)?.after ?? []) {
      const id = order.get(before)?.id;
      if (id === undefined || ahead.has(id)) continue;
      ahead.add(id);
      pending.push(id);
    }
  return ahead;
}

/** Whether a command line runs a transient service, which may be `unit`, and waits for its end. */
export function runsTransient([program = '', ...words]: readonly string[], unit: string): boolean {
  if (basename(program) !== 'systemd-run') return false;
  if (!words.some((word) => /^(?:--wait|--pipe|--pty|--shell|-[A-Za-z]*[PtS][A-Za-z]*)$/.test(word))) return false;
  return /^run-/.test(unit) || words.some((word) => word.includes(unit.replace(/\.service$/, '')));
}
