import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { splitUrl } from '../../url.ts';
import { timerDelay } from '../clock.ts';
import { TimeoutError } from './problem.ts';

/** A request that is about to be sent, on a connection of its own. */
export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Sent byte for byte. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly tls: () => Promise<TlsOptions>;
  /** Replaces the name lookup of the machine. */
  readonly lookup?: LookupFunction;
}

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string[];
}

/** Gets an answer. An error that a method throws ends the exchange. */
export interface Receiver {
  /** Called when the connection is open, TLS included. */
  connected?(): void;
  /** Gets the final status and the headers. @returns false when the body is not wanted */
  head(status: number, headers: IncomingHttpHeaders): boolean;
  /** Gets a piece of the body. @returns false when no more is wanted */
  piece(chunk: Buffer): boolean;
}

/**
 * Sends a request and passes the answer to the receiver. Interim answers (1xx) before the final one are ignored.
 * @returns when the answer is complete, or no more of it is wanted
 * @throws the error of the connection; an error of the receiver; Problem for a switch of protocols
 */
export type Transfer = (outgoing: Outgoing, receiver: Receiver, line: Line) => Promise<void>;

/** Ends a transfer. */
interface Ending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Closes the connection. */
  readonly stop: () => void;
}

/** Passes a part of an answer to the receiver, and ends the transfer when no more is wanted or the receiver throws. */
export function handOver(wantsMore: () => boolean, { resolve, reject, stop }: Ending): void {
  try {
    if (wantsMore()) return;
    resolve();
  } catch (error) {
    reject(error);
  }
  stop();
}

interface Opened {
  destroy(): unknown;
}

/** The connections and the time limits of one exchange. */
export class Line {
  readonly #opened: Opened[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #over: Promise<never>;
  #end: (error: unknown) => void = () => undefined;
  #isClosed = false;

  constructor() {
    this.#over = new Promise((_, reject) => {
      this.#end = reject;
    });
  }

  /**
   * Does the work of an exchange. It ends in any phase when a time limit is reached or when it is aborted.
   * @throws TimeoutError; the reason of `abort`
   */
  static async use<T>(work: (line: Line) => Promise<T>, abort?: AbortSignal): Promise<T> {
    abort?.throwIfAborted();
    const line = new Line();
    const onAbort = (): void => line.#end(abort?.reason);
    abort?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work(line), line.#over]);
    } finally {
      abort?.removeEventListener('abort', onAbort);
      line.#close();
    }
  }

  /** Ends the exchange after so many milliseconds, unless the timer is cleared before. */
  bound(milliseconds: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#end(new TimeoutError(milliseconds)), timerDelay(milliseconds));
    // An answer that arrives after the end may still call this.
    if (this.#isClosed) clearTimeout(timer);
    else this.#timers.push(timer);
    return timer;
  }

  /** Closes a connection when the exchange ends. */
  keep<T extends Opened>(opened: T): T {
    if (this.#isClosed) opened.destroy();
    else this.#opened.push(opened);
    return opened;
  }

  #close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const opened of this.#opened) opened.destroy();
  }
}

/** The message for a server that switches to another protocol although it was not asked to. */
export const UNASKED_SWITCH = {
  what: 'the server switches protocols (HTTP 101), which it was not asked to do',
  hint: 'check the address, and any proxy or load balancer in front of the server',
} as const;

/** The header for a user and a password in the URL (RFC 7617). */
export function loginOf(url: string): Readonly<Record<string, string>> {
  const { userInfo } = splitUrl(url);
  if (userInfo === undefined) return {};
  const login = userInfo.includes(':') ? userInfo : `${userInfo}:`;
  return { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}
