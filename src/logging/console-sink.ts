import { ExitCode, Problem } from '../errors.ts';
import type { Sink } from '../log.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { plainLine } from './last-run-sink.ts';

/** Commands that user data calls, and without whose success a stack does not come up. */
const COMMANDS: ReadonlySet<string> = new Set(['cfn-init', 'cfn-signal']);

/**
 * Says on the machine's console by which error a command of user data ended: the console is what a cloud shows of a guest that
 * nobody can log in to. With HEAT_CFNTOOLS, Heat's own script keeps what user data prints until its end, and then writes all of
 * it as one line, to a file of the guest and, if cloud-init is set up so, to the console. Only while cloud-init is under way, as
 * root, and where stderr is no terminal, since a person who calls us reads it there.
 * @param write gets what is to be shown; it must neither wait nor fail
 */
export function consoleSink(
  command: string,
  { files, self }: Pick<System, 'files' | 'self'>,
  isTerminal: () => boolean,
  write: (text: string) => void,
): Sink {
  const isAtBoot = (): boolean => {
    try {
      return files.entry(paths.cloudInitStatus) !== undefined && files.entry(paths.cloudInitResult) === undefined;
    } catch (error) {
      if (error instanceof Problem) return false;
      throw error;
    }
  };
  return {
    write(_, text, { event, exitCode = ExitCode.done } = {}) {
      if (event !== 'runEnded' || exitCode === ExitCode.done || !COMMANDS.has(command)) return;
      // An image, below another root, is prepared on a machine with a console of its own.
      if (self.uid !== 0 || files.root !== '/' || isTerminal() || !isAtBoot()) return;
      write(`${command}: ${plainLine(text)}\n`);
    },
  };
}
