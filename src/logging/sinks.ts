import { ExitCode, Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import type { Journal } from '../system/journal.ts';
import type { System } from '../system/system.ts';
import { type About, type Level, MESSAGE_IDS, type Sink } from './log.ts';

/** The commands in user data that must succeed for a stack to come up. */
const COMMANDS: ReadonlySet<string> = new Set(['cfn-init', 'cfn-signal']);

/**
 * Prints the error of a command in user data to the console of the machine: a cloud shows the console even if nobody can log in.
 * With HEAT_CFNTOOLS, Heat's own script prints the output of user data only at its end, as one line, to a file of the guest
 * and, if cloud-init is configured so, to the console. This sink works only while cloud-init is running, as root, and if
 * stderr is not a terminal, where a person would read the error.
 * @param write writes to the console; it must neither wait nor fail
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
      // With another root, the console is that of the machine on which an image is prepared.
      if (self.uid !== 0 || files.root !== '/' || isTerminal() || !isAtBoot()) return;
      write(`${command}: ${plainLine(text)}\n`);
    },
  };
}

/** The most characters of an error that are saved: always below AWS's limit of 4,096 bytes for a reason. */
const LONGEST_LINE = 1000;

/**
 * Saves the error of root's last cfn-init for the next cfn-signal (commands/cfn-signal.ts). It contains no secrets, like every
 * line of the log. A run that succeeds removes it. If it cannot be saved, the run continues.
 */
export function lastRunSink({ files, clock, self }: System): Sink {
  return {
    write(_, text, { event, exitCode } = {}) {
      // With another root, this is an image that has not booted.
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
  // The stack's database would refuse half of a surrogate pair at the end.
  return text.replace(/\s/g, ' ').slice(0, LONGEST_LINE).toWellFormed();
}

/** The fields that all entries of a process share. */
export interface JournalOrigin {
  readonly command: string;
  readonly processId: number;
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
}

/** The priorities of syslog(3). */
const PRIORITIES: Readonly<Record<Level, number>> = { ERROR: 3, WARNING: 4, INFO: 6, DEBUG: 7, TRACE: 6 };
/** Characters; the log file has the whole message. */
const LONGEST_MESSAGE = 16 * 1024;
const LONGEST_FIELD = 1024;
/** Milliseconds until the begin of a step goes to the journal: for a shorter step, its end is enough. */
const BEGIN_DELAY = 1000;

/**
 * Entries for the journal: errors, warnings, and lines with an event. The other lines are only in the log file, since each
 * entry costs a process.
 * @param redact redacts the fields; the text is redacted already
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
 * An entry in the format of logger(1): `FIELD=value` lines. logger joins several lines of MESSAGE. Each line begins with the
 * name of a field, so that no value can end the entry or begin another field.
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
    // Without it `journalctl -u cfn-hup` would miss entries: the sender may have ended before journald finds its unit. The
    // other commands do not set it, since journald then stores the arguments of the process, which may be signed URLs or keys.
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
