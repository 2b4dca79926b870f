/** A sleep that can be cut short. */
export interface Pause {
  /** Ends after so many milliseconds, or when it is woken. @returns true when it was woken */
  wait(milliseconds: number): Promise<boolean>;
  /** Ends the wait; the next one, when nobody is waiting. */
  wake(): void;
}

/** setTimeout fires at once for more. */
const LONGEST = 2 ** 31 - 1;

export function createPause(): Pause {
  let isWoken = false;
  let end: (() => void) | undefined;
  return {
    async wait(milliseconds) {
      if (!isWoken)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(Math.max(milliseconds, 0), LONGEST));
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      end = undefined;
      const wasWoken = isWoken;
      isWoken = false;
      return wasWoken;
    },
    wake() {
      isWoken = true;
      end?.();
    },
  };
}
