import { errnoOf, Problem } from '../errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied, run it as root',
  EPERM: 'not permitted, run it as root',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a parent is not a directory',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
};

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
  return new Problem(verb, { where: path, hint: REASONS[code] ?? code, cause: error });
}
