import type { Redactor } from '../redact.ts';
import { isoTime } from '../time.ts';
import { type Paint, plain, type Tone } from './screen.ts';
import { shortened, visible, withShortLines } from './visible.ts';

export type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

/** Where a line of the log goes. */
export interface Sink {
  /** @param about as it was given: a sink that hands it on takes the secrets out of it */
  write(level: Level, text: string, about?: About): void;
}

/** The one way to say something: every sink gets the line, and no sink gets a secret, or what would steer a terminal. */
export interface Log {
  debug(text: string): void;
  info(text: string, about?: About): void;
  warning(text: string, about?: About): void;
  error(text: string, about?: About): void;
  /** Not for the terminal: what no person should have to read there. */
  trace(text: string, about?: About): void;
}

/** Joins sinks into a log whose every line passes the redactor first. */
export function createLog(redactor: Redactor, sinks: readonly Sink[]): Log {
  const write = (level: Level, text: string, about?: About): void => {
    // First without the sequences of a terminal: they may stand in the middle of a secret.
    const whole = visible(redactor.redact(visible(text)));
    // What programs print is in the log as a whole.
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
 * Lines for a person on stderr: warnings and errors always, the rest only with -v.
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

/** Dated lines for a log file; the further lines of one message are indented, so that a line with a date starts a message. */
export function fileSink(command: string, processId: number, now: () => Date, append: (text: string) => void): Sink {
  return {
    write(level, text) {
      append(`${isoTime(now())} ${command}[${processId}] ${level} ${text.replaceAll('\n', '\n    ')}\n`);
    },
  };
}

/**
 * What an entry of the journal is about, as MESSAGE_ID (systemd.journal-fields(7)): `journalctl MESSAGE_ID=...` finds all of
 * a kind. They are part of the interface: a kind keeps its id forever, whatever its text says.
 */
export const MESSAGE_IDS = {
  /** cfn-init begins to apply its steps; the daemon begins to follow a stack. */
  runBegun: '9b0d71c67425446fbd101b9b056001bc',
  /** A command is done or has failed: CFN_EXIT_CODE. One that only looks, or has signalled, says this of a failure only. */
  runEnded: '71d9e0551f134a71bb94d3e9dbe88ab3',
  /** A step has begun, and has not ended within a second. */
  stepBegun: 'a74bca09bc71250b7467b74f8d5ccd86',
  /** A step goes on: each minute. */
  stepLasts: '70a23fe51bc93461eb4525707c9c7264',
  /** A step has changed the machine. */
  stepDone: 'ec2e1d49da3246409021f78175ac0d1f',
  stepFailed: '9f0267ee038a46ac87b2d833ff0b9a85',
  /** A wait condition, or a resource, has accepted a signal: CFN_STATE is its status. */
  signalSent: '22179aac10af4f149bc1e712b396b30e',
  actionBegun: '15e2ee7a11884ae4a2619cd8a51eb0dd',
  actionDone: 'f7d0642519d940e39b9b234dbecfdb21',
  actionFailed: '1153afc2b0094d2a89011a519c3d5171',
  /** The action of a hook has failed too often: it is not run again until what it looks at changes. */
  hookParked: '0488c1bec0aa4f38919b3b324ab1ea89',
  /** Metadata that others could read was closed to them. */
  metadataClosed: 'aef12c98647c456980fbefdb906c6f7f',
} as const;

export type EventName = keyof typeof MESSAGE_IDS;

/** What a line of the log is about, as data. */
export interface About {
  /** Makes the line worth an entry of the journal, whatever its level. */
  readonly event?: EventName | undefined;
  /** In the journal, where the line is graver than its level says on a terminal. */
  readonly severity?: Level | undefined;
  /** Its colour on a terminal. */
  readonly tone?: Tone | undefined;
  /** Why, where the line leaves that to a later one: an entry of the journal may be read alone. */
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
