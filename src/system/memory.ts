import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How a process that mostly waits keeps small. */
export interface Memory {
  /** Gives back all that can be had again; some milliseconds of CPU. */
  trim(): void;
}

const FLAGS = [
  // The compilers that make code fast make it large.
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  // New objects stay in the megabyte they begin with.
  '--semi-space-growth-factor=1',
  '--expose-gc',
  // A further clean-up seconds after a poll would load more of the executable than it frees. trim() has done that work
  // already.
  '--no-memory-reducer',
];

/** For a daemon: V8 trades memory for speed, which one poll a minute does not need. */
export function keepSmall(): Memory {
  for (const flag of FLAGS) setFlagsFromString(flag);
  const collect = runInNewContext('gc') as (options: object) => void;
  // Otherwise V8 keeps a megabyte for the next time, until nothing has happened for eight seconds.
  return { trim: () => collect({ type: 'major', flavor: 'last-resort' }) };
}
