import type { ServiceEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { readSettings, secondsSetting } from '../../settings.ts';
import type { World } from '../step.ts';
import type { ServiceManager, Trouble } from './manager.ts';
import { memoryOf, rememberStart } from './run-memory.ts';

/** Seconds that a service must have been up to count as started. */
const WATCH_SECONDS = 3;

/**
 * Takes a service under watch that was just started or restarted.
 * @param since when that was begun
 * @throws Problem when it is plain at once that it does not run
 */
export async function beginWatch(
  entry: ServiceEntry,
  id: string,
  manager: ServiceManager,
  since: Date,
  { system, changes }: World,
): Promise<void> {
  const memory = memoryOf(changes);
  rememberStart(id, changes);
  const watch = await manager.watch(id, since);
  if (watch === undefined) return;
  if (typeof watch !== 'function') throw problemOf(entry, watch);
  memory.watched.push({ entry, check: watch });
  memory.lastStart = system.clock.elapsed();
}

/**
 * Ends the watch over all services that were started.
 * @throws Problem for one that did not stay up; the others that did not are told of first
 */
export async function endWatch(world: World): Promise<void> {
  const problems = await problemsOfWatched(world);
  const last = problems.pop();
  for (const { line } of problems) world.log.error(line);
  if (last !== undefined) throw last;
}

/**
 * Looks again at all services that were started, once the last of them has been up for a few seconds: many a program
 * ends a second after its start, when its port is taken or its database is not there. They are waited for together.
 * @returns what is wrong with those that did not stay up, or cannot be looked at, in the order of their starts
 */
export async function problemsOfWatched(world: World): Promise<Problem[]> {
  const { system, changes } = world;
  const memory = memoryOf(changes);
  const watched = memory.watched.splice(0);
  if (watched.length === 0) return [];
  const left = memory.lastStart + (await watchSeconds(world)) * 1000 - system.clock.elapsed();
  if (left > 0) await system.clock.sleep(left);
  const problems: Problem[] = [];
  for (const { entry, check } of watched) {
    try {
      const trouble = await check();
      if (trouble !== undefined) problems.push(problemOf(entry, trouble));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(error);
    }
  }
  return problems;
}

/** `service-watch` in cfntools.conf, or 3. */
async function watchSeconds({ system, log }: World): Promise<number> {
  return secondsSetting(await readSettings(system.files), 'service-watch', WATCH_SECONDS, log, { most: 9999 });
}

function problemOf({ name, place }: ServiceEntry, { what, hint, output }: Trouble): Problem {
  return new Problem(`service ${JSON.stringify(name)} ${what}`, {
    where: place,
    hint,
    ...(output === undefined ? {} : { output }),
  });
}
