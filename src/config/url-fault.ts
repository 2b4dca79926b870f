import type { NameFault } from '../names.ts';
import { encodeUrl, isWebUrl } from '../url.ts';

/** What is wrong with a URL of a file to fetch, by how it begins, and what to write instead. */
const HINTS: readonly (readonly [form: RegExp, hint: string])[] = [
  [/^s3:/i, 'write it as https://BUCKET.s3.REGION.amazonaws.com/KEY'],
  [/^https?:/i, 'write it as https://HOST/PATH'],
  [/^(?:file:|\/)/i, 'write it as file:///PATH'],
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'only http://, https:// and file:/// can be fetched'],
  [/^(?:[\w-]+\.)+[\w-]+(?::\d+)?(?:\/|$)|^localhost\b/i, 'begin it with https:// or http://'],
];

/** Why nothing can be fetched from a URL; blanks and other characters that the download encodes are fine. */
export function urlFault(url: string, what = 'not a URL'): NameFault | undefined {
  if (/[\0-\x1f\x7f]/.test(url))
    return { what: `${what}: a line break or a control character`, hint: 'write it on one line' };
  if (/^file:\/\/(?:localhost)?\/./i.test(url) || isWebUrl(encodeUrl(url))) return undefined;
  const hint = HINTS.find(([form]) => form.test(url))?.[1];
  return { what, hint: hint ?? 'http://, https:// or file:///' };
}
