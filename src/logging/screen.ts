import type { Environment } from '../system/programs/exec.ts';
import { visibleLine } from './visible.ts';

/** The output for people. */
export interface Output {
  /** @returns false when not all of it could be written */
  readonly stdout: (text: string) => boolean;
  readonly stderr: (text: string) => void;
}

/** The kind of a line, which decides its colour. For steps it is their state. */
export type Tone = 'error' | 'warning' | 'detail' | 'changed' | 'unchanged' | 'skipped' | 'failed';

/** Gives a line its colour, or leaves it as it is. */
export type Paint = (tone: Tone | undefined, line: string) => string;

export interface Screen {
  readonly output: Output;
  readonly paint: { readonly stdout: Paint; readonly stderr: Paint };
  /** A line on stderr with the time that a step has taken so far; undefined without a terminal. */
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
 * Adds colours and progress on a terminal. NO_COLOR (no-color.org) turns the colours off. A pipe or a file gets plain text, and
 * so does a terminal if TERM is dumb or missing, as in cron and cloud-init.
 * @param redact redacts the names of steps
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

/** One line that is redrawn while a long step runs. */
export interface Progress {
  /**
   * Starts to count the seconds. Nothing is drawn in the first one.
   * @param wait returns what the step is waiting for
   */
  begin(label: string, wait?: () => string | undefined): void;
  end(): void;
}

interface HideableProgress extends Progress {
  /** Clears the line for other text; it is drawn again in the next second. */
  hide(): void;
}

/** Milliseconds between two drawings. */
const REDRAW_INTERVAL = 1000;
/** Moves to the first column and clears the line. */
const CLEAR = '\r\x1b[K';
/** The least number of characters that are left when the step's name is cut. */
const SHORTEST_NAME = 20;

/** @param columns of the terminal: a longer line would wrap and could not be cleared */
function createProgress(
  write: (text: string) => void,
  redact: (text: string) => string,
  columns: number,
): HideableProgress {
  let timer: NodeJS.Timeout | undefined;
  let isSeen = false;
  const hide = (): void => {
    if (isSeen) write(CLEAR);
    isSeen = false;
  };
  const end = (): void => {
    clearInterval(timer);
    timer = undefined;
    hide();
  };
  return {
    begin(label, wait) {
      end();
      let seconds = 0;
      const show = (text: string): string => visibleLine(redact(text)).replaceAll('\t', ' ');
      const text = show(label);
      timer = setInterval(() => {
        seconds += REDRAW_INTERVAL / 1000;
        const what = wait?.();
        const time = ` ... ${seconds} s${what === undefined ? '' : `: ${show(what)}`}`;
        // The reason for waiting is more important than the end of a long name.
        const name = cut(text, Math.max(columns - 1 - time.length, SHORTEST_NAME));
        write(`${CLEAR}${cut(`${name}${time}`, columns - 1)}`);
        isSeen = true;
      }, REDRAW_INTERVAL).unref();
    },
    end,
    hide,
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}
