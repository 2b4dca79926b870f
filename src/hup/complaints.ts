import type { Log } from '../log.ts';
import type { About } from '../logging/events.ts';

/** Says what is wrong when it appears or changes, not at every poll: what the pass before said as well is left out. */
export class Complaints {
  #before: ReadonlySet<string> = new Set();
  #now = new Set<string>();

  /** A log whose warnings and errors are passed on when they are new. */
  over(log: Log): Log {
    const once = (level: 'warning' | 'error') => (text: string, about?: About) => {
      const isKnown = this.#before.has(text) || this.#now.has(text);
      this.#now.add(text);
      if (!isKnown) log[level](text, about);
    };
    return { ...log, warning: once('warning'), error: once('error') };
  }

  /** What was not said again since the last call is over: it is news when it comes back. */
  endPass(): void {
    this.#before = this.#now;
    this.#now = new Set();
  }
}
