import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Keeps a process that mostly waits small. */
export interface Memory {
  /** Frees all unused memory; takes some milliseconds of CPU. */
  trim(): void;
}

const FLAGS = [
  // The optimising compilers make code fast, but large.
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  // The space of new objects does not grow beyond its first megabyte.
  '--semi-space-growth-factor=1',
  '--expose-gc',
  // Another clean-up seconds after a poll would load more of the executable than it frees. trim() has already done that
  // work.
  '--no-memory-reducer',
];

/** For a daemon: V8 trades memory for speed, which one poll a minute does not need. */
export function keepSmall(): Memory {
  for (const flag of FLAGS) setFlagsFromString(flag);
  const collect = runInNewContext('gc') as (options: object) => void;
  // Otherwise V8 keeps a megabyte in reserve until the process has been idle for eight seconds.
  return { trim: () => collect({ type: 'major', flavor: 'last-resort' }) };
}
