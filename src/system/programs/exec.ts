import type { LinesListener } from './output.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Why a program was ended before its time. */
export type Cut = 'timeout' | 'abort';

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The lines of stdout and stderr as they came. */
  readonly output: string;
  /** Absent when it ended by itself. */
  readonly cut?: Cut;
}

export interface CommandResult {
  readonly exitCode: number;
  /** The end of what the command printed, stdout and stderr as they came. */
  readonly output: string;
  /** Why a program in it did not start, where what it printed hides that (see whyCommandFailed). */
  readonly reason?: string;
  /** Absent when it ended by itself. */
  readonly cut?: Cut;
}

/**
 * The one door to other programs. Where it was made with an AbortSignal, each program has a process group of its own; when the
 * signal is aborted, what runs is ended, no other program is started, and Interrupted is thrown.
 */
export interface Exec {
  /** The full path of a program in a directory of PATH, relative ones left out, or of the system; or undefined. */
  find(program: string): string | undefined;
  /**
   * Runs a tool of the machine (apt-get, useradd, systemctl, ...) with messages in English and nothing on stdin, in `/`:
   * where we are called may be somebody else's directory, and many a tool takes code, packages or settings from the one it
   * runs in. A non-zero exit is a result, not an error.
   * @throws Problem when the tool is not installed
   */
  tool(command: readonly [string, ...string[]], options?: ToolOptions): Promise<ToolResult>;
  /**
   * As tool, for a question that is answered at once and that many runs ask (what is installed?): it costs half as
   * much. stderr comes behind stdout in `output`.
   * @throws Problem when the tool is not installed, or, with exit code 75, does not answer within its bounds
   */
  query(command: readonly [string, ...string[]], bounds?: QueryBounds): Promise<ToolResult>;
  /**
   * Runs a command that the metadata's author wrote: a string by /bin/sh, a list as it stands.
   * It ends when the command itself ends: a daemon it left in the background, which still holds the pipes, is not
   * waited for.
   * @throws Problem when it cannot be started
   */
  command(command: string | readonly string[], options: CommandOptions): Promise<CommandResult>;
}

export interface ToolOptions {
  readonly env?: Environment;
  /** Milliseconds that the tool may run. Then it gets SIGTERM, and SIGKILL 5 s later; what it started is not ended. */
  readonly timeout?: number;
  /** Ends the tool in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal;
  /**
   * What becomes of the tool when the run is aborted. Its group gets SIGTERM, and SIGKILL a second later, or:
   * `ask`: it gets SIGINT, upon which package tools end in good order, and a minute for that;
   * `wait`: it gets nothing, since it would leave its work half done, and a minute.
   * After the minute it is left to itself.
   */
  readonly onAbort?: 'ask' | 'wait';
  /** Hears its lines as they come. */
  readonly onLines?: LinesListener;
}

export interface QueryBounds {
  /**
   * Milliseconds; QUERY_TIMEOUT when left out. Then it is killed with all that it started, and is not waited for: it may
   * hang in the kernel.
   */
  readonly timeout?: number;
  /** Ends it in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal | undefined;
  /** A descriptor of ours that it gets as its stdin; nothing when left out. */
  readonly stdin?: number;
  /** latin1 for bytes; utf8 when left out. */
  readonly encoding?: 'latin1';
  /** Besides the machine's environment. */
  readonly env?: Environment;
  /** A descriptor of ours that it gets as its number 3. */
  readonly descriptor?: number;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment of the command (commandEnvironment makes one); ours when left out, for another user without credentials. */
  readonly env?: Environment;
  /** The file mode mask of the command; ours when left out. */
  readonly umask?: number;
  /**
   * Milliseconds that the command may run. Then it is ended with all that it started: its process group, which is one of
   * its own where this or `abort` is given, and those below it get SIGTERM, and what is left of them 10 s later SIGKILL
   * (see groupGrace).
   */
  readonly timeout?: number;
  /** Ends the command in the same way as soon as it is aborted. */
  readonly abort?: AbortSignal;
  /** Hears its lines as they come. */
  readonly onLines?: LinesListener;
  /** Another user to run as: real, effective and saved ids, and just these groups. Needs root, and setpriv of util-linux. */
  readonly as?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
}

/** Where every tool runs. */
export const TOOL_DIRECTORY = '/';
/** Milliseconds that a program has to answer a question, unless the caller gives another bound. */
export const QUERY_TIMEOUT = 30_000;

/** What ends the programs of a run. */
export interface ExecAbort {
  readonly signal: AbortSignal;
  /** Called with what is still waited for. */
  readonly note: (text: string) => void;
}
