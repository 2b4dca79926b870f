import type { Log } from '../logging/log.ts';
import type { Step } from '../sections/step.ts';
import type { Clock } from '../system/clock.ts';
import { formatDuration, stepColumns } from './report.ts';

/** The watch of a running step. */
export interface StepWatch {
  /** Sets what the step is waiting for; undefined when it no longer waits. */
  waitsFor(what: string | undefined): void;
  /** What the step is waiting for, if that is known. */
  wait(): string | undefined;
  end(): void;
}

export interface WatchTools {
  readonly log: Log;
  /** A monotonic clock: the time of day is often set while a machine boots. */
  readonly clock: Pick<Clock, 'elapsed'>;
  /** Finds what a step is waiting for, if the step has not reported it. */
  readonly findWait: () => string | undefined;
  /** Called with each line about a long step. */
  readonly onLasting?: ((line: string) => void) | undefined;
}

/** Milliseconds between two lines about a long step. */
const MINUTE = 60_000;
/** Milliseconds for which a result of findWait is used again. */
const FRESH = 5_000;

/** Logs that a step begins and, each minute, that it still runs and what it is waiting for. */
export function watchStep(step: Step, { log, clock, findWait, onLasting }: WatchTools): StepWatch {
  const about = { section: step.section, config: step.config, entry: step.entry.name };
  log.info(stepColumns(step, 'begins'), { event: 'stepBegun', tone: 'detail', state: 'begun', ...about });
  let reported: string | undefined;
  let found: { readonly wait: string | undefined; readonly at: number } | undefined;
  let minutes = 0;
  const wait = (): string | undefined => {
    if (reported !== undefined) return reported;
    const now = clock.elapsed();
    if (found === undefined || now - found.at >= FRESH) found = { wait: findWait(), at: now };
    return found.wait;
  };
  const timer = setInterval(() => {
    minutes += 1;
    const line = stepColumns(step, 'lasts', wait(), formatDuration(minutes * MINUTE));
    log.info(line, { event: 'stepLasts', tone: 'detail', state: 'lasting', ...about });
    onLasting?.(line);
  }, MINUTE).unref();
  return {
    waitsFor: (what) => {
      reported = what;
    },
    wait,
    end: () => clearInterval(timer),
  };
}
