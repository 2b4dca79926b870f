import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type * as Detached from './programs/detached.ts';
import type { Environment } from './programs/exec.ts';

/** The door to systemd's journal. */
export interface Journal {
  /** Looked at when it is first asked, so that a command that has nothing to say pays nothing. */
  isThere(): boolean;
  /**
   * Takes an entry, to be handed over soon, without waiting and without ever failing.
   * @param entry lines as logger(1) reads them with --journald
   * @param isMinor may be left out when there are very many
   */
  send(entry: string, isMinor: boolean): void;
  /** Hands over what is left, before we end. */
  drain(): Promise<void>;
}

const SOCKET = '/run/systemd/journal/socket';
/** Milliseconds that entries are collected. */
const COLLECTING = 1000;
/** Milliseconds that the last batch is waited for. */
const PATIENCE = 2000;
/** Minor entries in one batch: a long document at its first run is no reason for hundreds of processes in a second. */
const MOST_MINOR = 100;

/**
 * Entries with fields go to a datagram socket, which Node cannot open. The stream that Node could open,
 * /run/systemd/journal/stdout, carries an identifier and a priority and nothing else; syslog's /dev/log no more, and is a
 * datagram socket too. So logger(1) sends them: of util-linux, which each distribution with systemd has, built for it. It
 * takes one entry a call, 1.3 ms of CPU each; therefore only what matters becomes an entry (see journalSink), and entries
 * are collected for a second, or until we end, and handed to one shell that runs one logger after the other and that
 * nobody waits for. The text is on the shell's stdin, in a file without a name: the arguments of a process are everybody's
 * to read. What is lost, when we are killed say, is in the log file all the same.
 *
 * One exception: when systemd started us as the process of a unit, it ends whatever is left of the unit as soon as we have
 * ended, so the last batch is waited for, two seconds at most.
 */
export function createJournal(environment: Environment): Journal {
  let isThere: boolean | undefined;
  let entries: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let handOver: typeof Detached.handOver | undefined;

  let shell: ReturnType<typeof Detached.handOver>;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (entries.length === 0 || handOver === undefined) return;
    const batch = entries;
    entries = [];
    shell = handOver(batch);
  };

  return {
    isThere: () => (isThere ??= existsSync(SOCKET)),
    send(entry, isMinor) {
      if (handOver === undefined && entries.length === 0) {
        // Loaded now, as there is no time for it at the end.
        void import('./programs/detached.ts').then((loaded) => {
          handOver = loaded.handOver;
        });
        process.once('exit', flush);
      }
      if (isMinor && entries.length >= MOST_MINOR) return;
      entries.push(entry);
      timer ??= setTimeout(flush, COLLECTING).unref();
    },
    async drain() {
      if (entries.length > 0) handOver ??= (await import('./programs/detached.ts')).handOver;
      flush();
      if (environment['SYSTEMD_EXEC_PID'] === String(process.pid)) await endOf(shell);
    },
  };
}

function endOf(shell: ChildProcess | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (shell === undefined || shell.exitCode !== null || shell.pid === undefined) return resolve();
    shell.once('exit', () => resolve());
    setTimeout(resolve, PATIENCE);
  });
}
