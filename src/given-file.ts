import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { ExitCode, errnoOf, lastLine, Problem } from './errors.ts';
import { fileProblem } from './system/files/file-problem.ts';
import { createFileSystem } from './system/files/file-system.ts';
import { type Exposure, exposureOf } from './system/files/trusted-path.ts';
import type { System } from './system/system.ts';

/** What it takes to wait for what somebody else writes. */
export type ReadTools = Pick<System, 'exec' | 'clock'>;

export interface GivenSecret {
  readonly text: string;
  /** Why it is not private; undefined when it is. */
  readonly exposure: Exposure | undefined;
}

interface ReadOptions {
  /** Gets a descriptor of the file before it is read. */
  readonly look?: (fd: number) => void;
  /** Milliseconds that a pipe may keep us waiting. */
  readonly patience?: number;
}

/** Linux's O_PATH, which does not wait for the other end of a pipe. Node does not name it. */
const O_PATH = 0o10000000;
/** Milliseconds that a pipe is waited for: what makes a document at a first boot may take long, but not forever. */
const PATIENCE = 1_800_000;
/** The same for a credential file. */
const SECRET_PATIENCE = 60_000;
/** Milliseconds between two looks at a pipe. */
const LOOK = 20;

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
 * counts here, not the root that is being prepared. Nothing of it blocks this thread, so that a signal is heard.
 * @throws Problem when it cannot be read or has more than `mostBytes`; with exit code 75 when a pipe takes too long
 */
export async function readGiven(
  tools: ReadTools,
  operand: string,
  mostBytes: number,
  { look, patience = PATIENCE }: ReadOptions = {},
): Promise<Buffer> {
  const where = operand === '-' ? 'stdin' : operand;
  let fd: number | undefined;
  try {
    fd = openGiven(operand);
    look?.(fd ?? 0);
    const isFifo = operand !== '-' && fstatSync(fd ?? 0).isFIFO();
    const content =
      fd === undefined || isFifo
        ? await readByHead(tools, where, fd, mostBytes, patience)
        : await readOpen(tools, fd, mostBytes, patience);
    if (content === undefined)
      throw new Problem(`nothing came within ${Math.ceil(patience / 1000)} s`, {
        where,
        hint: 'it is a pipe into which nobody writes',
        exitCode: ExitCode.deadline,
      });
    if (content.length > mostBytes) throw new Problem(`larger than ${mostBytes} bytes`, { where });
    return content;
  } catch (error) {
    throw fileProblem('cannot read', where, error);
  } finally {
    if (fd !== undefined && fd !== 0) closeSync(fd);
  }
}

/** As readGiven, for a file that should be private. @param patience milliseconds, a minute at most */
export async function readGivenSecret(
  tools: ReadTools,
  operand: string,
  mostBytes: number,
  patience = SECRET_PATIENCE,
): Promise<GivenSecret> {
  let exposure: Exposure | undefined;
  const look = (fd: number): void => {
    if (operand !== '-') exposure = exposureOf(fd, operand, createFileSystem(), process.geteuid?.() ?? 0);
  };
  const content = await readGiven(tools, operand, mostBytes, { look, patience: Math.min(patience, SECRET_PATIENCE) });
  return { text: content.toString('utf8'), exposure };
}

/** @returns what can be read without waiting, or a FIFO that is not open to be read; undefined for stdin as it is */
function openGiven(operand: string): number | undefined {
  const { O_NONBLOCK, O_RDONLY } = constants;
  if (operand !== '-') {
    const isFifo = statSync(operand, { throwIfNoEntry: false })?.isFIFO() === true;
    return openSync(operand, isFifo ? O_PATH : O_RDONLY | O_NONBLOCK);
  }
  const stdin = fstatSync(0);
  // A file would be read from its beginning, and a socket cannot be opened.
  if (stdin.isFile()) return 0;
  if (!stdin.isFIFO() && !stdin.isCharacterDevice()) return undefined;
  // Opened anew, since O_NONBLOCK would otherwise apply to every process that shares this pipe or terminal.
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK);
  } catch (error) {
    // The terminal of the user who has called su is not ours to open.
    if (errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** @returns undefined when the time is over */
async function readOpen(
  { clock }: ReadTools,
  fd: number,
  mostBytes: number,
  patience: number,
): Promise<Buffer | undefined> {
  const deadline = clock.elapsed() + patience;
  const chunks: Buffer[] = [];
  for (let length = 0; length <= mostBytes; ) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const got = readAvailable(fd, chunk);
    if (got === 0) break;
    if (got === undefined && clock.elapsed() >= deadline) return undefined;
    if (got === undefined) await clock.sleep(LOOK);
    else chunks.push(chunk.subarray(0, got));
    length += got ?? 0;
  }
  return Buffer.concat(chunks);
}

/** @returns how many bytes there are, 0 at the end; undefined when nothing is there yet */
function readAvailable(fd: number, chunk: Buffer): number | undefined {
  try {
    return readSync(fd, chunk, 0, chunk.length, null);
  } catch (error) {
    if (errnoOf(error) === 'EOF') return 0;
    if (errnoOf(error) !== 'EAGAIN') throw error;
    return undefined;
  }
}

/**
 * Has a program wait for us, for what can be read only by waiting in the kernel.
 * @param fd what it opens; undefined for our stdin
 * @returns undefined when the time is over
 */
async function readByHead(
  { exec }: ReadTools,
  where: string,
  fd: number | undefined,
  mostBytes: number,
  patience: number,
): Promise<Buffer | undefined> {
  const words = ['head', '-c', String(mostBytes + 1)] as const;
  const place = fd === undefined ? { stdin: 0 } : { descriptor: fd };
  try {
    const { exitCode, stdout, output } = await exec.query(fd === undefined ? words : [...words, '/proc/self/fd/3'], {
      ...place,
      timeout: patience,
      encoding: 'latin1',
    });
    if (exitCode !== 0) throw new Problem('cannot read', { where, hint: lastLine(output) });
    return Buffer.from(stdout, 'latin1');
  } catch (error) {
    if (error instanceof Problem && error.exitCode === ExitCode.deadline) return undefined;
    throw error;
  }
}
