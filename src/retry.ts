/** Milliseconds that one call waits at most because a server asked for it. */
const LONGEST_WAIT = 120_000;

/** Whether to try again after this answer: the server was not at its best, or asked for patience. */
export function isWorthRetrying(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Milliseconds to wait before attempt number `attempt` (the second is 2): full jitter under a doubling bound, so that
 * guests which failed together do not come back together. A Retry-After of the server (seconds or a date, RFC 9110) wins.
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | string[] | undefined,
  now: Date,
  random: number,
): number {
  const asked = parseRetryAfter(retryAfter, now);
  return asked === undefined ? random * Math.min(1000 * 2 ** (attempt - 2), 16_000) : Math.min(asked, LONGEST_WAIT);
}

/** Milliseconds that a Retry-After asks for; undefined without one that makes sense. */
export function parseRetryAfter(value: string | string[] | undefined, now: Date): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  // Date.parse would take "-5" or "1.5" for a day long ago.
  const date = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : date - now.getTime();
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : undefined;
}
