import { closeSync, constants, openSync, readSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeError, errnoOf, Problem, type ProblemCode } from '../../errors.ts';
import { reasonOf } from '../files/file-problem.ts';
import { absoluteDirectories, findProgram } from './search-path.ts';

/** Where a program was looked for. */
interface Surroundings {
  /** The directory that relative paths count from; ours when left out. */
  readonly cwd?: string | undefined;
  /** PATH. */
  readonly path?: string | undefined;
}

const { O_NONBLOCK, O_RDONLY } = constants;
/** More than the first line of a script may have, and enough for the loader of a program. */
const FIRST_BYTES = 4096;
const EXECUTABLE = 0o111;
/** glibc's, musl's. */
const LOADER = /\/lib[\w./-]*\/ld[\w.-]*\.so[\w.]*(?=\0)/;
/** e_machine of elf(5), and where it is. */
const MACHINE_AT = 18;
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const WINDOWS_LINES = 'has Windows line endings (CR LF)';

/** The messages of shells, env and setpriv about a program that they could not start. */
const NAMED =
  /^(?:\S*\/)?(?:\w*sh|env|setpriv): (?:line )?(?:\d+: )?(?:failed to execute |can't execute |exec: )?['\u2018"]?([^\n:]+?)['\u2019"]?: (?:[^\n]*: )?(not found|no such file|permission denied|is a directory|bad interpreter|cannot execute|text file busy|exec format error)[^\n]*/gim;
/** A carriage return at the end of a name, as programs show it. */
const CARRIAGE_RETURN = /\r['\u2019"]?:|\\r['\u2019]|\^M: bad interpreter/;

/** Exit codes of a shell for a program that it may not run, or does not find. */
const NOT_STARTED: readonly number[] = [126, 127];

/** The code for a program that could not be started. @param errno of the refusal, if it is known */
export function codeOfStart(errno: string | undefined): ProblemCode | undefined {
  if (errno === 'ENOENT') return 'CFN_PROGRAM_MISSING';
  return errno === 'EACCES' || errno === 'ENOEXEC' || errno === 'ETXTBSY' ? 'CFN_PROGRAM_UNUSABLE' : undefined;
}

/** Why one of the machine's tools could not be started. */
export function startProblem(program: string, error: unknown): Problem {
  const errno = errnoOf(error);
  return new Problem(`cannot run ${program}`, {
    code: codeOfStart(errno),
    hint: errno === undefined ? describeError(error) : reasonOf(errno),
    cause: error,
  });
}

/**
 * Why a command failed, where a program in it could not be started and the shell's message does not say why: the shell reports
 * both a missing interpreter and a first line that ends with CR as `not found`.
 * @param output what the command printed
 * @returns a sentence without a full stop; undefined where nothing more is known
 */
export function whyCommandFailed(exitCode: number, output: string, surroundings: Surroundings): string | undefined {
  if (NOT_STARTED.includes(exitCode))
    for (const [line, name = ''] of [...output.matchAll(NAMED)].reverse()) {
      const why = whyNotStarted(name.trim(), errnoIn(line), surroundings);
      if (why !== undefined) return why;
    }
  return CARRIAGE_RETURN.test(output) ? `a script ${WINDOWS_LINES}: convert it: sed -i 's/\\r$//' FILE` : undefined;
}

/**
 * Why the kernel does not start a program that exists.
 * @param errno of the refusal: ENOENT, EACCES, ENOEXEC, ETXTBSY, ...
 * @returns a sentence that begins with the path; undefined where the program does not exist or nothing is wrong with it
 */
export function whyNotStarted(
  name: string,
  errno: string | undefined,
  { cwd, path }: Surroundings,
): string | undefined {
  if (cwd !== undefined && statOf(cwd) === undefined) return undefined;
  const directories = absoluteDirectories(path);
  const file = name.includes('/') ? resolve(cwd ?? '/', name) : findProgram(name, directories);
  const head = file === undefined ? undefined : readHead(file);
  if (file === undefined || head === undefined) return undefined;
  if (head.isDirectory) return `${file} is a directory`;
  if (!head.isExecutable) return `${file} is not executable: run chmod +x, or set its mode to 000755`;
  if (errno === 'ETXTBSY') return `${file} is open for writing in another process`;
  const first = /^#![ \t]*([^\n]*)/.exec(head.text)?.[1];
  if (first !== undefined) return whyScriptNotStarted(file, first, directories);
  if (head.text.startsWith('\x7fELF')) {
    const machine = head.text.charCodeAt(MACHINE_AT) + 256 * head.text.charCodeAt(MACHINE_AT + 1);
    if (machine !== MACHINES[process.arch]) return `${file} is a program for another kind of processor`;
    const loader = LOADER.exec(head.text)?.[0];
    if (loader === undefined || statOf(loader) !== undefined) return undefined;
    return `${file} is a program for another system: its loader ${loader} does not exist`;
  }
  return errno === 'ENOEXEC' ? `${file} is not a program and has no #! line` : undefined;
}

/** @param first the first line of the script, without `#!` */
function whyScriptNotStarted(file: string, first: string, directories: readonly string[]): string | undefined {
  if (first.includes('\r')) return `${file} ${WINDOWS_LINES}: convert it: sed -i 's/\\r$//' ${file}`;
  const [interpreter = '', argument = ''] = first.trim().split(/[ \t]+/);
  const isFoundByEnv = interpreter.endsWith('/env') && /^[^-=]+$/.test(argument);
  const wanted = isFoundByEnv ? argument : interpreter;
  const path = wanted.includes('/') ? wanted : findProgram(wanted, directories);
  const head = path === undefined ? undefined : readHead(path);
  if (head?.isExecutable === true && !head.isDirectory) return undefined;
  const what = head === undefined ? 'does not exist: install it' : 'cannot be run: install another';
  return `the interpreter ${wanted} of ${file} ${what}, or correct the first line`;
}

function errnoIn(line: string): string {
  if (/permission denied/i.test(line)) return 'EACCES';
  if (/text file busy/i.test(line)) return 'ETXTBSY';
  return /exec format error/i.test(line) ? 'ENOEXEC' : 'ENOENT';
}

interface Head {
  readonly isExecutable: boolean;
  readonly isDirectory: boolean;
  /** Its first bytes, one character for each; empty where they cannot be read. */
  readonly text: string;
}

/** @returns undefined for a file that does not exist or cannot be reached */
function readHead(file: string): Head | undefined {
  const stats = statOf(file);
  if (stats === undefined) return undefined;
  const head = { isExecutable: (stats.mode & EXECUTABLE) !== 0, isDirectory: stats.isDirectory() };
  if (!stats.isFile()) return { ...head, text: '' };
  let fd: number | undefined;
  try {
    fd = openSync(file, O_RDONLY | O_NONBLOCK);
    const bytes = Buffer.alloc(FIRST_BYTES);
    return { ...head, text: bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)) };
  } catch {
    return { ...head, text: '' };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
