import { base64Lines, encodingsOf, escapesOf } from './secrets/encodings.ts';
import { REDACTED, redactForms } from './secrets/forms.ts';
import { KnownValues } from './secrets/known-values.ts';
import { isOurWord, SHORTEST_SECRET } from './secrets/names.ts';
import { hiddenLines, type PrivateText, withoutOpen } from './secrets/private-texts.ts';
import {
  secretNumbersIn,
  secretsInDocument,
  secretsInEnvironment,
  secretsInUrls,
  secretsNamedIn,
  telltalesIn,
} from './secrets/texts.ts';

export { REDACTED };

/** The most characters of a private file that are searched. Settings are at the beginning; the rest is data. */
const LONGEST_TEXT = 4 * 1024 * 1024;
/** Characters. A longer text, or a value in a longer file, is registered only as it is, not in all encodings. */
const LONGEST_IN_ALL_ENCODINGS = 64 * 1024;

/**
 * Removes secrets from text before it reaches a log, stderr or a report.
 * Known values (keys, passwords, contents of private files) are registered as soon as they are known. Other secrets are
 * recognised by their form: signed URL queries, Authorization headers, `secret key = ...` settings, private keys and so on.
 */
export class Redactor {
  readonly #known = new KnownValues();

  /** Registers a key or a password; if it has several lines, each line too. */
  addSecret(value: string): void {
    for (const part of new Set([value, ...value.split('\n')])) {
      const trimmed = part.trim();
      if (trimmed.length < SHORTEST_SECRET || isOurWord(trimmed)) continue;
      for (const form of isShort(trimmed) ? encodingsOf(trimmed) : [trimmed]) this.#known.add(form);
    }
  }

  /**
   * Registers the contents of private files: the values that are named like a secret. Unless the file is a script, it also
   * registers its lines (programs print line by line), its unusual values, and its base64 encoding. A value that is also in one
   * of the open texts is not registered, unless it is named like a secret.
   */
  addPrivateTexts(texts: readonly PrivateText[], openTexts: readonly string[] = []): void {
    const lines = new Set<string>();
    const telltales = new Set<string>();
    const large = new Set<string>();
    for (const { text: content, isExecutable } of texts) {
      const text = content.slice(0, LONGEST_TEXT).trim();
      for (const value of secretsNamedIn(text)) this.#addValue(value, isShort(text));
      const hidden = hiddenLines(text, isExecutable);
      for (const line of hidden) lines.add(line);
      if (text.startsWith('#!')) continue;
      for (const value of telltalesIn(text)) (isShort(text) ? telltales : large).add(value);
      if (hidden.length > 0) for (const line of base64Lines(content.slice(0, LONGEST_TEXT))) this.#known.add(line);
    }
    withoutOpen([lines, telltales, large], openTexts);
    for (const line of lines) {
      this.#known.add(line);
      if (isShort(line)) for (const form of escapesOf(line)) this.#known.add(form);
    }
    for (const value of telltales) this.#addValue(value, true);
    for (const value of large) this.#addValue(value, false);
  }

  /** Registers a pre-signed URL as a whole, and the parameters that make it one, in all their encodings. */
  addSignedUrl(url: string): void {
    this.#known.add(url.trim());
    for (const secret of secretsInUrls(url)) this.addSecret(secret);
  }

  /**
   * Registers the values of a document that are named like secrets. Private files and credentials are registered separately.
   * @param text the text of the document, if there is one: it has the numbers as they are written
   */
  addDocument(document: unknown, text = ''): void {
    for (const secret of secretsInDocument(document)) this.addSecret(secret);
    for (const secret of secretNumbersIn(text)) this.addSecret(secret);
  }

  /** Registers the values of variables that are named like secrets, and the passwords of proxies. */
  addEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
    for (const secret of secretsInEnvironment(environment)) this.addSecret(secret);
  }

  #addValue(value: string, inAllEncodings: boolean): void {
    if (inAllEncodings) this.addSecret(value);
    else this.#known.add(value);
  }

  /** Returns the text with every secret replaced by `[redacted]`. */
  redact(text: string): string {
    return redactForms(this.#known.replace(text, REDACTED));
  }
}

function isShort(text: string): boolean {
  return text.length <= LONGEST_IN_ALL_ENCODINGS;
}
