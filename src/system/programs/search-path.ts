import { accessSync, constants, statSync } from 'node:fs';
import { delimiter } from 'node:path';

/** The directories of administrators' tools; cron and sudo often leave some of them out of PATH. */
export const SYSTEM_DIRECTORIES: readonly string[] = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/**
 * The directories of a PATH, without empty and relative entries: these depend on the current directory, where other users may be
 * able to put programs.
 */
export function absoluteDirectories(path: string | undefined): readonly string[] {
  return (path ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
}

/** Where tools are searched for: the directories of PATH, then the system directories that are not in it. */
export function searchPath(path: string | undefined): readonly string[] {
  const own = absoluteDirectories(path);
  return [...own, ...SYSTEM_DIRECTORIES.filter((directory) => !own.includes(directory))];
}

/** The full path of a program in one of the directories, or undefined. A name with a slash must be an absolute path. */
export function findProgram(program: string, directories: readonly string[]): string | undefined {
  if (program.includes('/')) return program.startsWith('/') && isExecutable(program) ? program : undefined;
  for (const directory of directories) {
    const candidate = `${directory}/${program}`;
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    // Without throwing for a file that does not exist: that would cost a tenth of a millisecond for each directory.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
