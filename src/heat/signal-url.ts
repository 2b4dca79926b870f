import { isWebUrl } from '../url.ts';

/**
 * The URL to signal: as given, byte for byte, or decoded when it is base64 (AWS). What an editor, a file or a shell has put
 * around it is no part of it: blanks, a carriage return, a byte order mark, quotes.
 * @returns undefined when it is neither
 */
export function decodeSignalUrl(operand: string): string | undefined {
  const text = withoutWrapping(operand);
  if (isWebUrl(text)) return text;
  // base64(1) breaks lines.
  const base64 = text.replace(/[\r\n]/g, '');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return undefined;
  const decoded = withoutWrapping(Buffer.from(base64, 'base64').toString('utf8'));
  return isWebUrl(decoded) ? decoded : undefined;
}

const BEFORE = /^[\s\uFEFF\u200B"'`\u201C\u201D\u2018\u2019]+/;
/** A URL may end with a single quote, but not with these. */
const AFTER = /[\s\uFEFF\u200B"\u201C\u201D\u2018\u2019]+$/;
const AFTER_QUOTED = /[\s\uFEFF\u200B"'`\u201C\u201D\u2018\u2019]+$/;

/** A text without what an editor, a file or a shell has put around it. */
export function withoutWrapping(text: string): string {
  const [before = ''] = BEFORE.exec(text) ?? [];
  return text.slice(before.length).replace(/['`]/.test(before) ? AFTER_QUOTED : AFTER, '');
}

/**
 * Why an operand is not the URL of a handle. Nothing of it is repeated but its scheme: the rest can be a credential.
 * @param operand for which decodeSignalUrl has no answer
 */
export function signalUrlFault(operand: string): string {
  const text = withoutWrapping(operand);
  if (text === '') return 'it is empty, perhaps an unset variable';
  if (/^[$%]/.test(text)) return 'it is a variable that was not replaced by its value';
  if (/^[{[]/.test(text)) return 'it is JSON and not a URL';
  if (/^curl\s/.test(text)) return 'it is a call of curl; give the URL in it alone';
  if (/^[<(]/.test(text)) return 'there is a bracket in front of it';
  if (/^arn:/.test(text)) return 'it is an ARN; the Ref of a WaitConditionHandle is a URL';
  if (/^(?:None|null|undefined)$/i.test(text)) return `it is ${JSON.stringify(text)}: the handle has no URL yet`;
  if (/^https?:\/\//i.test(text)) return faultAfterScheme(text);
  if (/^https?:/i.test(text)) return 'two slashes are missing after "http:" or "https:"';
  const scheme = /^([a-z][a-z0-9+.-]{0,19}):\/\//i.exec(text)?.[1];
  if (scheme !== undefined) return `it begins with ${scheme}://`;
  if (/\s/.test(text)) return 'it contains a blank';
  if (/^[\w.-]+(?::\d+)?\//.test(text)) return 'http:// or https:// is missing at its beginning';
  return 'it is neither a URL nor the base64 of one';
}

function faultAfterScheme(text: string): string {
  if (/[\r\n]/.test(text)) return 'it contains a line break in the middle';
  if (/\s/.test(text)) return 'it contains a blank in the middle';
  const odd = /[^\x21-\x7e]/u.exec(text)?.[0]?.codePointAt(0);
  if (odd !== undefined)
    return `it contains a character that no URL has, U+${odd.toString(16).toUpperCase().padStart(4, '0')}`;
  return 'it has no host, or a port that is none';
}

/** Parameters that only a URL with a signature has, and those that carry the signature. */
const SIGNED = /[?&](?:Timestamp|SignatureMethod|SignatureVersion|AWSAccessKeyId|Expires|X-Amz-\w+|temp_url_\w+)=/i;
const SIGNATURE =
  /[?&](?:Signature|X-Amz-Signature)=|[?&]temp_url_sig=.*[?&]temp_url_expires=|[?&]temp_url_expires=.*[?&]temp_url_sig=/i;

/**
 * What has happened to the URL of a handle on its way here, if that can be seen; for the hint of a refusal.
 * @param url as decodeSignalUrl gives it
 */
export function signedUrlFault(url: string): string | undefined {
  if (/&amp;/i.test(url)) return 'the URL has "&amp;" in it where it should have "&": it was copied from HTML or XML';
  if (/\\/.test(url)) return 'the URL has a backslash in it, as JSON or a shell adds it; give the URL without';
  if (/%25(?:3A|2F|2B|3D)/i.test(url)) return 'the URL was percent-encoded twice; give it as the stack hands it out';
  if (SIGNED.test(url) && !SIGNATURE.test(url))
    return 'the URL has no signature, so it was probably cut at "&", as a shell does; put quotes around it';
  if (/\/(?:waitcondition|signal)\/arn(?::|%3A)openstack[^?]*$/i.test(url))
    return 'the URL has no signature, so it was probably cut at "?"; put quotes around it';
  return undefined;
}
