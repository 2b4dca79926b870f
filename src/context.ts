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
  /** Errors and warnings also go to stderr, unless the command is a quiet one. */
  readonly log: Log;
  /** Says an error on stderr that a quiet command has only logged. */
  readonly printAlways: (line: string) => void;
  /** Says an error that the log has already on stderr, unless the command is a quiet one. */
  readonly printAgain: (line: string) => void;
  /** Says on stderr what is no error and what the log has already. */
  readonly notice: (text: string) => void;
  /** The file that the log goes to; undefined where it cannot be written. */
  readonly logPath: () => string | undefined;
  readonly verbose: boolean;
  /** For a configuration that wants what -v does; -v itself stays in force. */
  readonly setVerbose: (isWanted: boolean) => void;
  readonly redactor: Redactor;
  /** Prints to stdout what a person reads, with secrets taken out; in colour on a terminal. */
  readonly print: (line: string, tone?: Tone) => void;
  /**
   * Prints to stdout what was asked for, as it is: a secret in it is what the caller wants to see.
   * @throws Problem when it cannot be written
   */
  readonly write: (text: string) => void;
  /** The same for lines, with secrets taken out. */
  readonly writeLines: (lines: readonly string[]) => void;
  /** Shows on a terminal what takes long; undefined where there is none. */
  readonly progress: Progress | undefined;
  /** Hands over what the journal has not got yet. To be called when the command has ended. */
  readonly drain: () => Promise<void>;
  /** Ends the process, although something may be under way. */
  readonly leave: (exitCode: ExitCode) => Promise<never>;
}

export type { Output };

export interface ContextOptions {
  readonly command: string;
  readonly verbose: boolean;
  /** Says nothing on stderr but what keeps the command from its work, unless a person reads there or has said -v. */
  readonly isQuiet?: boolean;
  readonly output: Output;
  /** The directory that all paths are taken below; `/` for this machine. */
  readonly root?: string;
  readonly proxies?: ProxyChoice;
  /** What the command was told to work on, for the journal. */
  readonly stack?: string | undefined;
  readonly resource?: string | undefined;
  /** The one of the process, which has to outlive the command: what ends it is reported with it, too. */
  readonly redactor?: Redactor;
}

const STDOUT = 1;
const STDERR = 2;
/** A guard, where no logrotate is at work. */
const MOST_LOG_BYTES = 10 * 1024 * 1024;

/** Why an ordinary user, or a small or read-only system, has no log. */
const OUT_OF_REACH: readonly (ProblemCode | undefined)[] = ['CFN_FILE_MISSING', 'CFN_FILE_UNUSABLE'];

/** Builds the outside world: the only place that does. */
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
  // It reaches every child, and what a child prints reaches the log.
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
    // Who does not read holds this thread: from here on a signal ends us without it.
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

/** @throws Problem when what was asked for does not get to who asked */
export function mustWrite({ stdout }: Output, text: string): void {
  if (stdout(text)) return;
  throw new Problem('cannot write to stdout', { hint: 'it is closed, its disk is full, or nobody reads it any more' });
}

/**
 * The log file may be out of reach (an ordinary user, a read-only root): what is said then goes to stderr alone. Any
 * other cause, a link that an administrator has put there for example, is a warning.
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
        // Another root may be unusable as a whole, which is an error of its own.
        const isTold = files.root === '/' && !OUT_OF_REACH.includes(problem.code);
        if (isTold) warn(`there is no log: ${problem.line}`);
      }
    },
    path: () => (works ? path : undefined),
  };
}
