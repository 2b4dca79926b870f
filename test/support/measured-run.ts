import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ended, RunOptions } from './process.ts';
import type { Machine } from './sandbox.ts';

export interface Measured extends Ended {
  /** The most memory that the process had resident at any time. */
  readonly peakMegabytes: number;
}

/** Runs the rest of its arguments, and leaves the peak of their resident memory, in KiB, in a file. */
const MEASURE = `
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], 'w') as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code if code >= 0 else 128 - code)
`;

let count = 0;

/** Runs a command on a machine and measures it. Needs python3. */
export async function measuredRun(
  machine: Machine,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Measured> {
  const file = join(machine.shared, `peak-${process.pid}-${count++}`);
  const ended = await machine.run(['python3', '-c', MEASURE, file, ...command], options);
  if (!existsSync(file)) throw new Error(`not measured: ${ended.stderr.slice(-2000)}`);
  return { ...ended, peakMegabytes: Number(readFileSync(file, 'utf8')) / 1024 };
}
