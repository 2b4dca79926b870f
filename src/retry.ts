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
  const asked = typeof retryAfter === 'string' ? parseRetryAfter(retryAfter, now) : undefined;
  return asked ?? random * Math.min(1000 * 2 ** (attempt - 2), 16_000);
}

function parseRetryAfter(value: string, now: Date): number | undefined {
  const text = value.trim();
  // Date.parse would take "-5" or "1.5" for a day long ago.
  const date = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  const seconds = /^\d+$/.test(text) ? Number(text) : (date - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 120) * 1000 : undefined;
}
