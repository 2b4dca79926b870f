import type { Redactor } from './redact.ts';

export type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

/** Where a line of the log goes. */
export interface Sink {
  write(level: Level, text: string): void;
}

/** The one way to say something: every sink gets the line, and no sink gets a secret. */
export interface Log {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  /** For the log file alone: what no person should have to read on a terminal. */
  trace(text: string): void;
}

/** Joins sinks into a log whose every line passes the redactor first. */
export function createLog(redactor: Redactor, sinks: readonly Sink[]): Log {
  const write = (level: Level, text: string): void => {
    const clean = redactor.redact(text);
    for (const sink of sinks) sink.write(level, clean);
  };
  return {
    debug: (text) => write('DEBUG', text),
    info: (text) => write('INFO', text),
    warning: (text) => write('WARNING', text),
    error: (text) => write('ERROR', text),
    trace: (text) => write('TRACE', text),
  };
}

/**
 * Lines for a person on stderr: warnings and errors always, the rest only with -v.
 * @param command prefixes each line, as in `cfn-init: no such file: /x`
 */
export function terminalSink(command: string, verbose: boolean, print: (line: string) => void): Sink {
  return {
    write(level, text) {
      if (level === 'ERROR') print(`${command}: ${text}\n`);
      else if (level === 'WARNING') print(`${command}: warning: ${text}\n`);
      else if (verbose && level !== 'TRACE') print(`${command}: ${text}\n`);
    },
  };
}

/** Dated lines for a log file; the further lines of one message are indented, so that a line with a date starts a message. */
export function fileSink(command: string, processId: number, now: () => Date, append: (text: string) => void): Sink {
  return {
    write(level, text) {
      append(`${now().toISOString()} ${command}[${processId}] ${level} ${text.replaceAll('\n', '\n    ')}\n`);
    },
  };
}
