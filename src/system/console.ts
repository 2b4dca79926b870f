import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Without waiting for a carrier or a full buffer, and without taking the device as our terminal; never made when it is missing. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NOCTTY | constants.O_NONBLOCK;

/** Writes a text to the machine's console as far as that takes it at once. It never waits and never fails. */
export function writeToConsole(path: string, text: string): void {
  try {
    const fd = openSync(path, FLAGS);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  } catch {
    // There is none, or nobody takes what it is given: the log has the line.
  }
}

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
