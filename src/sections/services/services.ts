import type { ServiceEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { nearestServices } from '../../nearest-name.ts';
import type { Changes, Inspection, Outcome, Section, World } from '../step.ts';
import { type InitSystem, initSystem } from './init-system.ts';
import { type Ordered, type ServiceManager, type ServiceStatus, serviceTimeout } from './manager.ts';
import { ServiceWatch } from './watch.ts';

type Action = 'enable' | 'disable' | 'start' | 'stop' | 'restart';

const DONE: Readonly<Record<Action, string>> = {
  enable: 'enabled',
  disable: 'disabled',
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
};

/** Unit files and init scripts: systemd knows what it has read, not what is on the disk now. */
const UNIT_FILES = /^\/(?:(?:etc|run|usr\/lib|lib|usr\/local\/lib)\/systemd\/|etc\/init\.d\/)/;

/** How many services are asked for together. More would be wasted: the answer is of no use once one of them was changed. */
const ASKED_TOGETHER = 16;

/** An entry among those of its config, which run one after the other with nothing in between. */
interface ListedService extends ServiceEntry {
  /** The names of all. */
  readonly names: readonly string[];
  readonly position: number;
}

interface ActionPlan {
  readonly kind: 'act';
  readonly id: string;
  readonly actions: readonly Action[];
}

/** With `reload` the init system has to read unit files first. What else is to be done is only known then. */
type ServicePlan = ActionPlan | { readonly kind: 'reload' };

/** Enables, starts, stops and restarts services by the init system that runs, whichever one the entry is listed under. */
export function servicesSection(): Section<ListedService, ServicePlan> & { readonly watch: ServiceWatch } {
  const watch = new ServiceWatch();
  const starts = new Starts();
  let init: InitSystem | undefined;
  let timeout: number | undefined;
  /** How many changed unit files the init system has been told of. */
  let readUnitFiles = 0;
  /** The services that are under way. */
  let current: readonly string[] = [];

  const managerOf = async ({ system, log }: World): Promise<ServiceManager> => {
    timeout ??= await serviceTimeout(system.files, log);
    init = await initSystem(system, timeout, init);
    return init.manager;
  };

  /** What is to be done with a service as it is. @throws Problem for one that is wanted and masked */
  const compare = (entry: ServiceEntry, status: ServiceStatus, world: World): Inspection<ActionPlan> => {
    refuseMasked(entry, status);
    if (entry.enabled === true && status.notEnabled !== undefined && !status.isEnabled)
      world.log.warning(`${status.id} cannot be enabled: ${entry.place}: ${status.notEnabled}`);
    const needed = neededActions(entry, status, starts.isToRestart(entry, status.id, world.changes));
    const actions = needed.filter((action) => status.canStart || action === 'enable' || action === 'disable');
    for (const action of needed)
      if (!actions.includes(action)) world.log.warning(notNow(entry, action, entry.enabled ?? status.isEnabled));
    if (needed.length === 0) return { state: 'unchanged' };
    if (actions.length === 0) return { state: 'skipped', reason: 'no init system runs here' };
    const what = actions.map((action) => DONE[action]).join(', ');
    return { state: 'differs', what, plan: { kind: 'act', id: status.id, actions } };
  };

  /** Reads unit files again, and looks at a service then. */
  const reload = async (entry: ListedService, world: World): Promise<Inspection<ActionPlan>> => {
    const manager = await managerOf(world);
    readUnitFiles = countUnitFiles(world.changes);
    await manager.reload?.();
    const status = await manager.status(entry.name, followers(entry));
    if (isMissed(entry, status)) throw await noService(entry, manager);
    return compare(entry, status, world);
  };

  /** @returns what was done, in words */
  const start = async (
    entry: ListedService,
    action: 'start' | 'restart',
    id: string,
    manager: ServiceManager,
    world: World,
  ): Promise<string> => {
    watch.end(id);
    const since = world.system.clock.now();
    const ordered = await manager[action](id);
    starts.add(id, world.changes);
    if (ordered === undefined || ordered.isDone)
      await watch.begin(entry, { manager, id, since, next: followers(entry), config: entry.names }, world);
    else world.log.warning(notYet(entry, id, ordered));
    return ordered === undefined ? DONE[action] : orderedWords(action, ordered);
  };

  const carryOut = async (entry: ListedService, { id, actions }: ActionPlan, world: World): Promise<Outcome> => {
    const manager = await managerOf(world);
    const done: string[] = [];
    for (const action of actions) {
      if (manager.stopsOthers?.has(action) === true) watch.expectStops(entry.names);
      if (action === 'start' || action === 'restart') done.push(await start(entry, action, id, manager, world));
      else {
        if (action === 'stop') watch.end(id, entry.names);
        await manager[action](id);
        done.push(DONE[action]);
      }
    }
    return { state: 'changed', what: done.join(', ') };
  };

  return {
    name: 'services',
    worksOnRoot: false,
    watch,

    order(entries) {
      const names = entries.map(({ name }) => name);
      return entries.map((entry, position) => ({ ...entry, names, position }));
    },

    async inspect(entry, world) {
      const manager = await managerOf(world);
      // Commands and packages have run since the services of the config before.
      if (entry.names !== current) manager.forget?.();
      current = entry.names;
      const canReload = manager.reload !== undefined;
      if (canReload && countUnitFiles(world.changes) !== readUnitFiles) return reloadFirst('a unit file has changed');
      const status = await manager.status(entry.name, followers(entry));
      // systemd may not have read yet what a package or a command has written.
      if (canReload && isMissed(entry, status)) return reloadFirst('not known yet');
      if (canReload && status.needsReload === true) return reloadFirst('its unit file has changed');
      if (isMissed(entry, status)) throw await noService(entry, manager);
      return compare(entry, status, world);
    },

    async apply(entry, plan, world) {
      if (plan.kind === 'act') return carryOut(entry, plan, world);
      const found = await reload(entry, world);
      return found.state === 'differs' ? carryOut(entry, found.plan, world) : found;
    },
  };
}

function reloadFirst(why: string): Inspection<ServicePlan> {
  return {
    state: 'differs',
    what: `${why}: unit files are read again, what else changes is unknown`,
    plan: { kind: 'reload' },
  };
}

/** The services that are asked for next. */
function followers({ names, position }: ListedService): readonly string[] {
  return names.slice(position + 1, position + ASKED_TOGETHER);
}

function isWanted({ enabled, ensureRunning }: ServiceEntry): boolean {
  return enabled === true || ensureRunning === true;
}

/** It does not exist, and the entry does more than to turn it off. */
function isMissed(entry: ServiceEntry, { isKnown }: ServiceStatus): boolean {
  const isUnwanted = !isWanted(entry) && (entry.enabled === false || entry.ensureRunning === false);
  return !isKnown && !isUnwanted;
}

async function noService({ name, place }: ServiceEntry, manager: ServiceManager): Promise<Problem> {
  const near = nearestServices(name, await manager.names());
  return new Problem(`no service ${JSON.stringify(name)}`, {
    where: place,
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'check its name, and that the package which brings it is installed',
  });
}

function refuseMasked(entry: ServiceEntry, { id, isMasked = false }: ServiceStatus): void {
  if (isMasked === false || !isWanted(entry)) return;
  throw new Problem(`${id} is masked`, {
    where: entry.place,
    hint: `run systemctl unmask ${isMasked === 'runtime' ? '--runtime ' : ''}${id}, or do not ask for it`,
  });
}

function neededActions(entry: ServiceEntry, status: ServiceStatus, isToRestart: boolean): Action[] {
  const { isEnabled, isRunning, canStart, notEnabled, isMasked = false, isGuess, isQueued } = status;
  const actions: Action[] = [];
  if (entry.enabled === true && !isEnabled && notEnabled === undefined) actions.push('enable');
  if (entry.enabled === false && isEnabled) actions.push('disable');
  const hasReason = isMasked === false && isToRestart;
  if (entry.ensureRunning === true && !isRunning) actions.push(isGuess === true && hasReason ? 'restart' : 'start');
  else if (entry.ensureRunning === false && (isRunning || isGuess === true || isQueued === true)) actions.push('stop');
  else if (isRunning && hasReason) actions.push('restart');
  // AWS's agent does a restart here, which starts what is down. In an image this is left to the boot.
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
  return `${name} is not waited for: ${place}: it is ordered after ${after}, which runs this command, so systemd starts it afterwards: see systemctl status ${id}`;
}

function countUnitFiles(changes: Changes): number {
  const paths = [...changes.names('files'), ...changes.names('sources')];
  return paths.filter((path) => UNIT_FILES.test(`${path}/`)).length;
}

type Trigger = keyof ServiceEntry['restartOn'];
const TRIGGERS: readonly Trigger[] = ['files', 'sources', 'packages', 'commands'];

/** The services that this run has started: they need not restart for what had changed by then. */
class Starts {
  /** By id: how many changes there were by then. */
  readonly #seen = new Map<string, Readonly<Record<Trigger, number>>>();

  add(id: string, changes: Changes): void {
    const counts = Object.fromEntries(TRIGGERS.map((section) => [section, changes.names(section).length]));
    this.#seen.set(id, counts as Record<Trigger, number>);
  }

  /** True when something that the entry names has changed since the run began, or since it started the service. */
  isToRestart({ restartOn }: ServiceEntry, id: string, changes: Changes): boolean {
    const seen = this.#seen.get(id);
    return TRIGGERS.some((section) => {
      const changed = changes
        .names(section)
        .slice(seen?.[section] ?? 0)
        .map(withoutSlash);
      return restartOn[section].some((name) => changed.includes(withoutSlash(name)));
    });
  }
}

/** `/opt/app` and `/opt/app/` are one directory. */
function withoutSlash(name: string): string {
  return name.length > 1 ? name.replace(/\/+$/, '') : name;
}
