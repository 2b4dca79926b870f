import type { Environment } from '../system/exec.ts';
import { createProgress, type Progress } from './progress.ts';

/** Where text for people goes. */
export interface Output {
  /** @returns false when not all of it could be written */
  readonly stdout: (text: string) => boolean;
  readonly stderr: (text: string) => void;
}

/** What a line says, for its colour. Steps have their states. */
export type Tone = 'error' | 'warning' | 'detail' | 'changed' | 'unchanged' | 'skipped' | 'failed';

/** Gives a line its colour, or leaves it as it is. */
export type Paint = (tone: Tone | undefined, line: string) => string;

export interface Screen {
  readonly output: Output;
  readonly paint: { readonly stdout: Paint; readonly stderr: Paint };
  /** A line on stderr that tells how long a step has taken so far; undefined where nobody would see it. */
  readonly progress: Progress | undefined;
}

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const DIM = 2;
const CODES: Readonly<Record<Tone, number>> = {
  error: RED,
  failed: RED,
  warning: YELLOW,
  skipped: YELLOW,
  changed: GREEN,
  unchanged: DIM,
  detail: DIM,
};
const COLUMNS = 80;

export const plain: Paint = (_tone, line) => line;
export const coloured: Paint = (tone, line) => (tone === undefined ? line : `\x1b[${CODES[tone]}m${line}\x1b[0m`);

/**
 * What a terminal gets besides the bare text. NO_COLOR (no-color.org) takes the colours away; where TERM is dumb or
 * missing, as for cron and cloud-init, and in a pipe or a file, all is as if there were no terminal.
 * @param redact for the names of steps
 */
export function createScreen(
  output: Output,
  environment: Environment,
  isTerminal: { readonly stdout: () => boolean; readonly stderr: () => boolean },
  redact: (text: string) => string,
): Screen {
  const term = environment['TERM'] ?? '';
  const isAble = term !== '' && term !== 'dumb';
  const [stdout, stderr] = [isAble && isTerminal.stdout(), isAble && isTerminal.stderr()];
  if (!stdout && !stderr) return { output, paint: { stdout: plain, stderr: plain }, progress: undefined };
  const isColoured = (environment['NO_COLOR'] ?? '') === '';
  const paint = {
    stdout: stdout && isColoured ? coloured : plain,
    stderr: stderr && isColoured ? coloured : plain,
  };
  if (!stderr) return { output, paint, progress: undefined };
  const columns = Number.parseInt(environment['COLUMNS'] ?? '', 10);
  const { hide, ...progress } = createProgress(output.stderr, redact, columns > 0 ? columns : COLUMNS);
  const over =
    <T>(write: (text: string) => T) =>
    (text: string): T => {
      hide();
      return write(text);
    };
  return { output: { stdout: over(output.stdout), stderr: over(output.stderr) }, paint, progress };
}
