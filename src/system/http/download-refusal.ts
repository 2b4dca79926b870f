import { brotliDecompressSync, constants, unzipSync } from 'node:zlib';
import { Problem } from '../../errors.ts';
import { shownRedirect, shownText, shownUrl } from '../../url.ts';

/** Bytes of an answer that are read for what they say of an error. */
export const MOST_ERROR_BYTES = 16 * 1024;
/** Milliseconds in which they have to come. */
export const ERROR_TIME = 2000;

const OTHER_REGION = 'the bucket is in another region: give its URL with the region in it';
/** What to do about codes of S3. Source: Amazon S3 API reference, "Error responses". */
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
/** The codes above whose cause is the signature in the URL, where it has one, and not an authentication block. */
const OF_A_SIGNED_URL = /^(?:AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AuthenticationFailed)$/;
/** The parameters that sign a URL for S3, Google, Azure and Swift. */
const SIGNED_URL = /[?&](?:x-(?:amz|goog)-signature|signature|sig|temp_url_sig)=/i;

export interface Refusal {
  readonly url: string;
  readonly status: number;
  /** The beginning of the answer. */
  readonly body: string;
  /** Where the answer says that the file is, if it does. */
  readonly location?: string | undefined;
  /** Names the proxy on the way. */
  readonly proxy: string | undefined;
  /** What was asked for at first with credentials, which were not sent on to this URL. */
  readonly keptFor?: string | undefined;
  /** Where the credentials that were sent came from. */
  readonly credentials?: 'url' | 'document' | undefined;
}

/** A download that a server refused, in its own words as far as it has any. */
export function refusedDownload(refusal: Refusal): Problem {
  const { url, status, body, location, proxy } = refusal;
  const { code, message, place } = wordsOf(body);
  const said = [code, message].filter((part) => part !== undefined).join(': ');
  const hint = hintFor(refusal, code, said !== '') + (place === undefined ? '' : `: ${place}`);
  const leads = location === undefined ? '' : `; it leads to ${shownRedirect(location, url)}`;
  return new Problem(`the download failed with HTTP ${status}${said === '' ? '' : ` (${said})`}`, {
    where: shownUrl(url),
    hint: `${hint}${leads}${proxy === undefined ? '' : `; it was asked through ${proxy}`}`,
  });
}

/** The beginning of an answer as text. @param encoding its Content-Encoding; what cannot be unpacked is empty */
export function textOfAnswer(said: Buffer, encoding: string | undefined): string {
  // What is cut is unpacked as far as it goes.
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

function hintFor({ url, status, credentials, keptFor }: Refusal, code: string | undefined, isSaid: boolean): string {
  const isDenied = status === 401 || status === 403;
  if (credentials === undefined && SIGNED_URL.test(url) && (code === undefined ? isDenied : OF_A_SIGNED_URL.test(code)))
    return 'the signature in the URL is wrong or has expired: have a new URL made';
  const known = S3_HINTS.get(code ?? '');
  if (known !== undefined) return known;
  if (isDenied && credentials === 'url') return 'the server does not accept the user and the password in the URL';
  if (isDenied && credentials === 'document')
    return 'the server does not accept the credentials; see "authentication" of the file';
  if (isDenied && keptFor !== undefined)
    return `the credentials are for ${keptFor}, which redirects here, and were not sent on`;
  // A code or a reason of its own may be about anything else.
  if (isDenied && code === undefined && (status === 401 || !isSaid))
    return 'the server wants credentials; see "authentication" of the file';
  if (isDenied && code === undefined)
    return 'the server refuses to give it; if it wants credentials, see "authentication" of the file';
  if (status === 404 || status === 410) return 'there is nothing at this address';
  return 'the server did not give the file';
}

/** What an answer says of an error; each part on one line. */
interface Words {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** Where the file can be asked for instead. */
  readonly place?: string | undefined;
}

/** The start of a document that is about an error in XML: of S3 and what speaks it, Azure, WebDAV. */
const XML_ERROR = /^\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:\w+:)?(?:\w*error\w*|response)\b/i;

/** XML, JSON, plain text; of a page of HTML, which is for people with a browser, the title. It may be cut anywhere. */
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
  // Not a text at all.
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

/** Keys under which servers tell what is wrong, the best first. */
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
    // It is cut: what is whole of the first message.
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
