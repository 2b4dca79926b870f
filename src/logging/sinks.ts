import { ExitCode, Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import type { Journal } from '../system/journal.ts';
import type { System } from '../system/system.ts';
import { type About, type Level, MESSAGE_IDS, type Sink } from './log.ts';

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

/** Characters of an error that are kept: below the 4,096 bytes that a reason may have on AWS, whatever they are. */
const LONGEST_LINE = 1000;

/**
 * Keeps the error by which the last cfn-init of root ended, for the cfn-signal that comes after it (commands/cfn-signal.ts). It
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
function plainLine(text: string): string {
  // Half of a pair of surrogates at the end would be no text for the stack's database.
  return text.replace(/\s/g, ' ').slice(0, LONGEST_LINE).toWellFormed();
}

/** The same on all entries of a process. */
export interface JournalOrigin {
  readonly command: string;
  readonly processId: number;
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
}

/** syslog(3). */
const PRIORITIES: Readonly<Record<Level, number>> = { ERROR: 3, WARNING: 4, INFO: 6, DEBUG: 7, TRACE: 6 };
/** Characters; the log file has the whole. */
const LONGEST_MESSAGE = 16 * 1024;
const LONGEST_FIELD = 1024;
/** Milliseconds until the journal is told that a step has begun: of one that ends earlier, the end is enough. */
const BEGIN_DELAY = 1000;

/**
 * Entries for the journal: errors, warnings, and lines that tell of an event. Of the rest there is no trace in it, since an
 * entry costs a process; the log file has everything.
 * @param redact for what comes besides the text, which is clean already
 */
export function journalSink(
  origin: JournalOrigin,
  redact: (text: string) => string,
  journal: Pick<Journal, 'isThere' | 'send'>,
): Sink {
  let begin: NodeJS.Timeout | undefined;
  return {
    write(level, text, about = {}) {
      if (about.section !== undefined) clearTimeout(begin);
      if (about.event === undefined && level !== 'WARNING' && level !== 'ERROR') return;
      if (!journal.isThere()) return;
      const priority = PRIORITIES[about.severity ?? level];
      const message = about.reason === undefined ? text : `${text}: ${redact(about.reason)}`;
      const send = (): void =>
        journal.send(entryText(origin, priority, message, about, redact), priority >= PRIORITIES.INFO);
      if (about.event === 'stepBegun') begin = setTimeout(send, BEGIN_DELAY).unref();
      else send();
    },
  };
}

/**
 * An entry as logger(1) reads it: `FIELD=value` lines, of which those of MESSAGE are joined again. Each line begins with the
 * name of a field, so no value can end the entry or begin a field of its own.
 */
function entryText(
  { command, processId, stack, resource }: JournalOrigin,
  priority: number,
  text: string,
  about: About,
  redact: (text: string) => string,
): string {
  const { section, entry, exitCode } = about;
  const fields: Readonly<Record<string, string | number | undefined>> = {
    MESSAGE_ID: about.event === undefined ? undefined : MESSAGE_IDS[about.event],
    PRIORITY: priority,
    SYSLOG_IDENTIFIER: command,
    SYSLOG_PID: processId,
    // Or else `journalctl -u cfn-hup` would miss some: the sender may have ended when journald looks for its unit. Not for
    // the other commands, since journald takes the arguments of the process in, and theirs have signed URLs and keys.
    OBJECT_PID: command === 'cfn-hup' ? processId : undefined,
    CFN_COMMAND: command,
    CFN_STEP: section === undefined || entry === undefined ? undefined : `${section} ${entry}`,
    CFN_SECTION: section,
    CFN_CONFIG: about.config,
    CFN_STATE: about.state,
    CFN_STACK: about.stack ?? stack,
    CFN_RESOURCE: about.resource ?? resource,
    CFN_HOOK: about.hook,
    CFN_EXIT_CODE: exitCode,
  };
  const lines = text
    .slice(0, LONGEST_MESSAGE)
    .split('\n')
    .map((line) => `MESSAGE=${line}\n`);
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    lines.push(`${name}=${redact(String(value)).slice(0, LONGEST_FIELD).replaceAll('\n', ' ')}\n`);
  }
  return lines.join('').replaceAll('\0', '');
}
