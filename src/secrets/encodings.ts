import { asciiOnly } from '../json-forms.ts';
import { percentDecode, percentEncode } from '../percent-encoding.ts';

/**
 * A value as programs may print it: escaped for JSON, XML, a shell or a URL, decoded if it is percent-encoded, and in base64,
 * also as a part of a longer text.
 */
export function encodingsOf(value: string): readonly string[] {
  return [value, ...escapesOf(value), ...urlEncodings(value), ...base64Encodings(value)];
}

/** A line as JSON, XML, HTML and a shell's single quotes escape it; forms that are equal to the line are left out. */
export function escapesOf(text: string): readonly string[] {
  const found: string[] = [];
  if (/["\\\x00-\x1f]/.test(text)) found.push(JSON.stringify(text).slice(1, -1));
  if (/[^\x00-\x7f]/.test(text)) found.push(asciiOnly(JSON.stringify(text).slice(1, -1)));
  if (text.includes('/') && text.length < 1024) found.push(text.replaceAll('/', '\\/'));
  if (/[&<>"']/.test(text)) {
    const xml = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    found.push(xml);
    if (xml.includes('"')) found.push(xml.replaceAll('"', '&quot;'));
    if (xml.includes("'")) {
      for (const quote of ['&#39;', '&#x27;', '&apos;'])
        found.push(xml.replaceAll('"', '&quot;').replaceAll("'", quote));
    }
  }
  if (text.includes("'")) found.push(text.replaceAll("'", "'\\''"), text.replaceAll("'", "\\'"));
  return found;
}

/** Base64 in lines as base64(1) and openssl(1) print it. Base64 without line breaks begins with the same characters. */
export function base64Lines(text: string): readonly string[] {
  const whole = Buffer.from(text).toString('base64');
  const lines: string[] = [];
  for (const width of [76, 64])
    for (let at = 0; at < whole.length; at += width) lines.push(whole.slice(at, at + width));
  return lines;
}

function urlEncodings(value: string): readonly string[] {
  const found: string[] = [];
  const decoded = percentDecode(value);
  if (decoded !== value) found.push(decoded);
  if (!/[^A-Za-z0-9_.~-]/.test(value) || !value.isWellFormed()) return found;
  const usual = encodeURIComponent(value);
  const strict = percentEncode(value);
  for (const form of new Set([usual, strict, strict.replaceAll('%20', '+'), strict.replaceAll('%2F', '/')]))
    found.push(
      form,
      form.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    );
  return found;
}

/** For each of the three alignments of bytes in base64, the characters that do not depend on what surrounds them. */
function base64Encodings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const found: string[] = [];
  for (let offset = 0; offset < 3; offset++) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const first = Math.ceil((offset * 8) / 6);
    const end = Math.floor(((offset + bytes.length) * 8) / 6);
    const core = encoded.slice(first, end);
    found.push(core);
    if (/[+/]/.test(core)) found.push(core.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return found;
}
