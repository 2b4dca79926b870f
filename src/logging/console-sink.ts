import { ExitCode, Problem } from '../errors.ts';
import type { Sink } from '../log.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { plainLine } from './last-run-sink.ts';

/** Commands that user data calls, and without whose success a stack does not come up. */
const COMMANDS: ReadonlySet<string> = new Set(['cfn-init', 'cfn-signal']);

/**
 * Says on the machine's console by which error a command of user data ended. With HEAT_CFNTOOLS, Heat's part handler keeps all
 * output of user data to itself until its end, and then in a file of the guest; the console is what `openstack console log
 * show` shows of a guest that nobody can log in to. Only while cloud-init is under way, as root, and where stderr is no
 * terminal: a person who calls us reads it there.
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
