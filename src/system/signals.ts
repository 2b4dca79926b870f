import { constants } from 'node:os';

/** Calls `handle` whenever we get one of the signals, which then no longer end us. Returns what takes it back. */
export function onSignals(names: readonly NodeJS.Signals[], handle: (name: NodeJS.Signals) => void): () => void {
  for (const name of names) process.on(name, handle);
  return () => {
    for (const name of names) process.off(name, handle);
  };
}

/** The exit code by which shells tell that a signal ended a process: 128 and its number. */
export function exitCodeOfSignal(signal: string | undefined): number {
  return 128 + (signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0));
}
