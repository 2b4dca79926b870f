import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { ExitCode, errnoOf, Problem, type ProblemCode } from './errors.ts';
import { createLog, fileSink, type Log, type Sink, terminalSink } from './log.ts';
import { consoleSink } from './logging/console-sink.ts';
import { journalSink } from './logging/journal-sink.ts';
import { lastRunSink } from './logging/last-run-sink.ts';
import type { Progress } from './logging/progress.ts';
import { createScreen, type Output, type Tone } from './logging/screen.ts';
import { visible, visibleLine } from './logging/visible.ts';
import { paths } from './paths.ts';
import { Redactor } from './redact.ts';
import { createAccounts } from './system/accounts.ts';
import { clockUntil, systemClock } from './system/clock.ts';
import { writeToConsole } from './system/console.ts';
import { createExec } from './system/exec.ts';
import { fileProblem } from './system/file-problem.ts';
import { createFileSystem } from './system/file-system.ts';
import { createHttp, type ProxyChoice } from './system/http.ts';
import { createJournal } from './system/journal.ts';
import type { System } from './system/system.ts';
import { isTerminal } from './system/terminal.ts';
import { trustedBy } from './system/trust.ts';
import { type Exposure, exposureOf } from './system/trusted-path.ts';

export interface Context {
  readonly system: System;
  /** The same system, whose doors end what they do when `abort` is aborted, by Interrupted. */
  readonly systemUntil: (abort: AbortSignal) => System;
  /** Errors and warnings also go to stderr, unless the command is a quiet one. */
  readonly log: Log;
  /** Says an error on stderr that a quiet command has only logged. */
  readonly insist: (line: string) => void;
  /** Says an error that the log has already on stderr, unless the command is a quiet one. */
  readonly remind: (line: string) => void;
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
  const buildSystem = (abort?: AbortSignal): System => {
    const note = (text: string): void => log.warning(text);
    const exec = createExec(environment, abort === undefined ? undefined : { signal: abort, note });
    const clock = abort === undefined ? systemClock : clockUntil(abort);
    return {
      files,
      exec,
      http: createHttp(environment, proxies, trusted, abort),
      accounts: createAccounts(files, exec, clock),
      clock,
      environment,
      self,
      ...(abort === undefined ? {} : { abort }),
    };
  };
  const system = buildSystem();
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
  const journal = journalSink({ command, processId: process.pid, stack, resource }, redact, createJournal(environment));
  const lastRun = command === 'cfn-init' ? [lastRunSink(system)] : [];
  const console = consoleSink(
    command,
    system,
    () => isTerminal(STDERR),
    (text) => writeToConsole(paths.console, text),
  );
  const log = createLog(redactor, [unlessQuiet, file, journal, ...lastRun, console]);
  return {
    system,
    systemUntil: buildSystem,
    log,
    insist: (line) => {
      if (isQuiet) terminal.write('ERROR', show(line));
    },
    remind: (line) => {
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
    write: (text) => mustWrite(output, text),
    writeLines: (lines) => mustWrite(output, lines.map((line) => `${show(line)}\n`).join('')),
    progress,
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

/** Whether what the caller named is read as a stream, so that somebody may still be writing it: `-` for stdin, a FIFO. */
export function isStream(operand: string): boolean {
  try {
    return operand === '-' || statSync(operand, { throwIfNoEntry: false })?.isFile() === false;
  } catch {
    return false; // who reads it hears why
  }
}

/**
 * Reads a file that the caller named on the command line, `-` for stdin. It is the caller's own view of the machine that
 * counts here, not the root that is being prepared.
 * @param look gets the file's descriptor once it is open
 * @param patience milliseconds that a pipe may keep us waiting; without a bound when left out
 * @throws Problem when it cannot be read or has more than `mostBytes`; with exit code 75 when nothing comes in time
 */
export function readGiven(
  operand: string,
  mostBytes: number,
  look?: (fd: number) => void,
  patience = Number.POSITIVE_INFINITY,
): Buffer {
  const deadline = systemClock.elapsed() + patience;
  const chunks: Buffer[] = [];
  let length = 0;
  let fd = 0;
  try {
    fd = openGiven(operand, Number.isFinite(patience));
    look?.(fd);
    // A named pipe that nobody has opened to write looks as if it had ended. Stdin was open on both ends when it became ours.
    const mayBeginLate = operand !== '-' && Number.isFinite(patience) && fstatSync(fd).isFIFO();
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024);
      const got = readAvailable(fd, chunk, deadline, mayBeginLate && length === 0);
      if (got === undefined)
        throw new Problem(`nothing came within ${Math.ceil(patience / 1000)} s`, {
          where: operand === '-' ? 'stdin' : operand,
          hint: 'it is a pipe into which nobody writes',
          exitCode: ExitCode.deadline,
        });
      if (got === 0) return Buffer.concat(chunks, length);
      chunks.push(chunk.subarray(0, got));
      length += got;
      if (length > mostBytes) throw new Problem(`larger than ${mostBytes} bytes`, { where: operand });
    }
  } catch (error) {
    throw fileProblem('cannot read', operand === '-' ? 'stdin' : operand, error);
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

/** Opens what the caller named. @param isBounded no read of a pipe may wait */
function openGiven(operand: string, isBounded: boolean): number {
  if (!isBounded) return operand === '-' ? 0 : openSync(operand, 'r');
  // A file would be read from its beginning, and a socket cannot be opened.
  if (operand === '-' && !fstatSync(0).isFIFO() && !fstatSync(0).isCharacterDevice()) return 0;
  // Opened anew, since O_NONBLOCK would otherwise apply to every process that shares this pipe or terminal.
  try {
    return openSync(operand === '-' ? '/proc/self/fd/0' : operand, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    // The terminal of the user who has called su is not ours to open.
    if (operand === '-' && errnoOf(error) === 'EACCES') return 0;
    throw error;
  }
}

/** Milliseconds that a credential file may keep us waiting, where it is a pipe. */
const SECRET_PATIENCE = 60_000;

/** As readGiven, for a file that should be private, and that is never waited for without end. */
export function readGivenSecret(operand: string, mostBytes: number, patience = SECRET_PATIENCE): GivenSecret {
  let exposure: Exposure | undefined;
  const look = (fd: number): void => {
    if (operand !== '-') exposure = exposureOf(fd, operand, createFileSystem(), process.geteuid?.() ?? 0);
  };
  const content = readGiven(operand, mostBytes, look, Math.min(patience, SECRET_PATIENCE));
  return { text: content.toString('utf8'), exposure };
}

export interface GivenSecret {
  readonly text: string;
  /** Why it is not private; undefined when it is. */
  readonly exposure: Exposure | undefined;
}

/**
 * A stdin that a parent made non-blocking says EAGAIN until something comes.
 * @param mayBeginLate an end counts as nothing yet
 * @returns how many bytes there are, 0 at the end; undefined when the deadline has passed
 */
function readAvailable(fd: number, chunk: Buffer, deadline: number, mayBeginLate: boolean): number | undefined {
  for (;;) {
    try {
      const got = readSync(fd, chunk, 0, chunk.length, null);
      if (got > 0 || !mayBeginLate) return got;
    } catch (error) {
      if (errnoOf(error) === 'EOF') return 0;
      if (errnoOf(error) !== 'EAGAIN') throw error;
    }
    if (systemClock.elapsed() >= deadline) return undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}
