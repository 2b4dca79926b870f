/** Milliseconds between two attempts at least: whoever asks again at once makes an overloaded server worse. */
export const SHORTEST_PAUSE = 100;
/** Milliseconds between two attempts at most, unless the server asks for more. */
const LONGEST_PAUSE = 30_000;
/** Characters of an answer that are searched for a code: an error has it at its beginning. */
const LONGEST_ERROR = 64 * 1024;

/**
 * The codes by which AWS asks for patience, in XML or JSON, whatever the status: CloudFormation sends them with 400. Source:
 * botocore, retries/standard.py.
 */
const THROTTLED =
  /(?:<Code>\s*|"(?:Code|code|__type)"\s*:\s*"(?:[\w.]{1,99}#)?)(?:(?:EC2)?Thrott(?:ling|led)(?:Exception)?|RequestThrottled(?:Exception)?|RequestLimitExceeded|TooManyRequestsException|PriorRequestNotComplete|SlowDown|RequestTimeout(?:Exception)?)\s*["<]/;

/**
 * Whether to try again after this answer: the server is not well, or asks for patience.
 * @param body of the answer, where it is at hand
 */
export function isWorthRetrying(status: number, body = ''): boolean {
  if (status === 408 || status === 429 || status >= 500) return true;
  return status >= 400 && THROTTLED.test(body.slice(0, LONGEST_ERROR));
}

/**
 * Milliseconds to wait before attempt number `attempt` (the second is 2): the upper half of a doubling bound, at random, so
 * that guests which failed together do not come back together, and that each pause is longer than the one before. A
 * Retry-After of the server (seconds or a date, RFC 9110) can make it longer only.
 * @param longest the most that is waited, whoever asks for more
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | string[] | undefined,
  now: Date,
  random: number,
  longest = Number.POSITIVE_INFINITY,
): number {
  const bound = Math.min(1000 * 2 ** (attempt - 2), LONGEST_PAUSE);
  const delay = Math.max((bound * (1 + random)) / 2, parseRetryAfter(retryAfter, now) ?? 0);
  return Math.max(Math.min(delay, longest), SHORTEST_PAUSE);
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
