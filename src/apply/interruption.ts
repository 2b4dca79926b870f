import type { Log } from '../log.ts';
import { endProcess } from '../system/end-process.ts';
import { killEndingGroups } from '../system/process-group.ts';
import { type EndingSignal, Interrupted, notIgnoredAtStart, onSignals } from '../system/signals.ts';

/** A run that a signal ends. */
export interface Interruption {
  /** Aborted with Interrupted by the first signal. */
  readonly abort: AbortSignal;
  /** Says what is under way, for the line that tells of the signal. */
  during(what: string): void;
  /** What was under way last. */
  readonly underWay: string;
  /** From now on signals end the process as they do by default. */
  close(): void;
}

const SIGNALS: readonly EndingSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/**
 * Milliseconds within which a further signal counts as the same one: `timeout` and a closing terminal send it to us and to
 * our group.
 */
const ECHO = 500;

/**
 * From now on SIGTERM, SIGINT and SIGHUP end what is under way in good order; a second one leaves at once. A signal that was
 * ignored when we were started (nohup) stays ignored.
 */
export function listenForSignals(log: Log): Interruption {
  const controller = new AbortController();
  let underWay = '';
  let first: bigint | undefined;
  const names = notIgnoredAtStart(SIGNALS);
  const close = onSignals(names, (name) => {
    const interrupted = new Interrupted(name as EndingSignal);
    const now = process.hrtime.bigint();
    if (first === undefined) {
      first = now;
      log.warning(`${name}: ending ${underWay}`);
      controller.abort(interrupted);
    } else if (now - first >= BigInt(ECHO) * 1_000_000n) {
      log.warning(`${name} again: leaving at once, ${underWay} may go on`);
      killEndingGroups();
      endProcess(interrupted.exitCode);
    }
  });
  return {
    abort: controller.signal,
    during: (what) => {
      underWay = what;
    },
    get underWay() {
      return underWay;
    },
    close,
  };
}
