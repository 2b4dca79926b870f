import { brotliDecompressSync, constants, unzipSync } from 'node:zlib';
import { Problem } from '../../errors.ts';
import { shownRedirect, shownText, shownUrl } from '../../url.ts';

/** Bytes of an answer that are read for its error message. */
export const MOST_ERROR_BYTES = 16 * 1024;
/** Milliseconds in which they have to arrive. */
export const ERROR_TIME = 2000;

const OTHER_REGION = 'the bucket is in another region: use a URL that names the region';
/** Hints for the error codes of S3. Source: Amazon S3 API reference, "Error responses". */
const S3_HINTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    AccessDenied: 'the credentials may not read it, or there is no such object; see "authentication" of the file',
    InvalidAccessKeyId: 'check accessKeyId in the authentication',
    SignatureDoesNotMatch: 'check secretKey in the authentication',
    InvalidObjectState: 'the object is archived: restore it first',
    InvalidToken: 'the server does not accept the session token of the role',
    ExpiredToken: "the role's credentials have expired; is the clock of this machine right?",
    RequestTimeTooSkewed: 'the clock of this machine is off: set it, signatures carry the time',
    AuthorizationHeaderMalformed: OTHER_REGION,
    PermanentRedirect: OTHER_REGION,
    TemporaryRedirect: OTHER_REGION,
    IllegalLocationConstraintException: OTHER_REGION,
    NoSuchBucket: 'check the name of the bucket in the URL',
    NoSuchKey: 'check the path after the bucket in the URL',
  }),
);
/** Codes whose cause, for a signed URL, is the signature in the URL and not an authentication block. */
const SIGNED_URL_CODES =
  /^(?:AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AuthenticationFailed)$/;
/** The parameters that sign a URL for S3, Google, Azure and Swift. */
const SIGNED_URL = /[?&](?:x-(?:amz|goog)-signature|signature|sig|temp_url_sig)=/i;

export interface Refusal {
  readonly url: string;
  readonly status: number;
  /** The beginning of the answer. */
  readonly body: string;
  /** The address of the file in the answer, if it has one. */
  readonly location?: string | undefined;
  /** Names the proxy that the request went through. */
  readonly proxy: string | undefined;
  /** The first URL, for which credentials were sent; they were not sent to this one, to which it redirects. */
  readonly redirectedFrom?: string | undefined;
  /** Where the credentials that were sent came from. */
  readonly credentials?: 'url' | 'document' | undefined;
}

/** A download that a server refused, with the message of the server where it has one. */
export function refusedDownload(refusal: Refusal): Problem {
  const { url, status, body, location, proxy } = refusal;
  const { code, message, place } = wordsOf(body);
  const said = [code, message].filter((part) => part !== undefined).join(': ');
  const hint = hintFor(refusal, code, said !== '') + (place === undefined ? '' : `: ${place}`);
  const leads = location === undefined ? '' : `; it redirects to ${shownRedirect(location, url)}`;
  return new Problem(`the download failed with HTTP ${status}${said === '' ? '' : ` (${said})`}`, {
    where: shownUrl(url),
    hint: `${hint}${leads}${proxy === undefined ? '' : `; the request went through ${proxy}`}`,
  });
}

/** The beginning of an answer as text. @param encoding its Content-Encoding; what cannot be unpacked is empty */
export function textOfAnswer(said: Buffer, encoding: string | undefined): string {
  // An incomplete answer is unpacked as far as possible.
  const bounds = { maxOutputLength: 16 * MOST_ERROR_BYTES };
  try {
    if (encoding === undefined || /^(?:identity)?$/i.test(encoding)) return said.toString('utf8');
    if (encoding === 'br')
      return brotliDecompressSync(said, { ...bounds, finishFlush: constants.BROTLI_OPERATION_FLUSH }).toString('utf8');
    return unzipSync(said, { ...bounds, finishFlush: constants.Z_SYNC_FLUSH }).toString('utf8');
  } catch {
    return '';
  }
}

