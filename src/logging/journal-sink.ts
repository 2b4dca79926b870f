import type { Level, Sink } from '../log.ts';
import type { Journal } from '../system/journal.ts';
import { type About, MESSAGE_IDS } from './events.ts';

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
