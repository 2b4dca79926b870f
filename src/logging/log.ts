import type { Redactor } from '../redact.ts';
import { isoTime } from '../time.ts';
import { type Paint, plain, type Tone } from './screen.ts';
import { shortened, visible, withShortLines } from './visible.ts';

export type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

/** A destination of log lines. */
export interface Sink {
  /** @param about is not redacted: a sink that passes it on must redact it */
  write(level: Level, text: string, about?: About): void;
}

/** The log. Every sink gets each line, without secrets and without control sequences for a terminal. */
export interface Log {
  debug(text: string): void;
  info(text: string, about?: About): void;
  warning(text: string, about?: About): void;
  error(text: string, about?: About): void;
  /** Goes to the log file, never to the terminal. */
  trace(text: string, about?: About): void;
}

/** Creates a log that writes to these sinks. Each line is redacted first. */
export function createLog(redactor: Redactor, sinks: readonly Sink[]): Log {
  const write = (level: Level, text: string, about?: About): void => {
    // Remove control sequences before the redaction: they may be in the middle of a secret.
    const whole = visible(redactor.redact(visible(text)));
    // The output of programs is logged in full.
    const clean = level === 'DEBUG' || level === 'TRACE' ? withShortLines(whole) : shortened(whole);
    for (const sink of sinks) sink.write(level, clean, about);
  };
  return {
    debug: (text) => write('DEBUG', text),
    info: (text, about) => write('INFO', text, about),
    warning: (text, about) => write('WARNING', text, about),
    error: (text, about) => write('ERROR', text, about),
    trace: (text, about) => write('TRACE', text, about),
  };
}

/**
 * Lines for people on stderr: warnings and errors always, the rest only with -v.
 * @param command prefixes each line, as in `cfn-init: no such file: /x`
 * @param paint colours for a terminal
 */
export function terminalSink(
  command: string,
  verbose: boolean,
  print: (line: string) => void,
  paint: Paint = plain,
): Sink {
  const say = (tone: Tone | undefined, text: string): void => print(`${paint(tone, `${command}: ${text}`)}\n`);
  return {
    write(level, text, about) {
      if (level === 'ERROR') say('error', text);
      else if (level === 'WARNING') say('warning', `warning: ${text}`);
      else if (verbose && level === 'DEBUG') say('detail', text);
      else if (verbose && level === 'INFO') say(about?.tone, text);
    },
  };
}

/** Lines with a time for a log file. The further lines of a message are indented, so that each message begins with a time. */
export function fileSink(command: string, processId: number, now: () => Date, append: (text: string) => void): Sink {
  return {
    write(level, text) {
      append(`${isoTime(now())} ${command}[${processId}] ${level} ${text.replaceAll('\n', '\n    ')}\n`);
    },
  };
}

/**
 * The kind of a journal entry, as MESSAGE_ID (systemd.journal-fields(7)): `journalctl MESSAGE_ID=...` finds all entries of a
 * kind. The ids are part of the interface: a kind keeps its id forever, even if its text changes.
 */
export const MESSAGE_IDS = {
  /** cfn-init begins to apply its steps; the daemon begins to follow a stack. */
  runBegun: '9b0d71c67425446fbd101b9b056001bc',
  /** A command has succeeded or failed: CFN_EXIT_CODE. cfn-signal and commands that only read report only failures. */
  runEnded: '71d9e0551f134a71bb94d3e9dbe88ab3',
  /** A step has begun, and runs for more than a second. */
  stepBegun: 'a74bca09bc71250b7467b74f8d5ccd86',
  /** A step is still running: each minute. */
  stepLasts: '70a23fe51bc93461eb4525707c9c7264',
  /** A step has changed the machine. */
  stepDone: 'ec2e1d49da3246409021f78175ac0d1f',
  stepFailed: '9f0267ee038a46ac87b2d833ff0b9a85',
  /** A wait condition, or a resource, has accepted a signal: CFN_STATE is its status. */
  signalSent: '22179aac10af4f149bc1e712b396b30e',
  actionBegun: '15e2ee7a11884ae4a2619cd8a51eb0dd',
  actionDone: 'f7d0642519d940e39b9b234dbecfdb21',
  actionFailed: '1153afc2b0094d2a89011a519c3d5171',
  /** The action of a hook has failed too often: it does not run again until the value at its path changes. */
  hookParked: '0488c1bec0aa4f38919b3b324ab1ea89',
  /** Other users could read metadata, and no longer can. */
  metadataClosed: 'aef12c98647c456980fbefdb906c6f7f',
} as const;

export type EventName = keyof typeof MESSAGE_IDS;

/** The subject of a log line, as data. */
export interface About {
  /** A line with an event goes to the journal, whatever its level. */
  readonly event?: EventName | undefined;
  /** The level in the journal, if it is more severe than on a terminal. */
  readonly severity?: Level | undefined;
  /** Its colour on a terminal. */
  readonly tone?: Tone | undefined;
  /** The reason, if only a later line has it: an entry of the journal may be read alone. */
  readonly reason?: string | undefined;
  /** CFN_STATE. */
  readonly state?: string | undefined;
  /** CFN_SECTION, CFN_CONFIG, and the name of the entry in it: CFN_STEP is `files /etc/motd`. */
  readonly section?: string | undefined;
  readonly config?: string | undefined;
  readonly entry?: string | undefined;
  /** CFN_HOOK, CFN_STACK, CFN_RESOURCE. */
  readonly hook?: string | undefined;
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
  /** CFN_EXIT_CODE. */
  readonly exitCode?: number | undefined;
}
