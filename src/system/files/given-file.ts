import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { ExitCode, errnoOf, lastLine, Problem } from '../../errors.ts';
import type { System } from '../system.ts';
import { fileProblem } from './file-problem.ts';
import { createFileSystem } from './file-system.ts';
import { type Exposure, exposureOf } from './trusted-path.ts';

/** The tools to wait for another process that writes. */
export type ReadTools = Pick<System, 'exec' | 'clock'>;

export interface GivenSecret {
  readonly text: string;
  /** Why the file is not private; undefined when it is. */
  readonly exposure: Exposure | undefined;
}

interface ReadOptions {
  /** Gets a descriptor of the file before it is read. */
  readonly onOpen?: (fd: number) => void;
  /** Milliseconds to wait for a pipe. */
  readonly timeout?: number;
}

/** Linux's O_PATH, which does not wait for the other end of a pipe. Node does not name it. */
const O_PATH = 0o10000000;
/** Milliseconds to wait for a pipe: the program that writes a document at a first boot may take long, but not forever. */
const PIPE_TIMEOUT = 1_800_000;
/** The same for a credential file. */
const SECRET_PIPE_TIMEOUT = 60_000;
/** Milliseconds between two attempts to read a pipe. */
const READ_PAUSE = 20;

/** Whether the operand is a stream, so that another process may still be writing it: `-` for stdin, or a FIFO. */
export function isStream(operand: string): boolean {
  try {
    return operand === '-' || statSync(operand, { throwIfNoEntry: false })?.isFile() === false;
  } catch {
    return false; // the error appears when the file is read
  }
}

/**
 * Reads a file of the command line, or stdin for `-`. The path is that of the caller's machine, not below the root that is being
 * prepared. Reading never blocks this thread, so that signals are handled.
 * @throws Problem when it cannot be read or has more than `mostBytes`; with exit code 75 when a pipe takes too long
 */
export async function readGiven(
  tools: ReadTools,
  operand: string,
  mostBytes: number,
  { onOpen, timeout = PIPE_TIMEOUT }: ReadOptions = {},
): Promise<Buffer> {
  const where = operand === '-' ? 'stdin' : operand;
  let fd: number | undefined;
  try {
    fd = openGiven(operand);
    onOpen?.(fd ?? 0);
    const isFifo = operand !== '-' && fstatSync(fd ?? 0).isFIFO();
    const content =
      fd === undefined || isFifo
        ? await readByHead(tools, where, fd, mostBytes, timeout)
        : await readOpen(tools, fd, mostBytes, timeout);
    if (content === undefined)
      throw new Problem(`no data arrived within ${Math.ceil(timeout / 1000)} s`, {
        where,
        hint: 'it is a pipe that nobody writes to',
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

/** As readGiven, for a file that should be private. @param timeout milliseconds, a minute at most */
export async function readGivenSecret(
  tools: ReadTools,
  operand: string,
  mostBytes: number,
  timeout = SECRET_PIPE_TIMEOUT,
): Promise<GivenSecret> {
  let exposure: Exposure | undefined;
  const onOpen = (fd: number): void => {
    if (operand !== '-') exposure = exposureOf(fd, operand, createFileSystem(), process.geteuid?.() ?? 0);
  };
  const content = await readGiven(tools, operand, mostBytes, {
    onOpen,
    timeout: Math.min(timeout, SECRET_PIPE_TIMEOUT),
  });
  return { text: content.toString('utf8'), exposure };
}

/** @returns a descriptor that does not block, or one of a FIFO that is not open for reading yet; undefined for stdin as it is */
function openGiven(operand: string): number | undefined {
  const { O_NONBLOCK, O_RDONLY } = constants;
  if (operand !== '-') {
    const isFifo = statSync(operand, { throwIfNoEntry: false })?.isFIFO() === true;
    return openSync(operand, isFifo ? O_PATH : O_RDONLY | O_NONBLOCK);
  }
  const stdin = fstatSync(0);
  // A file that is opened again would be read from its beginning, and a socket cannot be opened again. A directory says that it is one.
  if (stdin.isFile() || stdin.isDirectory()) return 0;
  if (!stdin.isFIFO() && !stdin.isCharacterDevice()) return undefined;
  // Open it again, since O_NONBLOCK would otherwise apply to every process that shares this pipe or terminal.
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK);
  } catch (error) {
    // After su, we may not open the terminal of the first user.
    if (errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** @returns undefined when the time is over */
async function readOpen(
  { clock }: ReadTools,
  fd: number,
  mostBytes: number,
  timeout: number,
): Promise<Buffer | undefined> {
  const deadline = clock.elapsed() + timeout;
  const chunks: Buffer[] = [];
  for (let length = 0; length <= mostBytes; ) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const got = readAvailable(fd, chunk);
    if (got === 0) break;
    if (got === undefined && clock.elapsed() >= deadline) return undefined;
    if (got === undefined) await clock.sleep(READ_PAUSE);
    else chunks.push(chunk.subarray(0, got));
    length += got ?? 0;
  }
  return Buffer.concat(chunks);
}

/** @returns the number of bytes that were read, 0 at the end; undefined when there is no data yet */
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
 * Lets head(1) read, where a read can only block.
 * @param fd the descriptor that it opens; undefined for our stdin
 * @returns undefined when the time is over
 */
async function readByHead(
  { exec }: ReadTools,
  where: string,
  fd: number | undefined,
  mostBytes: number,
  timeout: number,
): Promise<Buffer | undefined> {
  const words = ['head', '-c', String(mostBytes + 1)] as const;
  const place = fd === undefined ? { stdin: 0 } : { descriptor: fd };
  try {
    const { exitCode, stdout, output } = await exec.query(fd === undefined ? words : [...words, '/proc/self/fd/3'], {
      ...place,
      timeout,
      encoding: 'latin1',
    });
    if (exitCode !== 0) throw new Problem('cannot read', { where, hint: lastLine(output) });
    return Buffer.from(stdout, 'latin1');
  } catch (error) {
    if (error instanceof Problem && error.exitCode === ExitCode.deadline) return undefined;
    throw error;
  }
}
