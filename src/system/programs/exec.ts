import type { LinesListener } from './output.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Why a program was ended before its time. */
export type Cut = 'timeout' | 'abort';

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The lines of stdout and stderr in the order in which they arrived. */
  readonly output: string;
  /** Absent when it ended by itself. */
  readonly cut?: Cut;
}

export interface CommandResult {
  readonly exitCode: number;
  /** The end of what the command printed, stdout and stderr in the order in which they arrived. */
  readonly output: string;
  /** Why a program in it did not start, where its output does not say so (see whyCommandFailed). */
  readonly reason?: string;
  /** Absent when it ended by itself. */
  readonly cut?: Cut;
}

/**
 * The one door to other programs; door.ts opens it. Where it was opened with an AbortSignal, each program has a process group of
 * its own. When the signal is aborted, running programs are ended, no other program is started, and Interrupted is thrown.
 */
export interface Exec {
  /** The full path of a program in an absolute directory of PATH or in a system directory; undefined when there is none. */
  find(program: string): string | undefined;
  /**
   * Runs a tool of the machine (apt-get, useradd, systemctl, ...) with messages in English and nothing on stdin. It runs in `/`:
   * many tools take code, packages or settings from their working directory, and ours may belong to another user. A non-zero
   * exit code is a result, not an error.
   * @throws Problem when the tool is not installed
   */
  tool(command: readonly [string, ...string[]], options?: ToolOptions): Promise<ToolResult>;
  /**
   * As tool, for a question that is answered at once and that many runs ask (what is installed?). It costs half as much.
   * In `output`, stderr follows stdout.
   * @throws Problem when the tool is not installed, or, with exit code 75, does not answer within its bounds
   */
  query(command: readonly [string, ...string[]], bounds?: QueryBounds): Promise<ToolResult>;
  /**
   * Runs a command that the metadata's author wrote: a string by /bin/sh, a list as it is.
   * It ends when the command itself ends. A daemon that the command left in the background, which still holds the pipes, is
   * not waited for.
   * @throws Problem when it cannot be started
   */
  command(command: string | readonly string[], options: CommandOptions): Promise<CommandResult>;
}

export interface ToolOptions {
  readonly env?: Environment;
  /** Milliseconds that the tool may run. Then it gets SIGTERM, and SIGKILL 5 s later. Programs that it started are not ended. */
  readonly timeout?: number;
  /** Ends the tool in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal;
  /**
   * What happens to the tool when the run is aborted. By default its group gets SIGTERM, and SIGKILL a second later.
   * `ask`: it gets SIGINT, on which package tools end cleanly, and has a minute to end.
   * `wait`: it gets no signal, because it would leave its work half done, and has a minute to end.
   * After the minute it is no longer waited for.
   */
  readonly onAbort?: 'ask' | 'wait';
  /** Hears its lines as they come. */
  readonly onLines?: LinesListener;
}

export interface QueryBounds {
  /**
   * Milliseconds; QUERY_TIMEOUT when left out. Then the program is killed with everything that it started. Its end is not waited
   * for, because it may hang in the kernel.
   */
  readonly timeout?: number;
  /** Ends it in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal | undefined;
  /** Our descriptor that becomes its stdin; /dev/null when left out. */
  readonly stdin?: number;
  /** latin1 for bytes; utf8 when left out. */
  readonly encoding?: 'latin1';
  /** Variables in addition to the machine's environment. */
  readonly env?: Environment;
  /** Our descriptor that becomes its descriptor 3. */
  readonly descriptor?: number;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment of the command (see commandEnvironment). When left out: ours, without credentials for another user. */
  readonly env?: Environment;
  /** The file mode mask of the command; ours when left out. */
  readonly umask?: number;
  /**
   * Milliseconds that the command may run. Then it is ended with everything that it started. It has a process group of its own
   * where this or `abort` is set. This group and the groups below it get SIGTERM; 10 s later what is left of them gets SIGKILL
   * (see groupGrace).
   */
  readonly timeout?: number;
  /** Ends the command in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal;
  /** Hears its lines as they come. */
  readonly onLines?: LinesListener;
  /** Another user to run as: real, effective and saved ids, and exactly these groups. Needs root, and setpriv of util-linux. */
  readonly as?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
}

/** Where every tool runs. */
export const TOOL_DIRECTORY = '/';
/** Milliseconds that a program has to answer a question, unless the caller sets another bound. */
export const QUERY_TIMEOUT = 30_000;

/** What ends the programs of a run. */
export interface ExecAbort {
  readonly signal: AbortSignal;
  /** Called with a line for the log about a program that is still waited for. */
  readonly note: (text: string) => void;
}
