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
 * Looks again at all services that were started, once the last of them has been up for a few seconds: many a program
 * ends a second after its start, when its port is taken or its database is not there. They are waited for together.
 * @throws Problem for one that did not stay up; the others that did not are told of first
 */
export async function endWatch(world: World): Promise<void> {
  const { system, log, changes } = world;
  const memory = memoryOf(changes);
  const watched = memory.watched.splice(0);
  if (watched.length === 0) return;
  const left = memory.lastStart + (await watchSeconds(world)) * 1000 - system.clock.elapsed();
  if (left > 0) await system.clock.sleep(left);
  let problem: Problem | undefined;
  for (const { entry, check } of watched) {
    const trouble = await check();
    if (trouble === undefined) continue;
    if (problem !== undefined) log.error(problem.line);
    problem = problemOf(entry, trouble);
  }
  if (problem !== undefined) throw problem;
}

/** `service-watch` in cfntools.conf, or 3. */
async function watchSeconds({ system, log }: World): Promise<number> {
  return secondsSetting(await readSettings(system.files), 'service-watch', WATCH_SECONDS, log, { most: 9999 });
}

function problemOf({ name, pointer }: ServiceEntry, { what, hint, output }: Trouble): Problem {
  return new Problem(`service ${JSON.stringify(name)} ${what}`, {
    where: pointer,
    hint,
    ...(output === undefined ? {} : { output }),
  });
}
