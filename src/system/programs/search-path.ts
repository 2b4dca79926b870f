import { accessSync, constants, statSync } from 'node:fs';
import { delimiter } from 'node:path';

/** Where administrators' tools live; cron and sudo often leave these out of PATH. */
export const SYSTEM_DIRECTORIES: readonly string[] = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/**
 * The directories of a PATH. An empty or relative entry stands for another directory wherever we are called, which may be
 * one where others can put programs: it is left out.
 */
export function absoluteDirectories(path: string | undefined): readonly string[] {
  return (path ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
}

/** Where tools are searched for: the directories of PATH, and then those of the system that are not among them. */
export function searchPath(path: string | undefined): readonly string[] {
  const own = absoluteDirectories(path);
  return [...own, ...SYSTEM_DIRECTORIES.filter((directory) => !own.includes(directory))];
}

/** The full path of a program in one of the directories, or undefined. One that has a path already must be absolute. */
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
    // Asked so that nothing is thrown for what is not there: that would cost a tenth of a millisecond a directory.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
