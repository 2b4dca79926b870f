import type { ServiceEntry } from '../../config/config.ts';
import type { Changes } from '../step.ts';
import type { Check } from './manager.ts';

type Triggers = keyof ServiceEntry['restartOn'];
const TRIGGERS: readonly Triggers[] = ['files', 'sources', 'packages', 'commands'];

/** A service that this run has started, to be looked at again. */
export interface Watched {
  readonly entry: ServiceEntry;
  readonly check: Check;
}

/** What the services of a run must know of those before them. */
export interface RunMemory {
  /** How many changed unit files the init system has been told of. */
  unitFiles: number;
  /** By the id of a service that was started: how many changes there were by then. It need not restart for those. */
  readonly seen: Map<string, Readonly<Record<Triggers, number>>>;
  readonly watched: Watched[];
  /** When the last of them was started, in milliseconds of the clock's `elapsed`. */
  lastStart: number;
  /** Milliseconds that a service has to start or stop, once it was asked. */
  timeout?: number;
}

const memories = new WeakMap<Changes, RunMemory>();

/** @param changes stands for the run */
export function memoryOf(changes: Changes): RunMemory {
  const known = memories.get(changes);
  if (known !== undefined) return known;
  const fresh: RunMemory = { unitFiles: 0, seen: new Map(), watched: [], lastStart: 0 };
  memories.set(changes, fresh);
  return fresh;
}

/** Remembers that a service has been started with all changes so far in place. */
export function rememberStart(id: string, changes: Changes): void {
  const counts = Object.fromEntries(TRIGGERS.map((section) => [section, changes.names(section).length]));
  memoryOf(changes).seen.set(id, counts as Record<Triggers, number>);
}

/** True when something that the entry names has changed since the run began, or since it started the service. */
export function hasReasonToRestart({ restartOn }: ServiceEntry, id: string, changes: Changes): boolean {
  const seen = memoryOf(changes).seen.get(id);
  return TRIGGERS.some((section) => {
    const changed = changes
      .names(section)
      .slice(seen?.[section] ?? 0)
      .map(withoutSlash);
    return restartOn[section].some((name) => changed.includes(withoutSlash(name)));
  });
}

/** `/opt/app` and `/opt/app/` are one directory. */
function withoutSlash(name: string): string {
  return name.length > 1 ? name.replace(/\/+$/, '') : name;
}
