import { parseJson } from '../config/json-text.ts';
import { isRecord } from '../config/record.ts';
import { Problem } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

const MOST_BYTES = 1024 * 1024;

/** When each hook was last looked at with success, as ISO texts by its name; none is fine. */
export function readLastChecks({ files }: System): ReadonlyMap<string, string> {
  const content = readOrNothing(files);
  const parsed = content === undefined ? undefined : parseJson(content.toString('utf8'));
  if (parsed === undefined || 'problem' in parsed || !isRecord(parsed.value)) return new Map();
  return new Map(
    Object.entries(parsed.value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/**
 * Notes that hooks were looked at. It is kept apart from their states, below /run, so that a poll without news does not write
 * to a disk; where that does not work, it is only not known.
 */
export function noteLastChecks(system: System, looked: readonly string[], all: readonly string[]): void {
  const now = isoTime(system.clock.now());
  const before = readLastChecks(system);
  const checks = all.flatMap((name) => {
    const time = looked.includes(name) ? now : before.get(name);
    return time === undefined ? [] : [[name, time] as const];
  });
  try {
    const content = Buffer.from(`${JSON.stringify(Object.fromEntries(checks))}\n`);
    system.files.write(paths.hupLastCheck, content, { mode: 0o600, ...system.self });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

function readOrNothing(files: System['files']): Buffer | undefined {
  try {
    return files.readIfPresent(paths.hupLastCheck, MOST_BYTES);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return undefined;
  }
}
