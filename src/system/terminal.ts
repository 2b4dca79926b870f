import { fstatSync } from 'node:fs';

/** The driver of /dev/null and its like. */
const MEMORY_DEVICES = 1;

/** True when a person may read there. Not node:tty's isatty, which would load node:net. */
export function isTerminal(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() && ((stats.rdev >> 8) & 0xfff) !== MEMORY_DEVICES;
  } catch {
    return false; // it is closed
  }
}
