/**
 * AWS Signature Version 4, and SHA-256 and HMAC for signatures and digests. Node's crypto is not used: loading it costs each command
 * that signs 5 ms of CPU, and the daemon two megabytes of memory as long as it runs (docs/dev/measurements.md).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { isoTime } from '../time.ts';
import { normalAuthority, splitUrl } from '../url.ts';
import { canonicalObjectPath, canonicalQuery, parseQuery } from './canonical.ts';
import type { Credentials } from './credentials.ts';

/** The SHA-256 of a text in UTF-8, as 64 hexadecimal digits. */
export function sha256Hex(text: string): string {
  return Buffer.from(sha256(Buffer.from(text))).toString('hex');
}

/** The HMAC-SHA-256 of a text in UTF-8, 32 bytes (RFC 2104). */
export function hmacSha256(key: string | Buffer, text: string): Buffer {
  return Buffer.from(hmac(sha256, Buffer.from(key), Buffer.from(text)));
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** A request in the forms that are signed. */
export interface CanonicalParts {
  readonly method: string;
  /** From canonicalPath or canonicalObjectPath. */
  readonly path: string;
  /** From canonicalQuery. */
  readonly query: string;
  /** The headers to sign. They must include Host, with the port unless it is the default of the scheme. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hexadecimal, or UNSIGNED-PAYLOAD where a service allows it. */
  readonly payloadHash: string;
}

/** What a signature is valid for. */
interface Scope {
  readonly time: Date;
  readonly region: string;
  readonly service: string;
}

/** The time in the form of X-Amz-Date: 20150830T123600Z. */
function amzDate(time: Date): string {
  return isoTime(time).replace(/[:-]|\.\d{3}/g, '');
}

/**
 * The headers that sign a request by AWS Signature Version 4: X-Amz-Date, X-Amz-Security-Token where there is one, and
 * Authorization. Source: AWS, "Create a signed AWS API request"; OpenStack's keystone checks the same way.
 */
export function signV4(request: CanonicalParts, scope: Scope, credentials: Credentials): Record<string, string> {
  const { accessKey, secretKey, sessionToken } = credentials;
  const added = {
    'X-Amz-Date': amzDate(scope.time),
    ...(sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken }),
  };
  const complete = { ...request, headers: { ...request.headers, ...added } };
  const text = stringToSign(canonicalRequest(complete), scope);
  const signature = hmacSha256(signingKey(secretKey, scope), text).toString('hex');
  const authorization = [
    `Credential=${accessKey}/${credentialScope(scope)}`,
    `SignedHeaders=${signedHeaders(complete.headers)}`,
    `Signature=${signature}`,
  ].join(', ');
  return { ...added, Authorization: `${ALGORITHM} ${authorization}` };
}

/** Step 1: the request in one text. */
export function canonicalRequest({ method, path, query, headers, payloadHash }: CanonicalParts): string {
  const lines = sortedHeaders(headers).map(([name, value]) => `${name}:${value}\n`);
  return [method, path, query, lines.join(''), signedHeaders(headers), payloadHash].join('\n');
}

/** Steps 2 and 3: its hash, with the scope of the signature. */
export function stringToSign(canonical: string, scope: Scope): string {
  return [ALGORITHM, amzDate(scope.time), credentialScope(scope), sha256Hex(canonical)].join('\n');
}

/** Step 4: the key of one day, region and service. */
function signingKey(secretKey: string, scope: Scope): Buffer {
  const ofDay = hmacSha256(`AWS4${secretKey}`, amzDate(scope.time).slice(0, 8));
  return hmacSha256(hmacSha256(hmacSha256(ofDay, scope.region), scope.service), 'aws4_request');
}

function credentialScope({ time, region, service }: Scope): string {
  return `${amzDate(time).slice(0, 8)}/${region}/${service}/aws4_request`;
}

function signedHeaders(headers: Readonly<Record<string, string>>): string {
  return sortedHeaders(headers)
    .map(([name]) => name)
    .join(';');
}

function sortedHeaders(headers: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/\s+/g, ' ')] as const)
    .sort(([name], [other]) => (name < other ? -1 : 1));
}

const UNSIGNED = 'UNSIGNED-PAYLOAD';
/** The region to sign for with Amazon's addresses without a region, and with most other servers of the protocol. */
const DEFAULT_REGION = 'us-east-1';

/**
 * The headers that sign a GET of an object in S3.
 * Source: AWS S3 API reference, "Authenticating requests: using the Authorization header".
 * @throws Problem when it is not an http(s) URL
 */
export function signS3Get(url: string, credentials: Credentials, time: Date): Record<string, string> {
  const parts = splitUrl(url);
  const { host, target } = parts;
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  const content = { 'x-amz-content-sha256': UNSIGNED };
  const request = {
    method: 'GET',
    path: canonicalObjectPath(path),
    query: canonicalQuery(parseQuery(query)),
    headers: { Host: normalAuthority(parts), ...content },
    payloadHash: UNSIGNED,
  };
  return { ...content, ...signV4(request, { time, region: s3Region(host), service: 's3' }, credentials) };
}

/** The region in a host name of Amazon S3: s3.REGION, s3-REGION, s3.dualstack.REGION; us-east-1 where there is none. */
export function s3Region(host: string): string {
  return (
    /(?:^|\.)s3(?:-fips)?(?:\.dualstack)?[.-]([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1] ??
    DEFAULT_REGION
  );
}
