import { isoTime } from '../iso-time.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { readRunNotes, writeRunNotes } from './run-notes.ts';

/** When each hook was last looked at with success, as ISO texts by its name; none is fine. */
export function readLastChecks(system: System): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(readRunNotes(system, paths.hupLastCheck)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}

/** Notes that hooks were looked at. It is kept apart from their states, which are on a disk. */
export function noteLastChecks(system: System, looked: readonly string[], all: readonly string[]): void {
  const now = isoTime(system.clock.now());
  const before = readLastChecks(system);
  const checks = all.flatMap((name) => {
    const time = looked.includes(name) ? now : before.get(name);
    return time === undefined ? [] : [[name, time] as const];
  });
  writeRunNotes(system, paths.hupLastCheck, Object.fromEntries(checks));
}
