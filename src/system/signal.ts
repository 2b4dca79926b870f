import { constants } from 'node:os';

/** The exit code by which shells tell that a signal ended a process: 128 and its number. */
export function exitCodeOfSignal(signal: string | undefined): number {
  return 128 + (signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0));
}
