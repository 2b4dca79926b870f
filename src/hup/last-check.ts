import { isoTime, isTimeText } from '../iso-time.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { readRunNotes, writeRunNotes } from './run-notes.ts';

/** Milliseconds. The longest interval is a week; what was not looked at for longer is no hook any more. */
const MEMORY = 8 * 24 * 3_600_000;

/** When each hook was last looked at with success, as ISO texts by its key (stateKey); none is fine. */
export function readLastChecks(system: Pick<System, 'files'>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(readRunNotes(system, paths.hupLastCheck)).filter((entry): entry is [string, string] =>
      isTimeText(entry[1]),
    ),
  );
}

/** Notes that hooks were looked at. It is kept apart from their states, which are on a disk. @param looked their keys */
export function noteLastChecks(system: System, looked: readonly string[]): void {
  const now = system.clock.now();
  // Those of other configurations are not ours to forget.
  const others = [...readLastChecks(system)].filter(([, time]) => now.getTime() - Date.parse(time) < MEMORY);
  const checks = new Map([...others, ...looked.map((key) => [key, isoTime(now)] as const)]);
  writeRunNotes(system, paths.hupLastCheck, Object.fromEntries(checks));
}
