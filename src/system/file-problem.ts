import { errnoOf, Problem } from '../errors.ts';

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
};

function reasonOf(code: string): string {
  if (code !== 'EACCES' && code !== 'EPERM') return REASONS[code] ?? code;
  const what = code === 'EACCES' ? 'permission denied' : 'not permitted';
  return process.geteuid?.() === 0
    ? `${what}, though it runs as root: is it immutable (lsattr), or does a security module forbid it?`
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