function hintFor(
  { url, status, credentials, redirectedFrom }: Refusal,
  code: string | undefined,
  isSaid: boolean,
): string {
  const isDenied = status === 401 || status === 403;
  if (
    credentials === undefined &&
    SIGNED_URL.test(url) &&
    (code === undefined ? isDenied : SIGNED_URL_CODES.test(code))
  )
    return 'the signature in the URL is wrong or has expired: create a new URL';
  const known = S3_HINTS.get(code ?? '');
  if (known !== undefined) return known;
  if (isDenied && credentials === 'url') return 'the server does not accept the user and the password in the URL';
  if (isDenied && credentials === 'document')
    return 'the server does not accept the credentials; see "authentication" of the file';
  if (isDenied && redirectedFrom !== undefined)
    return `the credentials are for ${redirectedFrom}, which redirects here, and were not sent on`;
  // A 403 with a code or a message may have any other cause.
  if (isDenied && code === undefined && (status === 401 || !isSaid))
    return 'the server requires credentials; see "authentication" of the file';
  if (isDenied && code === undefined)
    return 'the server refuses access; if it requires credentials, see "authentication" of the file';
  if (status === 404 || status === 410) return 'nothing exists at this address';
  return 'the server did not send the file';
}

/** The error in an answer; each part on one line. */
interface Words {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** The endpoint or region to use instead. */
  readonly place?: string | undefined;
}

/** The start of an error document in XML: of S3 and compatible servers, Azure, WebDAV. */
const XML_ERROR = /^\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:\w+:)?(?:\w*error\w*|response)\b/i;

/** Reads XML, JSON and plain text; of an HTML page, only the title. The body may be cut anywhere. */
function wordsOf(body: string): Words {
  if (XML_ERROR.test(body)) {
    const code = element(body, 'code');
    const details = [element(body, 'message'), element(body, 'details?|authenticationerrordetail')];
    return {
      code: code !== undefined && /^[\w.-]{1,100}$/.test(code) ? code : undefined,
      message: oneLine(details.filter((part) => part !== undefined).join(' ')),
      place: element(body, 'endpoint') ?? element(body, 'region'),
    };
  }
  if (/^\s*[{[]/.test(body)) return wordsInJson(body);
  if (/^\s*</.test(body)) {
    const title = element(body, 'title') ?? [element(body, 'h1'), element(body, 'p')].filter(Boolean).join(': ');
    return { message: oneLine(title) };
  }
  // Binary data.
  if (/[\0\ufffd]/.test(body)) return {};
  const text = oneLine(body);
  return text !== undefined && S3_HINTS.has(text) ? { code: text } : { message: text };
}

/** The text of the first element of that name, in any namespace. */
function element(body: string, name: string): string | undefined {
  const found = new RegExp(
    `<(?:\\w+:)?(?:${name})(?:\\s[^>]*)?>\\s*(?:<!\\[CDATA\\[(.*?)(?:\\]\\]>|$)|([^<]*))`,
    'is',
  ).exec(body);
  return oneLine(found?.[1] ?? withoutEntities(found?.[2] ?? ''));
}

const ENTITIES = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }));

function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole;
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return point <= 0x10_ffff ? String.fromCodePoint(point) : whole;
  });
}

/** Keys of error messages in JSON, the best first. */
const MESSAGES = [
  'message',
  'error_description',
  'errormessage',
  'detail',
  'description',
  'reason',
  'error',
  'errors',
  'title',
];
const DEEPEST = 4;

function wordsInJson(body: string): Words {
  let level: unknown[];
  try {
    level = [JSON.parse(body)];
  } catch {
    // The document is incomplete: take what there is of the first message.
    const [, text = ''] =
      /"(?:message|error_description|detail|error)"\s*:\s*"((?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*)/i.exec(body) ??
      [];
    return { message: oneLine(String(JSON.parse(`"${text.replace(/\p{Cc}/gu, ' ')}"`))) };
  }
  for (let depth = 0; depth < DEEPEST; depth++) {
    const objects = level
      .flat()
      .filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
    for (const object of objects) {
      const texts = new Map(Object.entries(object).map(([key, value]) => [key.toLowerCase(), [value].flat()[0]]));
      const message = MESSAGES.map((key) => texts.get(key)).find((text) => typeof text === 'string');
      const code = texts.get('code');
      const shownCode = typeof code === 'string' && /^[a-z]\w{0,99}$/i.test(code) ? code : undefined;
      if (typeof message === 'string' || shownCode !== undefined)
        return { code: shownCode, message: oneLine(typeof message === 'string' ? message : '') };
    }
    level = objects.flatMap((object) => Object.values(object));
  }
  return {};
}

function oneLine(text: string | undefined): string | undefined {
  return shownText(text ?? '') || undefined;
}
