import { Problem } from '../errors.ts';
import type { FileSystem } from './file-system.ts';

const MOST_BYTES = 65_536;

/**
 * The service of systemd that a process belongs to, by its control groups: the innermost, as in a container that a service
 * runs. Undefined for none.
 */
export function serviceOf(files: FileSystem, pid: number | 'self'): string | undefined {
  for (const line of procFile(files, pid, 'cgroup').split('\n')) {
    const [, names, ...path] = line.split(':');
    if (names !== '' && names !== 'name=systemd') continue;
    const service = path
      .join(':')
      .split('/')
      .findLast((part) => part.endsWith('.service'));
    // systemd puts this before what the kernel could mistake for a file of its own.
    if (service !== undefined) return service.replace(/^_/, '');
  }
  return undefined;
}

/** A file in a process's directory of /proc; empty when the process has ended. */
export function procFile(files: FileSystem, pid: number | 'self', name: string): string {
  try {
    return files.readIfPresent(`/proc/${pid}/${name}`, MOST_BYTES)?.toString('utf8') ?? '';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return '';
  }
}
