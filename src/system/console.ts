import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Does not wait for a carrier or a full buffer, does not make the device our terminal, and does not create a missing one. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NOCTTY | constants.O_NONBLOCK;

/** Writes a text to the machine's console, as much of it as can be written at once. Never waits and never fails. */
export function writeToConsole(path: string, text: string): void {
  try {
    const fd = openSync(path, FLAGS);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  } catch {
    // There is no console, or it does not accept the text: the line is in the log as well.
  }
}

/** The driver of /dev/null and its like. */
const MEMORY_DEVICES = 1;

/** True when a person may read it. Not by isatty of node:tty, which would load node:net. */
export function isTerminal(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() && ((stats.rdev >> 8) & 0xfff) !== MEMORY_DEVICES;
  } catch {
    return false; // it is closed
  }
}
