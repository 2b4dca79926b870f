import type { ServiceEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import type { Changes, Probe, Section, World } from '../step.ts';
import { initSystem } from './init-system.ts';
import type { ServiceManager } from './manager.ts';

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

/** How many changed unit files the init system has been told of, in each run. */
const reloaded = new WeakMap<Changes, number>();

/** Enables, starts, stops and restarts services by the init system that runs, whichever one the entry is listed under. */
export const servicesSection: Section<ServiceEntry> = {
  name: 'services',
  worksOnRoot: false,
  plan: (entries) => entries,

  async probe(entry, world): Promise<Probe> {
    const actions = await neededActions(entry, initSystem(world.system), world);
    if (actions.length === 0) return { state: 'unchanged' };
    return { state: 'differs', what: actions.map((action) => DONE[action]).join(', ') };
  },

  async apply(entry, world) {
    const manager = initSystem(world.system);
    const done: string[] = [];
    for (const action of await neededActions(entry, manager, world)) {
      if (!manager.canStart && action !== 'enable' && action !== 'disable') {
        world.log.warning(`no init system runs here, ${entry.name} is not ${DONE[action]}: ${entry.pointer}`);
        continue;
      }
      await manager[action](entry.name);
      done.push(DONE[action]);
    }
    return done.length === 0
      ? { state: 'skipped', reason: 'no init system runs here' }
      : { state: 'changed', what: done.join(', ') };
  },
};

async function neededActions(entry: ServiceEntry, manager: ServiceManager, world: World): Promise<Action[]> {
  await tellOfUnitFiles(manager, world);
  const status = await manager.status(entry.name);
  const wantsNothingOfIt = entry.enabled === false && entry.ensureRunning !== true;
  if (!status.isKnown && !wantsNothingOfIt)
    throw new Problem(`no service ${JSON.stringify(entry.name)}`, {
      where: entry.pointer,
      hint: 'check its name, and that the package which brings it is installed',
    });
  const actions: Action[] = [];
  if (entry.enabled === true && !status.isEnabled) actions.push('enable');
  if (entry.enabled === false && status.isEnabled) actions.push('disable');
  if (entry.ensureRunning === true && !status.isRunning) actions.push('start');
  else if (entry.ensureRunning === false && status.isRunning) actions.push('stop');
  else if (status.isRunning && hasReasonToRestart(entry, world.changes)) actions.push('restart');
  return actions;
}

function hasReasonToRestart({ restartOn }: ServiceEntry, changes: Changes): boolean {
  return (['files', 'sources', 'packages', 'commands'] as const).some((section) =>
    restartOn[section].some((name) => changes.has(section, name)),
  );
}

async function tellOfUnitFiles(manager: ServiceManager, { changes }: World): Promise<void> {
  const count = [...changes.names('files'), ...changes.names('sources')].filter((path) =>
    UNIT_FILES.test(`${path}/`),
  ).length;
  if (count === 0 || reloaded.get(changes) === count) return;
  reloaded.set(changes, count);
  if (manager.canStart) await manager.reload();
}
