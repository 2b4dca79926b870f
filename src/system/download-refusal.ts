import { Problem } from '../errors.ts';
import { shownUrl } from '../url.ts';

/** Bytes of an answer that are read for what they say of an error. */
export const MOST_ERROR_BYTES = 16 * 1024;
/** Milliseconds in which they have to come. */
export const ERROR_PATIENCE = 2000;
const LONGEST = 300;

/** What to do about codes of S3. Source: Amazon S3 API reference, "Error responses". */
const S3_HINTS: Readonly<Record<string, string>> = {
  AccessDenied: 'the credentials may not read it, or there is no such object; see "authentication" of the file',
  InvalidAccessKeyId: 'check accessKeyId in the authentication',
  SignatureDoesNotMatch: 'check secretKey in the authentication',
  ExpiredToken: "the role's credentials have expired; is the clock of this machine right?",
  RequestTimeTooSkewed: 'the clock of this machine is off: set it, signatures carry the time',
  AuthorizationHeaderMalformed: 'the bucket is in another region: give its URL with the region in it',
  PermanentRedirect: 'the bucket is in another region: give its URL with the region in it',
  TemporaryRedirect: 'the bucket is in another region: give its URL with the region in it',
  IllegalLocationConstraintException: 'the bucket is in another region: give its URL with the region in it',
  NoSuchBucket: 'check the name of the bucket in the URL',
  NoSuchKey: 'check the path behind the bucket in the URL',
};

export interface Refusal {
  readonly url: string;
  readonly status: number;
  /** The beginning of the answer. */
  readonly body: string;
  /** Names the proxy on the way. */
  readonly proxy: string | undefined;
  readonly hadCredentials: boolean;
}

/** A download that a server refused, in its own words as far as it has any. */
export function refusedDownload({ url, status, body, proxy, hadCredentials }: Refusal): Problem {
  const { code, message } = wordsOf(body);
  const said = [code, message].filter((part) => part !== undefined).join(': ');
  const hint = (code === undefined ? undefined : S3_HINTS[code]) ?? statusHint(status, hadCredentials);
  return new Problem(`the download failed with HTTP ${status}${said === '' ? '' : ` (${said})`}`, {
    where: shownUrl(url),
    hint: proxy === undefined ? hint : `${hint}; it was asked through ${proxy}`,
  });
}

function statusHint(status: number, hadCredentials: boolean): string {
  if (status === 401 || status === 403)
    return hadCredentials
      ? 'the server does not accept the credentials; see "authentication" of the file'
      : 'the server wants credentials; see "authentication" of the file';
  if (status === 404 || status === 410) return 'there is nothing at this address';
  return 'the server did not give the file';
}

/** XML as S3 writes it, or JSON as GitLab and Artifactory do. A page of HTML is for people with a browser. */
function wordsOf(body: string): { readonly code?: string | undefined; readonly message?: string | undefined } {
  if (/^\s*(?:<\?xml[^>]{0,200}>\s*)?<Error\b/.test(body))
    return {
      code: /<Code>(\w{1,100})<\/Code>/.exec(body)?.[1],
      message: oneLine(/<Message>([^<]*)<\/Message>/.exec(body)?.[1]),
    };
  if (!/^\s*\{/.test(body)) return {};
  return { message: oneLine(messageIn(body)) };
}

function messageIn(body: string): string | undefined {
  try {
    const { message, error, errors, error_description: description } = JSON.parse(body) as Record<string, unknown>;
    const first = Array.isArray(errors)
      ? (errors[0] as { readonly message?: unknown } | undefined)?.message
      : undefined;
    const inner = typeof error === 'object' ? (error as { readonly message?: unknown } | null)?.message : error;
    return [message, first, description, inner].find((text): text is string => typeof text === 'string');
  } catch {
    return undefined;
  }
}

function oneLine(text: string | undefined): string | undefined {
  const line = text?.replace(/[\s\p{Cc}]+/gu, ' ').trim() ?? '';
  if (line === '') return undefined;
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}
