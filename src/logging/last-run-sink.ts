import { ExitCode, Problem } from '../errors.ts';
import type { Sink } from '../log.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/** Characters of an error that are kept: below the 4,096 bytes that a reason may have on AWS, whatever they are. */
const LONGEST_LINE = 1000;

/**
 * Keeps the error by which the last cfn-init of root ended, for the cfn-signal that comes after it (commands/last-run.ts). It
 * is clean of secrets, as every line of a log. A run that succeeds removes it; one that cannot keep it goes on.
 */
export function lastRunSink({ files, clock, self }: System): Sink {
  return {
    write(_, text, { event, exitCode } = {}) {
      // An image that is being prepared, below another root, has not booted.
      if (event !== 'runEnded' || exitCode === undefined || self.uid !== 0 || files.root !== '/') return;
      try {
        if (exitCode === ExitCode.done) {
          if (files.entry(paths.lastRun) !== undefined) files.remove(paths.lastRun);
          return;
        }
        const directory = paths.lastRun.slice(0, paths.lastRun.lastIndexOf('/'));
        files.makePrivateDirectory(directory);
        const bootId = files.readIfPresent(paths.bootId)?.toString('utf8').trim();
        const note = { exitCode, line: plainLine(text), elapsed: clock.elapsed(), bootId };
        files.write(paths.lastRun, Buffer.from(`${JSON.stringify(note)}\n`), { mode: 0o600, ...self });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
      }
    },
  };
}

/** An error as one line of at most 1,000 characters, for cfn-signal and the console. */
export function plainLine(text: string): string {
  // Half of a pair of surrogates at the end would be no text for the stack's database.
  return text.replace(/\s/g, ' ').slice(0, LONGEST_LINE).toWellFormed();
}
