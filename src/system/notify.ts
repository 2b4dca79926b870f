import { timerDelay } from './clock.ts';
import { findProgram, searchPath } from './programs/search-path.ts';

/** Reports our state to the service manager (sd_notify(3)). Does nothing where there is none. */
export interface Notifier {
  /**
   * Reports twice in each watchdog interval of systemd that we are alive, as long as `isAlive` returns true. It has a timer of its
   * own, because nothing else wakes a waiting daemon.
   * @returns ends the reports
   */
  watch(isAlive: () => boolean): () => void;
  /** Sends assignments such as `READY=1`, in order. Never fails: the service works even when nobody can be notified. */
  send(...assignments: readonly string[]): void;
  /** Waits until everything is sent, for some seconds at most. */
  drain(): Promise<void>;
}

const PROGRAM = 'systemd-notify';
/** Milliseconds. */
const PATIENCE = 5000;

/**
 * Opens the door to the service manager. It reads systemd's variables and removes them from the environment, because they are not
 * for our children (sd_notify(3)). Node has no unix datagram sockets, so systemd-notify(1), a part of systemd, sends in our name.
 */
export function createNotifier(environment: Record<string, string | undefined> = process.env): Notifier {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: watched } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined || socket === '')
    return { watch: () => () => undefined, send: () => undefined, drain: () => Promise.resolve() };
  const isWatched = watched === undefined || watched === String(process.pid);
  const watchdog = isWatched && /^\d+$/.test(interval ?? '') ? Number(interval) / 1000 : 0;
  let last: Promise<void> = Promise.resolve();
  const send = (...assignments: readonly string[]): void => {
    last = last.then(() => tell(assignments, { ...environment, NOTIFY_SOCKET: socket }));
  };
  return {
    send,
    watch(isAlive) {
      if (watchdog === 0) return () => undefined;
      const timer = setInterval(
        () => {
          if (isAlive()) send('WATCHDOG=1');
        },
        timerDelay(watchdog / 2),
      );
      return () => clearInterval(timer);
    },
    drain: () => last,
  };
}

async function tell(assignments: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const program = findProgram(PROGRAM, searchPath(environment['PATH']));
  if (program === undefined) return;
  const { endAlone, startProgram, untilEnd } = await import('./programs/run.ts');
  try {
    const options = { stdio: 'ignore', env: environment, cwd: '/', hasGroup: false } as const;
    const child = startProgram([program, ...assignments], options);
    await untilEnd(child, { timeout: PATIENCE, end: endAlone, cannotStart: (error) => error as Error });
  } catch {
    // The service works without it.
  }
}
