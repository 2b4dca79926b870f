import { findingLine } from '../config/findings.ts';
import { Problem } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { Log } from '../logging/log.ts';
import { initSystem } from '../sections/services/init-system.ts';
import { serviceTimeout } from '../sections/services/manager.ts';
import type { System } from '../system/system.ts';

interface WatchedServices {
  readonly text: string;
  readonly configSets: string;
  readonly names: readonly string[];
}

/** The services of a resource, and the failures to start them. It is kept from pass to pass. */
export interface ServiceMemory {
  /** By resource. */
  readonly services: Map<string, WatchedServices>;
  /** By service: failures to start in a row, and when to try again (milliseconds of the monotonic clock). */
  readonly failures: Map<string, { readonly count: number; readonly notBefore: number }>;
}

/** The memory of a daemon that has watched no service yet. */
export function createServiceMemory(): ServiceMemory {
  return { services: new Map(), failures: new Map() };
}

const FIRST_WAIT = 60_000;
const LONGEST_WAIT = 600_000;

/**
 * The services that should run: those with `ensureRunning` true in the selected configs of a resource's metadata. Unchanged
 * metadata is not decoded again. Problems of the metadata are only logged: cfn-init reports them.
 */
export async function watchedServices(
  resource: string,
  text: string,
  configSets: readonly string[],
  { services }: ServiceMemory,
  log: Log,
): Promise<readonly string[]> {
  const known = services.get(resource);
  const sets = configSets.join();
  if (known?.text === text && known.configSets === sets) return known.names;
  const names = await servicesOf(text, configSets, log);
  services.set(resource, { text, configSets: sets, names });
  return names;
}

async function servicesOf(text: string, configSets: readonly string[], log: Log): Promise<readonly string[]> {
  const parsed = parseJson(text);
  if ('problem' in parsed) return [];
  const { decodeMetadata } = await import('../config/decode.ts');
  const { configs, findings } = decodeMetadata({ value: parsed.value, text }, configSets);
  for (const finding of findings) log.info(`services to watch: ${findingLine(finding)}`);
  const services = configs.flatMap((config) => config.services).filter(({ ensureRunning }) => ensureRunning === true);
  return [...new Set(services.map(({ name }) => name))];
}

/**
 * Starts the services that should run but do not.
 * @param names the result of watchedServices
 * @param beforeStart called before a service is started, so that the event is saved whatever happens next
 * @returns how many were started
 */
export async function restartServices(
  names: readonly string[],
  memory: ServiceMemory,
  { system, log }: { readonly system: System; readonly log: Log },
  beforeStart: () => void,
): Promise<number> {
  const { manager } = await initSystem(system, await serviceTimeout(system.files, log));
  const isDue = (name: string): boolean =>
    system.clock.elapsed() >= (memory.failures.get(name)?.notBefore ?? Number.NEGATIVE_INFINITY);
  let started = 0;
  for (const [index, name] of names.entries()) {
    const failure = memory.failures.get(name);
    if (!isDue(name)) continue;
    try {
      const next = names.slice(index + 1).filter(isDue);
      const { id, isKnown, isRunning, isOneshot, isMute, isQueued, canStart } = await manager.status(name, next);
      if (isMute === true)
        log.info(`the service ${name} is not watched: neither its init script nor a pid file shows whether it runs`);
      else if (isKnown && canStart && !isRunning && isQueued !== true && isOneshot !== true) {
        beforeStart();
        const ordered = await manager.start(id);
        started++;
        const how = ordered === undefined ? 'restarted' : `to be started after ${ordered.after}`;
        log.info(`the service ${name} was down: ${how}`);
      }
      memory.failures.delete(name);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const count = (failure?.count ?? 0) + 1;
      const wait = Math.min(FIRST_WAIT * 2 ** Math.min(count - 1, 10), LONGEST_WAIT);
      memory.failures.set(name, { count, notBefore: system.clock.elapsed() + wait });
      log.error(`the service ${name} is down and cannot be restarted: ${error.line}`);
    }
  }
  return started;
}
