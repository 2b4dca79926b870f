/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/** Shorter values would blank out ordinary words; no useful secret is that short. */
const SHORTEST_SECRET = 6;

const SIGNED_QUERY = /(https?:\/\/[^\s'"?#<>]*)\?([^\s'"<>]*)/gi;
const QUERY_OF_A_SECRET = /signature|x-amz-|awsaccesskeyid|token|secret|password|credential|access.?key/i;
const USER_IN_URL = /(https?:\/\/)[^\s/@'"]+@/gi;
const AUTHORIZATION = /((?:proxy-)?authorization|x-auth-token)(["']?\s*[:=]\s*)[^\r\n]*/gi;
const SECRET_NAME = '((?:aws)?[_-]?secret[_-]?(?:access)?[_-]?key|password)';
const QUOTED_SETTING = new RegExp(`${SECRET_NAME}(["']?\\s*[:=]\\s*)(["'])(?:(?!\\3)[^\\\\\\n]|\\\\.)*\\3`, 'gi');
const SECRET_SETTING = new RegExp(`${SECRET_NAME}(["']?\\s*[:=]\\s*["']?)[^\\s"',;]+`, 'gi');

/**
 * Takes secrets out of text before it reaches a log, stderr or a report.
 * Known values (keys, passwords, contents of private files) are registered as they become known; signed URL queries,
 * Authorization headers and `secret key = ...` settings are recognised by their form.
 */
export class Redactor {
  readonly #secrets = new Set<string>();
  #ordered: readonly string[] | undefined;

  /** Registers a value; of a text of several lines, each line too, since tools print line by line. */
  addSecret(value: string): void {
    for (const candidate of [value, ...value.split('\n')]) {
      const trimmed = candidate.trim();
      if (trimmed.length >= SHORTEST_SECRET) this.#secrets.add(trimmed);
    }
    this.#ordered = undefined;
  }

  /** Returns the text with every secret replaced by `[redacted]`. */
  redact(text: string): string {
    // Longest first, so that a secret which contains another leaves no rest behind.
    this.#ordered ??= [...this.#secrets].sort((a, b) => b.length - a.length);
    let clean = text;
    for (const secret of this.#ordered) clean = clean.replaceAll(secret, REDACTED);
    return clean
      .replace(SIGNED_QUERY, (whole, base: string, query: string) =>
        QUERY_OF_A_SECRET.test(query) ? `${base}?${REDACTED}` : whole,
      )
      .replace(USER_IN_URL, `$1${REDACTED}@`)
      .replace(AUTHORIZATION, `$1$2${REDACTED}`)
      .replace(QUOTED_SETTING, `$1$2$3${REDACTED}$3`)
      .replace(SECRET_SETTING, `$1$2${REDACTED}`);
  }
}
