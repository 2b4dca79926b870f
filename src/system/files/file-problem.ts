import { errnoOf, Problem, type ProblemCode } from '../../errors.ts';

/** The meaning of an errno name, for a hint; the name itself where there is none here. */
export function reasonOf(code: string): string {
  // Every start needs this one. The others are in a function of their own, so that they are not in the code cache.
  return code === 'ENOENT' ? 'no such file or directory' : rarerReasonOf(code);
}

function rarerReasonOf(code: string): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOTDIR: 'a parent is not a directory',
    EISDIR: 'it is a directory',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left on the device',
    EDQUOT: 'the disk quota is used up',
    ELOOP: 'too many symbolic links',
    ENAMETOOLONG: 'the name is too long',
    EBUSY: 'it is in use, as a mount point perhaps',
    ETXTBSY: 'the program is running',
    EFBIG: 'larger than the file system or ulimit -f allows',
    EINVAL: 'that cannot be done with a file of this kind',
    EIO: 'the disk is failing (see dmesg)',
    EMFILE: 'too many open files (ulimit -n)',
    ENFILE: 'too many open files',
    ENOMEM: 'out of memory',
    EAGAIN: 'too many processes (ulimit -u), or out of memory',
    E2BIG: 'its arguments and environment are too long',
    ERR_INVALID_ARG_VALUE: 'it has a NUL character in it',
  };
  if (code !== 'EACCES' && code !== 'EPERM') return reasons[code] ?? code;
  const what = code === 'EACCES' ? 'permission denied' : 'not permitted';
  return process.geteuid?.() === 0
    ? `${what}, though it runs as root: is it immutable (lsattr), or does a container or a security module forbid it?`
    : `${what}, run it as root`;
}

/** The code for an errno name of a file operation; undefined where callers do not distinguish it. */
function codeFor(errno: string): ProblemCode | undefined {
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'CFN_FILE_MISSING';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EMFILE':
      return 'CFN_FILE_UNUSABLE';
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return 'CFN_PATH_INVALID';
    default:
      return undefined;
  }
}

/**
 * Turns an error of a file operation into a Problem with the path as the user knows it.
 * @throws the error itself when it did not come from the system, which is a bug
 */
export function fileProblem(verb: string, path: string, error: unknown): Problem {
  if (error instanceof Problem) {
    if (error.where !== undefined) return error;
    return new Problem(`${verb}: ${error.message}`, { code: error.code, where: path, hint: error.hint });
  }
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return new Problem(verb, { code: codeFor(errno), where: path, hint: reasonOf(errno), cause: error });
}

/**
 * A Problem for an error of Node that no door has caught: an error of the system has its cause on the machine and is not a bug.
 * @returns undefined for anything else
 */
export function machineProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error) || error instanceof Problem) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && code !== undefined)
    return new Problem(`${syscall} failed`, { where: path, hint: reasonOf(code), cause: error });
  // Messages of Node and V8 for a text of half a gigabyte or more, or for too little memory.
  const isTooLarge =
    /^(?:Invalid string length|Array buffer allocation failed|Invalid typed array length|Cannot create a string)/;
  if (code !== 'ERR_FS_FILE_TOO_LARGE' && !isTooLarge.test(error.message)) return undefined;
  return new Problem('too large for the available memory', { hint: error.message, cause: error });
}
