/** One line that is drawn over itself while a long step runs. */
export interface Progress {
  /**
   * Milliseconds are counted from here; nothing is seen for the first second.
   * @param wait tells what is waited for
   */
  begin(label: string, wait?: () => string | undefined): void;
  end(): void;
}

export interface HideableProgress extends Progress {
  /** Clears the line for other text; it comes back at the next second. */
  hide(): void;
}

/** Milliseconds between two drawings. */
const PACE = 1000;
/** Back to the first column, and the rest of the line away. */
const CLEAR = '\r\x1b[K';
/** Characters of the step's name that stay when it is cut. */
const SHORTEST_NAME = 20;
const CONTROLS = /[\0-\x1f\x7f-\x9f]/g;

/** @param columns of the terminal: a longer line would break, and could not be drawn over */
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
      const show = (text: string): string => redact(text).replaceAll(CONTROLS, ' ');
      const text = show(label);
      timer = setInterval(() => {
        seconds += PACE / 1000;
        const what = wait?.();
        const time = ` ... ${seconds} s${what === undefined ? '' : `: ${show(what)}`}`;
        // What is waited for says more than all of a long name.
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
