import { isoTime } from './iso-time.ts';
import type { About } from './logging/events.ts';
import { type Paint, plain, type Tone } from './logging/screen.ts';
import { shortened, visible, withShortLines } from './logging/visible.ts';
import type { Redactor } from './redact.ts';

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
