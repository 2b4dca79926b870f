import { accessSync, constants, statSync } from 'node:fs';
import { ExitCode, Problem, type ProblemCode } from '../../errors.ts';
import { fileProblem } from './file-problem.ts';
import { createFileSystem } from './file-system.ts';

/** Errors of the path itself, not of the machine. */
const BAD_PATHS: readonly (ProblemCode | undefined)[] = ['CFN_FILE_MISSING', 'CFN_PATH_INVALID'];

/**
 * Makes the directory of `--root` if it does not exist, with its parents, mode 0755.
 * @throws Problem, with exit code 2 for a path that cannot be a directory
 */
export function makeRootDirectory(path: string): void {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) createFileSystem().makeDirectory(path);
    else if (!stats.isDirectory()) throw new Problem('not a directory', { where: path, exitCode: ExitCode.usage });
    accessSync(path, constants.X_OK);
  } catch (error) {
    const { code, message, where, hint, cause, exitCode } = fileProblem('cannot use the directory', path, error);
    const isBad = exitCode === ExitCode.usage || BAD_PATHS.includes(code);
    throw new Problem(`--root: ${message}`, {
      code,
      where,
      hint,
      exitCode: isBad ? ExitCode.usage : ExitCode.failed,
      cause,
    });
  }
}
