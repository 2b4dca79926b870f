/**
 * Percent-encodes everything but the unreserved characters of RFC 3986 section 2.3 (letters, digits, `-._~`), in upper-case
 * hexadecimal, as both AWS signature versions require. A blank becomes %20, never +.
 */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** As percentEncode, for a part of a file name: ASCII letters, digits, `_`, `.` and `-` stay (contract section 7.5). */
export function percentEncodeForFile(text: string): string {
  return percentEncode(text).replaceAll('~', '%7E');
}

/** The decoded text; an invalid encoding is returned as it is. */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
