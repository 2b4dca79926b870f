import type { ServiceEntry } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { readSettings, secondsSetting } from '../../settings.ts';
import type { Watch, World } from '../step.ts';
import type { Check, Fault, ServiceManager } from './manager.ts';

/** Seconds that a service must have been up to count as started. */
const WATCH_SECONDS = 3;

/** A service that this run has started, to be looked at again. */
interface Watched {
  readonly entry: ServiceEntry;
  readonly start: Start;
  readonly check: Check;
  /** Milliseconds of the clock's `elapsed`. */
  readonly startedAt: number;
  mayBeStopped: boolean;
}

/** A start, or a restart. */
export interface Start {
  readonly manager: ServiceManager;
  readonly id: string;
  /** When it was begun. */
  readonly since: Date;
  /** Services that are asked for next. */
  readonly next: readonly string[];
  /** Stands for the config of the service. */
  readonly config: object;
}

/**
 * Looks again at the services that were started, once each has been up for a few seconds: many programs end a second after
 * their start, because a port is taken or a database is not available.
 */
export class ServiceWatch implements Watch {
  #watched: Watched[] = [];
  /** `service-watch` in cfntools.conf; read when the first service was started. */
  #seconds: number | undefined;

  /**
   * Begins to watch a service that was just started or restarted.
   * @throws Problem when it has failed already
   */
  async begin(entry: ServiceEntry, start: Start, { system, log }: World): Promise<void> {
    this.#seconds ??= secondsSetting(await readSettings(system.files), 'service-watch', WATCH_SECONDS, log, {
      most: 9999,
    });
    const check = await start.manager.watch(start.id, start.since, start.next);
    if (check === undefined) return;
    if (typeof check !== 'function') throw problemOf(entry, check);
    const startedAt = system.clock.elapsed();
    this.#watched.push({ entry, start, check, startedAt, mayBeStopped: false });
  }

  /**
   * To be called when the run itself stops the service, or starts it anew.
   * @param unless a config: a service that this has started, and now stops by another of its names, is not as it asks
   */
  end(id: string, unless?: object): void {
    this.#watched = this.#watched.filter(({ start }) => start.id !== id || start.config === unless);
  }

  /**
   * To be called before a step that may stop services on purpose, whether or not it succeeds.
   * @param config if it is about a service, that one's: services of one config are all to run, and do not stop each other on purpose
   */
  expectStops(config?: object): void {
    for (const watched of this.#watched) if (watched.start.config !== config) watched.mayBeStopped = true;
  }

  entries(which: 'due' | 'all', { system }: World): readonly ServiceEntry[] {
    if (this.#watched.length === 0) return [];
    const now = system.clock.elapsed();
    return this.#watched.filter((watched) => which === 'all' || this.#dueAt(watched) <= now).map(({ entry }) => entry);
  }

  async look(entries: readonly ServiceEntry[], world: World): Promise<ReadonlyMap<ServiceEntry, Problem>> {
    const { clock } = world.system;
    const chosen = this.#watched.filter(({ entry }) => entries.includes(entry));
    this.#watched = this.#watched.filter(({ entry }) => !entries.includes(entry));
    const left = Math.max(...chosen.map((watched) => this.#dueAt(watched))) - clock.elapsed();
    if (left > 0) {
      world.onWait?.(`waiting until ${chosen.length === 1 ? 'it has' : 'they have'} run for ${this.#seconds} s`);
      await clock.sleep(left);
      world.onWait?.(undefined);
    }
    for (const manager of new Set(chosen.map(({ start }) => start.manager))) manager.forget?.();
    const problems = new Map<ServiceEntry, Problem>();
    for (const [index, watched] of chosen.entries()) {
      const next = chosen.slice(index + 1).map(({ start }) => start.id);
      const problem = await problemWith(watched, next, world);
      if (problem !== undefined) problems.set(watched.entry, problem);
    }
    return problems;
  }

  #dueAt({ startedAt }: Watched): number {
    return startedAt + (this.#seconds ?? WATCH_SECONDS) * 1000;
  }
}

/** What is wrong with a service, or why it cannot be looked at. */
async function problemWith(
  { entry, check, mayBeStopped }: Watched,
  next: readonly string[],
  { log }: World,
): Promise<Problem | undefined> {
  try {
    const found = await check({ next, mayBeStopped });
    if (typeof found === 'object') return problemOf(entry, found);
    const service = `service ${JSON.stringify(entry.name)}`;
    if (found === 'stopped') log.info(`${service} was stopped after its start: ${entry.place}`);
    if (found === 'perhaps stopped')
      log.warning(`${service} no longer runs: ${entry.place}: a later step may have stopped it`);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function problemOf({ name, place }: ServiceEntry, { what, hint, output }: Fault): Problem {
  return new Problem(`service ${JSON.stringify(name)} ${what}`, {
    where: place,
    hint,
    ...(output === undefined ? {} : { output }),
  });
}
