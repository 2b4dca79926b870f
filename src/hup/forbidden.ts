import { isoTime } from '../iso-time.ts';
import { isRecord } from '../json.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { readRunNotes, writeRunNotes } from './run-notes.ts';

/** The message that Heat's policy forbids guests to ask. */
interface Forbidden {
  readonly line: string;
  /** In ISO form. */
  readonly since: string;
}

/** What the policy of Heat forbade at the last pass that got an answer about the stack; undefined when it forbade nothing. */
function readForbidden(system: Pick<System, 'files'>, stack: string): Forbidden | undefined {
  const note = readRunNotes(system, paths.hupForbidden)[stack];
  if (!isRecord(note)) return undefined;
  const { line, since } = note;
  return typeof line === 'string' && typeof since === 'string' && !Number.isNaN(Date.parse(since))
    ? { line, since }
    : undefined;
}

/**
 * Notes it, so that it is said once and not by each pass of cron or each start of the daemon: only the operator of the cloud
 * can change it.
 * @returns whether it is to be said: it is new, or other than before
 */
export function noteForbidden(system: System, stack: string, line: string): boolean {
  if (readForbidden(system, stack)?.line === line) return false;
  const note: Forbidden = { line, since: isoTime(system.clock.now()) };
  writeRunNotes(system, paths.hupForbidden, { ...readRunNotes(system, paths.hupForbidden), [stack]: note });
  return true;
}

/** Heat has answered otherwise: it is news when it comes back. */
export function forgetForbidden(system: System, stack: string): void {
  const { [stack]: known, ...others } = readRunNotes(system, paths.hupForbidden);
  if (known === undefined) return;
  writeRunNotes(system, paths.hupForbidden, Object.keys(others).length === 0 ? undefined : others);
}
