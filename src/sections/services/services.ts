import type { ServiceEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { nearestServices } from '../../nearest-name.ts';
import type { Inspection, Outcome, Section, World } from '../step.ts';
import { serviceTimeout } from './bounds.ts';
import { initSystem } from './init-system.ts';
import type { Ordered, ServiceManager, ServiceStatus } from './manager.ts';
import { hasReasonToRestart, memoryOf, rememberStart } from './run-memory.ts';
import { beginWatch, endWatch, problemsOfWatched } from './watch.ts';

type Action = 'enable' | 'disable' | 'start' | 'stop' | 'restart';

const DONE: Readonly<Record<Action, string>> = {
  enable: 'enabled',
  disable: 'disabled',
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
};

/** Unit files and init scripts: systemd knows what it read before, not what lies on the disk now. */
const UNIT_FILES = /^\/(?:(?:etc|run|usr\/lib|lib|usr\/local\/lib)\/systemd\/|etc\/init\.d\/)/;

interface PlannedService extends ServiceEntry {
  /** The last service of its config: there it is seen whether all that were started have stayed up. */
  readonly isLast?: boolean;
}

/** Enables, starts, stops and restarts services by the init system that runs, whichever one the entry is listed under. */
export const servicesSection: Section<PlannedService, undefined> = {
  name: 'services',
  worksOnRoot: false,
  order: (entries) => entries.map((entry, index) => ({ ...entry, isLast: index === entries.length - 1 })),

  async inspect(entry, world): Promise<Inspection<undefined>> {
    const actions = await thenWatch(entry, world, async () => {
      const status = await look(entry, await managerOf(world), world);
      if (entry.enabled === true && status.notEnabled !== undefined && !status.isEnabled)
        world.log.warning(`${status.id} cannot be enabled: ${entry.place}: ${status.notEnabled}`);
      return neededActions(entry, status, world);
    });
    if (actions.length > 0)
      return { state: 'differs', what: actions.map((action) => DONE[action]).join(', '), plan: undefined };
    if (entry.isLast === true) await endWatch(world);
    return { state: 'unchanged' };
  },

  async apply(entry, _, world) {
    const outcome = await thenWatch(entry, world, () => carryOut(entry, world));
    if (entry.isLast === true) await endWatch(world);
    return outcome;
  },
};

/** Does the work of an entry. Where that fails for the last one, the services that were started are looked at all the same. */
async function thenWatch<T>(entry: PlannedService, world: World, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (entry.isLast === true) for (const problem of await problemsOfWatched(world)) world.log.error(problem.line);
    throw error;
  }
}

async function carryOut(entry: PlannedService, world: World): Promise<Outcome> {
  const manager = await managerOf(world);
  const status = await look(entry, manager, world);
  const actions = neededActions(entry, status, world);
  const done: string[] = [];
  for (const action of actions) {
    if (!status.canStart && action !== 'enable' && action !== 'disable') {
      world.log.warning(notNow(entry, action, entry.enabled ?? status.isEnabled));
      continue;
    }
    const since = world.system.clock.now();
    if (action !== 'start' && action !== 'restart') {
      await manager[action](status.id);
      done.push(DONE[action]);
      continue;
    }
    const ordered = await manager[action](status.id);
    done.push(ordered === undefined ? DONE[action] : orderedWords(action, ordered));
    if (ordered === undefined || ordered.isDone) await beginWatch(entry, status.id, manager, since, world);
    else {
      rememberStart(status.id, world.changes);
      world.log.warning(notYet(entry, status.id, ordered));
    }
  }
  if (done.length > 0) return { state: 'changed', what: done.join(', ') };
  return actions.length === 0 ? { state: 'unchanged' } : { state: 'skipped', reason: 'no init system runs here' };
}

async function managerOf({ system, log, changes }: World): Promise<ServiceManager> {
  const memory = memoryOf(changes);
  memory.timeout ??= await serviceTimeout(system.files, log);
  return initSystem(system, memory.timeout);
}

/** @throws Problem for a service that is wanted and is not there, or is masked */
async function look(entry: ServiceEntry, manager: ServiceManager, world: World): Promise<ServiceStatus> {
  await tellOfUnitFiles(manager, world);
  const isWanted = entry.enabled === true || entry.ensureRunning === true;
  const status = await manager.status(entry.name);
  const isUnwanted = !isWanted && (entry.enabled === false || entry.ensureRunning === false);
  const isMissed = !status.isKnown && !isUnwanted;
  if (!isMissed && status.needsReload !== true) return refuseMasked(entry, status, isWanted);
  // What a package or a command has put there may not have been read yet.
  await manager.reload();
  const fresh = await manager.status(entry.name);
  if (fresh.isKnown || !isMissed) return refuseMasked(entry, fresh, isWanted);
  const near = nearestServices(entry.name, await manager.names());
  throw new Problem(`no service ${JSON.stringify(entry.name)}`, {
    where: entry.place,
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'check its name, and that the package which brings it is installed',
  });
}

function refuseMasked({ place }: ServiceEntry, status: ServiceStatus, isWanted: boolean): ServiceStatus {
  const { id, isMasked = false } = status;
  if (isMasked !== false && isWanted)
    throw new Problem(`${id} is masked`, {
      where: place,
      hint: `run systemctl unmask ${isMasked === 'runtime' ? '--runtime ' : ''}${id}, or do not ask for it`,
    });
  return status;
}

function neededActions(entry: ServiceEntry, status: ServiceStatus, { changes }: World): Action[] {
  const { isEnabled, isRunning, canStart, notEnabled, isMasked = false, isGuess, isQueued, id } = status;
  const actions: Action[] = [];
  if (entry.enabled === true && !isEnabled && notEnabled === undefined) actions.push('enable');
  if (entry.enabled === false && isEnabled) actions.push('disable');
  const hasReason = isMasked === false && hasReasonToRestart(entry, id, changes);
  if (entry.ensureRunning === true && !isRunning) actions.push(isGuess === true && hasReason ? 'restart' : 'start');
  else if (entry.ensureRunning === false && (isRunning || isGuess === true || isQueued === true)) actions.push('stop');
  else if (isRunning && hasReason) actions.push('restart');
  // As AWS's agent, whose restart starts what is down. In an image it waits for the boot.
  else if (hasReason && canStart && entry.ensureRunning === undefined)
    actions.push(isGuess === true ? 'restart' : 'start');
  return actions;
}

function notNow({ name, place }: ServiceEntry, action: Action, isEnabled: boolean): string {
  const later = isEnabled ? 'it starts at the next boot' : 'it is not enabled, so that no boot starts it either';
  return `${name} is not ${DONE[action]}, no init system runs here: ${place}: ${later}`;
}

function orderedWords(action: Action, { after, isDone }: Ordered): string {
  return isDone ? `${DONE[action]} although it is ordered after ${after}` : `to be ${DONE[action]} after ${after}`;
}

function notYet({ name, place }: ServiceEntry, id: string, { after }: Ordered): string {
  return `${name} is not waited for: ${place}: it is ordered after ${after}, in which this runs, and systemd starts it then: see systemctl status ${id}`;
}

async function tellOfUnitFiles(manager: ServiceManager, { changes }: World): Promise<void> {
  const memory = memoryOf(changes);
  const paths = [...changes.names('files'), ...changes.names('sources')];
  const count = paths.filter((path) => UNIT_FILES.test(`${path}/`)).length;
  if (count === memory.unitFiles) return;
  memory.unitFiles = count;
  await manager.reload();
}
