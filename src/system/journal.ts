import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type * as Detached from './programs/detached.ts';
import type { Environment } from './programs/exec.ts';

/** The door to systemd's journal. */
export interface Journal {
  /** Whether the journal exists. Checked at the first call, so a command without log lines does not pay for it. */
  isThere(): boolean;
  /**
   * Takes an entry, which is handed over soon. Never waits and never fails.
   * @param entry lines as logger(1) reads them with --journald
   * @param isMinor the entry may be dropped when there are very many
   */
  send(entry: string, isMinor: boolean): void;
  /** Hands over the remaining entries, before we end. */
  drain(): Promise<void>;
}

const SOCKET = '/run/systemd/journal/socket';
/** Milliseconds that entries are collected. */
const COLLECTING = 1000;
/** Milliseconds that the last batch is waited for. */
const PATIENCE = 2000;
/** Minor entries in one batch: the first run of a long document must not start hundreds of processes in a second. */
const MOST_MINOR = 100;

/**
 * Opens the door to the journal.
 *
 * Entries with fields go to a datagram socket, which Node cannot open. Node could open the stream /run/systemd/journal/stdout, but
 * that carries only an identifier and a priority; syslog's /dev/log carries no more, and is a datagram socket too. So logger(1)
 * of util-linux sends them: each distribution with systemd has it, built with support for the journal.
 *
 * logger takes one entry for each call, which costs 1.3 ms of CPU. So only important lines become entries (see journalSink). They
 * are collected for a second, or until we end, and handed to one shell, which runs one logger after the other and which we do not
 * wait for. The text is on the shell's stdin, in a file without a name, because every user can read the arguments of a process.
 * Entries that are lost, for example when we are killed, are still in the log file.
 *
 * One exception: when systemd started us as the process of a unit, it ends all other processes of the unit as soon as we have
 * ended. So the last batch is waited for, two seconds at most.
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
        // Loaded now, because there is no time for it at the end.
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
