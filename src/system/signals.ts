import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { ExitCode } from '../errors.ts';

/** The signals by which a person, a service manager or a terminal ends a program. */
export type EndingSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

const EXIT_CODES: Readonly<Record<EndingSignal, ExitCode>> = {
  SIGTERM: ExitCode.terminated,
  SIGINT: ExitCode.interrupted,
  SIGHUP: ExitCode.hungUp,
};

/**
 * Why the doors end what they do: a signal ends the run. It is no Problem, so that nothing on the way takes it for a failure
 * that can be tolerated, tried again or replaced by older metadata.
 */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: EndingSignal;
  readonly exitCode: ExitCode;
  /** What the command that was ended had printed. */
  readonly output: string | undefined;

  constructor(signal: EndingSignal, output?: string) {
    super(`ended by ${signal}`);
    this.signal = signal;
    this.exitCode = EXIT_CODES[signal];
    this.output = output;
  }
}

/** Those of the signals that we were not started with ignored, as nohup does with SIGHUP. */
export function notIgnoredAtStart(names: readonly EndingSignal[]): readonly EndingSignal[] {
  try {
    const mask = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
    return names.filter((name) => ((mask >> BigInt(constants.signals[name] - 1)) & 1n) === 0n);
  } catch {
    return names;
  }
}

/** The exit code by which shells tell that a signal ended a process: 128 and its number. */
export function exitCodeOfSignal(signal: string | undefined): number {
  return 128 + (signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0));
}
