/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/** Shorter values would blank out ordinary words; no useful secret is that short. */
const SHORTEST_SECRET = 6;
/** Of a whole file the short lines are `exit 1` and `done`. */
const SHORTEST_LINE = 8;
/** A value that a private file gives a telling name, and that a program may print without the rest of its line. */
const NAMED_SECRET = /(?:pass|secret|token|key|credential)\w*["']?\s*[=:,]\s*["']?([^\s"',;)]+)/gi;

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

  /** Registers a key, a password, a signed URL; of one of several lines, each line too. */
  addSecret(value: string): void {
    for (const part of [value, ...value.split('\n')]) this.#add(part, SHORTEST_SECRET);
  }

  /** Registers the content of a private file: its lines, since programs print line by line, and passwords in them. */
  addPrivateText(text: string): void {
    this.#add(text, SHORTEST_SECRET);
    for (const line of text.split('\n')) this.#add(line, SHORTEST_LINE);
    for (const [, value = ''] of text.matchAll(NAMED_SECRET)) this.#add(value, SHORTEST_SECRET);
  }

  /** Registers a pre-signed URL as a whole, and the parameters that make it one, as they stand and decoded. */
  addSignedUrl(url: string): void {
    this.#add(url, SHORTEST_SECRET);
    for (const [, name = '', value = ''] of url.matchAll(/[?&]([^=&#]+)=([^&#]*)/g)) {
      if (!QUERY_OF_A_SECRET.test(name)) continue;
      for (const form of [value, decoded(value)]) this.#add(form, SHORTEST_SECRET);
    }
  }

  #add(value: string, shortest: number): void {
    const trimmed = value.trim();
    if (trimmed.length < shortest) return;
    this.#secrets.add(trimmed);
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

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
