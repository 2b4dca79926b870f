import { base64Lines, encodingsOf, escapesOf } from './secrets/encodings.ts';
import { REDACTED, redactForms } from './secrets/forms.ts';
import { KnownValues } from './secrets/known-values.ts';
import { isOrdinaryCommand, SHORTEST_SECRET } from './secrets/names.ts';
import { secretsInDocument, secretsInEnvironment, secretsInUrls, valuesOfPrivateText } from './secrets/texts.ts';

export { REDACTED };

/** The shortest line of a private file that is registered: shorter ones are `exit 1` and `done`. */
const SHORTEST_LINE = 8;
/** A line with a single word, in a file of several lines: hiding it everywhere would blank out more than the secret. */
const ONE_WORD = /^[A-Za-z]?[a-z]{1,11}$/;
/** Characters of a private file that are read. Settings are at the beginning; what follows is data. */
const LONGEST_TEXT = 4 * 1024 * 1024;
/** Characters. The values of a larger file are not registered in all encodings, only as they are. */
const LONGEST_IN_ALL_ENCODINGS = 64 * 1024;

/**
 * Takes secrets out of text before it reaches a log, stderr or a report.
 * Known values (keys, passwords, contents of private files) are registered as they become known; signed URL queries,
 * Authorization headers, `secret key = ...` settings, private keys and the like are recognised by their form.
 */
export class Redactor {
  readonly #known = new KnownValues();

  /** Registers a key or a password; if it has several lines, each line too. */
  addSecret(value: string): void {
    for (const part of new Set([value, ...value.split('\n')])) {
      const trimmed = part.trim();
      if (trimmed.length < SHORTEST_SECRET) continue;
      for (const form of encodingsOf(trimmed)) this.#known.add(form);
    }
  }

  /**
   * Registers the content of a private file: its lines, since programs print line by line, the values in them that are not
   * ordinary, and its base64 encoding. A script's lines of ordinary commands are not: `set -x` prints them all.
   */
  addPrivateText(content: string): void {
    const text = content.slice(0, LONGEST_TEXT).trim();
    this.#known.add(text);
    const isScript = text.startsWith('#!');
    const lines = text.split('\n').map((line) => line.trim());
    for (const line of lines) {
      if (line.length < SHORTEST_LINE || (lines.length > 1 && ONE_WORD.test(line))) continue;
      if (isScript && isOrdinaryCommand(line)) continue;
      this.#known.add(line);
      for (const form of escapesOf(line)) this.#known.add(form);
    }
    const isShort = text.length <= LONGEST_IN_ALL_ENCODINGS;
    for (const value of valuesOfPrivateText(text)) {
      if (isShort) this.addSecret(value);
      else this.#known.add(value);
    }
    if (text.length >= SHORTEST_LINE)
      for (const line of base64Lines(content.slice(0, LONGEST_TEXT))) this.#known.add(line);
  }

  /** Registers a pre-signed URL as a whole, and the parameters that make it one, in all their encodings. */
  addSignedUrl(url: string): void {
    this.#known.add(url.trim());
    for (const secret of secretsInUrls(url)) this.addSecret(secret);
  }

  /** Registers what a document calls a secret, wherever it appears; private files and credentials are registered separately. */
  addDocument(document: unknown): void {
    for (const secret of secretsInDocument(document)) this.addSecret(secret);
  }

  /** Registers the values of variables that are named like secrets, and the passwords of proxies. */
  addEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
    for (const secret of secretsInEnvironment(environment)) this.addSecret(secret);
  }

  /** Returns the text with every secret replaced by `[redacted]`. */
  redact(text: string): string {
    return redactForms(this.#known.replace(text, REDACTED));
  }
}
