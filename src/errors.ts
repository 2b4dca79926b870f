/** Exit codes, contract section 5; the last three are 128 and the number of the signal that ended the command. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  bug: 70,
  deadline: 75,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/**
 * The kind of a failure, for callers that handle it in different ways and for people who search: the words of a message may change.
 * Most failures have no code. A code is `CFN_`, the subject, and what is wrong with it:
 */
export type ProblemCode =
  /** A file, or a directory on the way to it, does not exist. */
  | 'CFN_FILE_MISSING'
  /** The machine does not let us use a file: permissions, a read-only file system, no space, too many open files. */
  | 'CFN_FILE_UNUSABLE'
  /** A path that cannot be that of a file: too long, too many links. */
  | 'CFN_PATH_INVALID'
  /** A program, or the directory to run it in, does not exist. */
  | 'CFN_PROGRAM_MISSING'
  /** A program exists and cannot be run. */
  | 'CFN_PROGRAM_UNUSABLE'
  /** No connection was made, so a server has certainly not received the request. Another attempt may succeed. */
  | 'CFN_SERVER_UNREACHABLE'
  /** The connection ended without an answer; the server may have received the request. Another attempt may succeed. */
  | 'CFN_SERVER_NO_ANSWER'
  /** TLS was refused, mostly for a certificate. Another attempt would fail as well. */
  | 'CFN_SERVER_UNTRUSTED'
  /** A remote server redirects to a link-local address, which is not followed. */
  | 'CFN_REDIRECT_LOCAL'
  /** Heat was not asked: no credentials, or no address. Older metadata may be used. */
  | 'CFN_HEAT_NOT_ASKED'
  /**
   * Heat has accepted the credentials, but its policy allows no guest to make this call: the default since Heat 2024.1. It says
   * nothing about this guest or its stack, so older metadata may be used.
   */
  | 'CFN_HEAT_FORBIDS_GUESTS'
  /** Heat did not answer, or failed, for as long as it was asked. Older metadata may be used. */
  | 'CFN_HEAT_UNREACHABLE'
  /** Heat or keystone answered without metadata. Older metadata must not hide that. */
  | 'CFN_HEAT_REFUSED'
  /** A key or a token with characters that are not allowed in a request. */
  | 'CFN_CREDENTIALS_INVALID'
  /** The metadata service of the cloud (169.254.169.254) does not answer. */
  | 'CFN_METADATA_SERVICE_SILENT'
  /** systemd cannot do this with a unit, for example reload one without ExecReload=. */
  | 'CFN_UNIT_NOT_APPLICABLE';

export interface ProblemDetails {
  readonly code?: ProblemCode | undefined;
  /** Where it happened: a path, a place in a document, a host. */
  readonly where?: string | undefined;
  /** What the reader can do next. */
  readonly hint?: string | undefined;
  /** The output of a failed program, for the log only. */
  readonly output?: string | undefined;
  readonly exitCode?: ExitCode;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A failure with a known cause. It becomes one line, `COMMAND: what: where: what next`, and an exit code.
 * Any other error is a bug in cfntools and exits with 70.
 */
export class Problem extends Error {
  readonly code: ProblemCode | undefined;
  readonly where: string | undefined;
  readonly hint: string | undefined;
  readonly output: string | undefined;
  readonly exitCode: ExitCode;
  readonly retryAfter: number | undefined;

  constructor(what: string, details: ProblemDetails = {}) {
    super(what, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Problem';
    this.code = details.code;
    this.where = details.where;
    this.hint = details.hint;
    this.output = details.output;
    this.exitCode = details.exitCode ?? ExitCode.failed;
    this.retryAfter = details.retryAfter;
  }

  /** The text after `COMMAND: `, always a single line. */
  get line(): string {
    return oneLine(
      [this.message, this.where, this.hint].filter((part) => part !== undefined && part !== '').join(': '),
    );
  }
}

/** A mistake on the command line: exit 2. */
export function usageProblem(what: string, hint?: string): Problem {
  return new Problem(what, { exitCode: ExitCode.usage, ...(hint === undefined ? {} : { hint }) });
}

/** The message of a thrown value, in one line. */
export function describeError(error: unknown): string {
  if (error instanceof Problem) return error.line;
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** The stack trace of a thrown value, for the log. */
export function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}

/** The code of a Problem, also from another bundle, where it has another class; undefined for any other thrown value. */
export function codeOf(error: unknown): ProblemCode | undefined {
  const code = textCodeOf(error);
  return code?.startsWith('CFN_') === true ? (code as ProblemCode) : undefined;
}

/**
 * The errno name (`ENOENT`) of a system error, or undefined. Only for the doors, where such errors occur; other code uses the code of
 * the Problem.
 */
export function errnoOf(error: unknown): string | undefined {
  const code = textCodeOf(error);
  return code?.startsWith('CFN_') === true ? undefined : code;
}

function textCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** For a hint: the last line that a program printed. */
export function lastLine(output: string): string {
  const line = output.trimEnd().split('\n').pop()?.trim() ?? '';
  return line === ''
    ? 'it printed nothing'
    : `it printed last: ${line.length > 300 ? `${line.slice(0, 300)}...` : line}`;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, (gap) => (/[\n\r]/.test(gap) ? ' ' : gap));
}
