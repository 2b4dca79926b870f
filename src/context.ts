import { hostname } from 'node:os';
import { type ExitCode, Problem, type ProblemCode } from './errors.ts';
import { createLog, fileSink, type Log, type Sink, terminalSink } from './logging/log.ts';
import { createScreen, type Output, type Progress, type Tone } from './logging/screen.ts';
import { consoleSink, journalSink, lastRunSink } from './logging/sinks.ts';
import { visible, visibleLine } from './logging/visible.ts';
import { paths } from './paths.ts';
import { Redactor } from './redact.ts';
import { createAccounts } from './system/accounts/door.ts';
import { clockUntil, systemClock } from './system/clock.ts';
import { isTerminal, writeToConsole } from './system/console.ts';
import { fileProblem } from './system/files/file-problem.ts';
import { createFileSystem } from './system/files/file-system.ts';
import { absolutePath } from './system/files/path.ts';
import { createHttp } from './system/http/door.ts';
import type { ProxyChoice } from './system/http/http.ts';
import { trustedBy } from './system/http/trust.ts';
import { createJournal } from './system/journal.ts';
import { createLocks } from './system/lock.ts';
import { createNotifier } from './system/notify.ts';
import { createExec } from './system/programs/door.ts';
import { endProcess, listenForSignals } from './system/signals.ts';
import type { System } from './system/system.ts';

export interface Context {
  readonly system: System;
  /** Errors and warnings also go to stderr, unless the command is quiet. */
  readonly log: Log;
  /** Prints an error to stderr that a quiet command has only logged. */
  readonly printAlways: (line: string) => void;
  /** Prints an error that is in the log already to stderr, unless the command is quiet. */
  readonly printAgain: (line: string) => void;
  /** Prints to stderr a text that is not an error and is in the log already. */
  readonly notice: (text: string) => void;
  /** The log file; undefined when it cannot be written. */
  readonly logPath: () => string | undefined;
  readonly verbose: boolean;
  /** Applies `verbose` of a configuration; false does not turn -v off. */
  readonly setVerbose: (isWanted: boolean) => void;
  readonly redactor: Redactor;
  /** Prints a line for people to stdout, with secrets redacted; in colour on a terminal. */
  readonly print: (line: string, tone?: Tone) => void;
  /**
   * Prints a result to stdout without redaction: a secret in it is what the caller has asked for.
   * @throws Problem when it cannot be written
   */
  readonly write: (text: string) => void;
  /** Prints the lines of a result to stdout, with secrets redacted. @throws Problem when they cannot be written */
  readonly writeLines: (lines: readonly string[]) => void;
  /** Shows the progress of long steps on a terminal; undefined when there is no terminal. */
  readonly progress: Progress | undefined;
  /** Sends the remaining entries to the journal. Call it when the command has ended. */
  readonly drain: () => Promise<void>;
  /** Ends the process, even while work is in progress. */
  readonly leave: (exitCode: ExitCode) => Promise<never>;
}

export type { Output };

export interface ContextOptions {
  readonly command: string;
  readonly verbose: boolean;
  /** Prints only fatal errors to stderr, unless stderr is a terminal or -v is given. */
  readonly isQuiet?: boolean;
  readonly output: Output;
  /** The directory that all paths are taken below; `/` for this machine. */
  readonly root?: string;
  readonly proxies?: ProxyChoice;
  /** The stack and the resource of the command line, for the journal. */
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
  /** The redactor of the process. It outlives the command, since the error that ends the command needs it as well. */
  readonly redactor?: Redactor;
}

const STDOUT = 1;
const STDERR = 2;
/** The limit of a log file, for machines without logrotate. */
const MOST_LOG_BYTES = 10 * 1024 * 1024;

/** Causes for which a missing log file is normal: for an ordinary user, or on a small or read-only system. */
const EXPECTED_CAUSES: readonly (ProblemCode | undefined)[] = ['CFN_FILE_MISSING', 'CFN_FILE_UNUSABLE'];

