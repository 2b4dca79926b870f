import { closeSync, fstatSync } from 'node:fs';
import { systemClock } from './clock.ts';

/** A file that stays open for a moment: the next line of a log comes soon, and opening it again would cost more than writing. */
export interface KeptOpen {
  /** Its descriptor; undefined where it has to be opened anew: it was closed or removed, or is no longer as it should be. */
  take(path: string, mode: number, mostBytes: number): number | undefined;
  keep(path: string, fd: number): void;
}

/** Milliseconds. What logrotate has renamed gets our lines for this long. */
const MOMENT = 500;

const PERMISSIONS = 0o7777;

/** Keeps the file that was written last open for half a second. */
export function keepOpen(): KeptOpen {
  let kept: { readonly path: string; readonly fd: number; readonly since: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = (): void => {
    clearTimeout(timer);
    if (kept !== undefined) closeSync(kept.fd);
    kept = undefined;
  };
  return {
    take(path, mode, mostBytes) {
      if (kept === undefined) return undefined;
      const now = fstatSync(kept.fd);
      const isFit = now.nlink > 0 && now.size <= mostBytes && (now.mode & PERMISSIONS & ~mode) === 0;
      if (isFit && kept.path === path && systemClock.elapsed() - kept.since < MOMENT) return kept.fd;
      close();
      return undefined;
    },
    keep(path, fd) {
      if (kept?.fd === fd) return;
      close();
      kept = { path, fd, since: systemClock.elapsed() };
      // Also where nothing more is written: the file system may have to be unmounted.
      timer = setTimeout(close, MOMENT).unref();
    },
  };
}
