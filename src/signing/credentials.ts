/** What a request is signed with. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Temporary credentials have one, as those of an instance role do. */
  readonly sessionToken?: string | undefined;
}

/** The name of each part, as a source of credentials calls it. */
export type PartNames = { readonly [part in keyof Credentials]-?: string };

/**
 * What is wrong with credentials that no server can accept: a character that no header can hold, as a line break. A secret key
 * is not sent, so it may be of any script; a control character in it comes from copying. In words without any of the value;
 * undefined for good ones.
 */
export function credentialsFault(credentials: Credentials, names: PartNames): string | undefined {
  for (const part of ['accessKey', 'secretKey', 'sessionToken'] as const) {
    const value = credentials[part] ?? '';
    const odd = part === 'secretKey' ? named(/\p{Cc}/u.exec(value)) : unsendable(value);
    if (odd !== undefined) return `${names[part]} has a character that no key has, ${odd}`;
  }
  return undefined;
}

/** What to do about it. */
export const CHECK_KEY = 'is it whole, without a line break, and copied as plain text?';

/** Names the first character that is not printable ASCII, as `U+000A`. */
export function unsendable(text: string): string | undefined {
  return named(/[^\x20-\x7e]/u.exec(text));
}

function named(found: RegExpExecArray | null): string | undefined {
  const odd = found?.[0].codePointAt(0);
  return odd === undefined ? undefined : `U+${odd.toString(16).toUpperCase().padStart(4, '0')}`;
}
