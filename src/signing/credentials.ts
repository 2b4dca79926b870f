/** The credentials that sign a request. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Only temporary credentials have one, such as those of an instance role. */
  readonly sessionToken?: string | undefined;
}

/** The name of each part in a source of credentials. */
export type PartNames = { readonly [part in keyof Credentials]-?: string };

/**
 * What is wrong with credentials that no server can accept: a character that is not allowed in a header, such as a line break. A
 * secret key is not sent, so it may have characters of any script; a control character in it is a copying mistake.
 * @returns a description without any part of the value; undefined for valid credentials
 */
export function credentialsFault(credentials: Credentials, names: PartNames): string | undefined {
  for (const part of ['accessKey', 'secretKey', 'sessionToken'] as const) {
    const value = credentials[part] ?? '';
    const odd = part === 'secretKey' ? named(/\p{Cc}/u.exec(value)) : unprintable(value);
    if (odd !== undefined) return `${names[part]} has a character that a key cannot have, ${odd}`;
  }
  return undefined;
}

/** The hint for it. */
export const CHECK_KEY = 'is it complete, without a line break, and copied as plain text?';

/** Names the first character that is not printable ASCII, as `U+000A`. */
export function unprintable(text: string): string | undefined {
  return named(/[^\x20-\x7e]/u.exec(text));
}

function named(found: RegExpExecArray | null): string | undefined {
  const odd = found?.[0].codePointAt(0);
  return odd === undefined ? undefined : `U+${odd.toString(16).toUpperCase().padStart(4, '0')}`;
}
