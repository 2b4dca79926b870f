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

export interface ProblemDetails {
  /** Where it happened: a path, a place in a document, a host. */
  readonly where?: string;
  /** What the reader can do next. */
  readonly hint?: string;
  /** What a failed program printed; it goes to the log, not into the line. */
  readonly output?: string;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/**
 * A failure with a known cause. It becomes one line, `COMMAND: what: where: what next`, and an exit code.
 * Anything thrown that is no Problem is a bug of ours and exits 70.
 */
export class Problem extends Error {
  readonly where: string | undefined;
  readonly hint: string | undefined;
  readonly output: string | undefined;
  readonly exitCode: ExitCode;

  constructor(what: string, details: ProblemDetails = {}) {
    super(what, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Problem';
    this.where = details.where;
    this.hint = details.hint;
    this.output = details.output;
    this.exitCode = details.exitCode ?? ExitCode.failed;
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

/** What a thrown value says, in one line. */
export function describeError(error: unknown): string {
  if (error instanceof Problem) return error.line;
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** Where a thrown value comes from, for the log. */
export function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}

/** The errno name (`ENOENT`) of a system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
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
