import { timerDelay } from './clock.ts';

/** A sleep that can be cut short. */
export interface Pause {
  /** Ends after so many milliseconds, or when it is woken. @returns true when it was woken */
  wait(milliseconds: number): Promise<boolean>;
  /** Ends the wait; the next one, when nobody is waiting. */
  wake(): void;
}

/** A wait that can be ended from elsewhere. */
export function createPause(): Pause {
  let isWoken = false;
  let end: (() => void) | undefined;
  return {
    async wait(milliseconds) {
      if (!isWoken)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timerDelay(milliseconds));
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
