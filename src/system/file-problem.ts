import { describeError, errnoOf, Problem } from '../errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a parent is not a directory',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EBUSY: 'it is in use, as a mount point perhaps',
  ETXTBSY: 'the program is running',
  EFBIG: 'larger than the file system or a limit (ulimit -f) allows',
  EINVAL: 'that cannot be done with a file of this kind',
  EIO: 'the disk or its connection is failing (see dmesg)',
  EMFILE: 'too many open files (ulimit -n)',
  ENFILE: 'the machine has too many open files',
  ENOMEM: 'out of memory',
  EAGAIN: 'too many processes, or out of memory (ulimit -u)',
  E2BIG: 'its arguments and environment are too long',
  ERR_INVALID_ARG_VALUE: 'it has a NUL character in it',
};

/** Codes of Node's own that say what is wrong with the machine or the input, and not with the code that called. */
const LIMITS: ReadonlySet<string> = new Set([
  'ERR_STRING_TOO_LONG',
  'ERR_BUFFER_TOO_LARGE',
  'ERR_FS_FILE_TOO_LARGE',
  'ERR_MEMORY_ALLOCATION_FAILED',
]);
/** How V8 says the same, without a code. */
const OUT_OF_MEMORY = /^(?:Invalid string length|Array buffer allocation failed|Invalid typed array length)/;

/** What an errno name means, for a hint; the name itself where there is no more to say. */
export function reasonOf(code: string): string {
  if (code !== 'EACCES' && code !== 'EPERM') return REASONS[code] ?? code;
  const what = code === 'EACCES' ? 'permission denied' : 'not permitted';
  return process.geteuid?.() === 0
    ? `${what}, though it runs as root: is it immutable (lsattr), or does a container or a security module forbid it?`
    : `${what}, run it as root`;
}

/**
 * Turns what a file operation threw into a Problem with the path as the user knows it.
 * @throws the error itself when it did not come from the system: a bug
 */
export function fileProblem(verb: string, path: string, error: unknown): Problem {
  if (error instanceof Problem) {
    if (error.where !== undefined) return error;
    return new Problem(`${verb}: ${error.message}`, {
      where: path,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
  const code = errnoOf(error);
  if (code === undefined) throw error;
  return new Problem(verb, { where: path, hint: reasonOf(code), cause: error });
}

/** What kept a program from being started. */
export function startProblem(program: string, error: unknown): Problem {
  const code = errnoOf(error);
  return new Problem(`cannot run ${program}`, {
    hint: code === undefined ? describeError(error) : reasonOf(code),
    cause: error,
  });
}

/**
 * What Node threw where no door has made a Problem of it: a refusal by the system is the machine's fault, and no bug.
 * @returns undefined for anything else
 */
export function machineProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error) || error instanceof Problem) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && code !== undefined)
    return new Problem(`${syscall} failed`, {
      ...(path === undefined ? {} : { where: path }),
      hint: reasonOf(code),
      cause: error,
    });
  if (!LIMITS.has(code ?? '') && !OUT_OF_MEMORY.test(error.message)) return undefined;
  return new Problem('too large for the memory that there is', { hint: error.message, cause: error });
}