/** Creates the access to the outside world. Nothing else does. */
export function createContext(options: ContextOptions): Context {
  const { command, verbose, root = '/', proxies = {}, stack, resource } = options;
  const environment = process.env;
  const files = createFileSystem(root);
  const trusted = trustedBy(environment, (text) => log.warning(text));
  const self = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const warn = (text: string): void => log.warning(text);
  const { abort, ...signals } = listenForSignals(warn);
  const exec = createExec(environment, { signal: abort, note: warn });
  const clock = clockUntil(abort);
  const system: System = {
    files,
    exec,
    http: createHttp(environment, proxies, trusted, abort),
    accounts: createAccounts(files, exec, clock),
    clock,
    locks: createLocks(exec, clock),
    signals,
    openNotifier: createNotifier,
    startDetached: async (args) => (await import('./system/programs/detached.ts')).startDetached(args),
    hostname,
    absolutePath,
    environment,
    self,
    abort,
  };
  const { redactor = new Redactor() } = options;
  // Every child process gets the environment, and its output goes to the log.
  redactor.addEnvironment(environment);
  redactor.addEnvironment({ http_proxy: proxies.http, https_proxy: proxies.https });
  const redact = (text: string): string => redactor.redact(text);
  const show = (line: string): string => visibleLine(redact(visible(line)));
  const { output, paint, progress } = createScreen(
    options.output,
    environment,
    { stdout: () => isTerminal(STDOUT), stderr: () => isTerminal(STDERR) },
    redact,
  );
  const isQuietAtFirst = options.isQuiet === true && !verbose && !isTerminal(STDERR);
  let isQuiet = isQuietAtFirst;
  let terminal = terminalSink(command, verbose, output.stderr, paint.stderr);
  const unlessQuiet: Sink = {
    write: (level, text, about) => {
      if (!isQuiet) terminal.write(level, text, about);
    },
  };
  const logTo = logFile(system, command, (text) => unlessQuiet.write('WARNING', redact(text)));
  const file = fileSink(command, process.pid, systemClock.now, logTo.append);
  const journalDoor = createJournal(environment);
  const journal = journalSink({ command, processId: process.pid, stack, resource }, redact, journalDoor);
  const lastRun = command === 'cfn-init' ? [lastRunSink(system)] : [];
  const console = consoleSink(
    command,
    system,
    () => isTerminal(STDERR),
    (text) => writeToConsole(paths.console, text),
  );
  const write = (text: string): void => {
    // A slow reader blocks this thread. From here on, a signal ends the process at once.
    signals.close();
    mustWrite(output, text);
  };
  const log = createLog(redactor, [unlessQuiet, file, journal, ...lastRun, console]);
  return {
    system,
    log,
    printAlways: (line) => {
      if (isQuiet) terminal.write('ERROR', show(line));
    },
    printAgain: (line) => {
      if (!isQuiet) terminal.write('ERROR', show(line));
    },
    notice: (text) => output.stderr(`${paint.stderr('detail', `${command}: ${visible(redact(visible(text)))}`)}\n`),
    logPath: logTo.path,
    verbose,
    setVerbose: (isWanted) => {
      isQuiet = isQuietAtFirst && !isWanted;
      terminal = terminalSink(command, verbose || isWanted, output.stderr, paint.stderr);
    },
    redactor,
    print: (line, tone) => void output.stdout(`${paint.stdout(tone, show(line))}\n`),
    write,
    writeLines: (lines) => write(lines.map((line) => `${show(line)}\n`).join('')),
    progress,
    drain: journalDoor.drain,
    leave: async (exitCode) => {
      await journalDoor.drain();
      return endProcess(exitCode);
    },
  };
}

/** Writes a result to stdout. @throws Problem when it cannot be written */
export function mustWrite({ stdout }: Output, text: string): void {
  if (stdout(text)) return;
  throw new Problem('cannot write to stdout', { hint: 'it is closed, its disk is full, or nobody reads it any more' });
}

/**
 * Appends to the log file. An ordinary user, or a machine with a read-only root, has none: then messages go only to stderr.
 * Any other cause, for example a link in place of the file, is a warning.
 */
function logFile(
  { files }: System,
  command: string,
  warn: (text: string) => void,
): { readonly append: (text: string) => void; readonly path: () => string | undefined } {
  const path = `${paths.logDirectory}/${command}.log`;
  let works = true;
  return {
    append(text) {
      if (!works) return;
      try {
        files.append(path, text, 0o600, MOST_LOG_BYTES);
      } catch (error) {
        works = false;
        const problem = fileProblem('cannot write', path, error);
        // Another root may be unusable as a whole, which is reported separately.
        const isUnexpected = files.root === '/' && !EXPECTED_CAUSES.includes(problem.code);
        if (isUnexpected) warn(`there is no log: ${problem.line}`);
      }
    },
    path: () => (works ? path : undefined),
  };
}
