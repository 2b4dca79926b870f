import { basename } from 'node:path';
import { descendantCommands } from '../system/processes.ts';
import type { System } from '../system/system.ts';

/** The verbs of systemctl that wait for the jobs they ask for (systemctl(1)). */
const WAITING_VERBS = /^(?:start|stop|restart|reload|(?:try|reload|force|cond).*|isolate|enable|reenable|disable)$/;
const UNIT_TYPE = /\.(?:service|socket|target|timer|path|mount|device|scope|slice|swap|automount)$/;

/**
 * Whether a process waits, by a systemctl or systemd-run that it has started, for the systemd service that we are in: the
 * service is what it has asked for, or a job that what it has asked for waits for. Our own parent is process 1 then.
 */
export async function waitsForOurUnit(pid: number, { files, exec }: System): Promise<boolean> {
  const unit = serviceOf(files.readIfPresent('/proc/self/cgroup', 65_536)?.toString('utf8') ?? '');
  if (unit === undefined) return false;
  const commands = descendantCommands(pid);
  if (commands.some((words) => runsTransient(words, unit))) return true;
  const asked = commands.flatMap(unitsWaitedFor);
  if (asked.length === 0) return false;
  if (asked.includes(unit)) return true;
  if (exec.find('systemctl') === undefined) return false;
  const jobs = (await exec.query(['systemctl', 'list-jobs', '--no-legend', '--no-pager'])).stdout;
  const running = [...jobs.matchAll(/^\W*\d+\s+(\S+)/gm)].map(([, name]) => name as string);
  if (!running.includes(unit)) return false;
  const units = [...new Set([...asked, ...running])];
  const shown = await exec.query(['systemctl', 'show', '--property=Id,Names,After', '--', ...units]);
  return leadsTo(unit, asked, shown.stdout);
}

/**
 * The service that a process belongs to, by its /proc/PID/cgroup.
 * @returns undefined for a process of a session
 */
export function serviceOf(cgroups: string): string | undefined {
  // systemd's own hierarchy is the unified one or, on older machines, one of that name; either may be there and empty.
  return [...cgroups.matchAll(/^(?:0:|\d+:name=systemd):(.*)$/gm)]
    .flatMap(([, path = '']) => path.split('/').findLast((name) => name.endsWith('.service')) ?? [])
    .at(0);
}

/** The units that a command line asks systemd for, when it waits for them. */
export function unitsWaitedFor([program = '', ...words]: readonly string[]): readonly string[] {
  if (basename(program) !== 'systemctl' || words.includes('--no-block')) return [];
  const [verb = '', ...names] = words.filter((word) => !word.startsWith('-'));
  return WAITING_VERBS.test(verb) ? names.map((name) => (UNIT_TYPE.test(name) ? name : `${name}.service`)) : [];
}

/** Whether a command line runs something as a transient service, which may be ours, and waits for its end. */
function runsTransient([program = '', ...words]: readonly string[], unit: string): boolean {
  if (basename(program) !== 'systemd-run') return false;
  if (!words.some((word) => /^(?:--wait|--pipe|--pty|--shell|-[A-Za-z]*[PtS][A-Za-z]*)$/.test(word))) return false;
  return /^run-/.test(unit) || words.some((word) => word.includes(unit.replace(/\.service$/, '')));
}

/** @param shown blocks of properties, as systemctl show prints them */
function leadsTo(unit: string, asked: readonly string[], shown: string): boolean {
  const units = new Map<string, { readonly id: string; readonly after: readonly string[] }>();
  for (const block of shown.split(/\n{2,}/)) {
    const property = (name: string): string[] =>
      (new RegExp(`^${name}=(.*)$`, 'm').exec(block)?.[1] ?? '').split(' ').filter(Boolean);
    const [id] = property('Id');
    if (id !== undefined)
      for (const name of [id, ...property('Names')]) units.set(name, { id, after: property('After') });
  }
  const seen = new Set<string>();
  const pending = [...asked];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { id, after } = units.get(next) ?? { id: next, after: [] };
    if (id === unit) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    pending.push(...after.filter((name) => units.has(name)));
  }
  return false;
}
