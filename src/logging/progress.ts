import { visibleLine } from './visible.ts';

/** One line that is drawn over itself while a long step runs. */
export interface Progress {
  /**
   * Starts to count the seconds; nothing is drawn in the first one.
   * @param wait says what the step waits for
   */
  begin(label: string, wait?: () => string | undefined): void;
  end(): void;
}

export interface HideableProgress extends Progress {
  /** Clears the line for other text; it is drawn again in the next second. */
  hide(): void;
}

/** Milliseconds between two drawings. */
const PACE = 1000;
/** Moves to the first column and clears the line. */
const CLEAR = '\r\x1b[K';
/** Characters of the step's name that are left at least when it is cut. */
const SHORTEST_NAME = 20;

/** @param columns of the terminal: a longer line would wrap and could not be cleared */
export function createProgress(
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
        seconds += PACE / 1000;
        const what = wait?.();
        const time = ` ... ${seconds} s${what === undefined ? '' : `: ${show(what)}`}`;
        // What the step waits for is more important than the end of a long name.
        const name = cut(text, Math.max(columns - 1 - time.length, SHORTEST_NAME));
        write(`${CLEAR}${cut(`${name}${time}`, columns - 1)}`);
        isSeen = true;
      }, PACE).unref();
    },
    end,
    hide,
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}
