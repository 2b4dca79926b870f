import { readRunNotes } from '../hup/run-notes.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/**
 * Milliseconds after which a cfn-init no longer counts as the one that ran just before: a script may do something else in
 * between.
 */
const LONGEST_AGO = 10 * 60_000;

/**
 * The error by which the last cfn-init of this boot ended (logging/last-run-sink.ts).
 * @param exitCode the code that it has to have ended with
 * @returns undefined when it succeeded, ended with another code or long ago, or when we may not read it
 */
export function lastRunError({ files, clock }: Pick<System, 'files' | 'clock'>, exitCode: number): string | undefined {
  const { line, elapsed, bootId, ...note } = readRunNotes({ files }, paths.lastRun);
  if (note['exitCode'] !== exitCode || typeof line !== 'string' || line === '' || typeof elapsed !== 'number')
    return undefined;
  const ago = clock.elapsed() - elapsed;
  const isOfThisBoot = bootId === files.readIfPresent(paths.bootId)?.toString('utf8').trim();
  return isOfThisBoot && ago >= 0 && ago <= LONGEST_AGO ? line : undefined;
}
