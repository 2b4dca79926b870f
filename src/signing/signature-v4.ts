import { isoTime } from '../iso-time.ts';
import type { Credentials } from './credentials.ts';
import { hmacSha256, sha256Hex } from './sha256.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** A request in the forms that are signed. */
export interface CanonicalParts {
  readonly method: string;
  /** From canonicalPath or canonicalObjectPath. */
  readonly path: string;
  /** From canonicalQuery. */
  readonly query: string;
  /** The headers to sign; Host, with a port that is not the scheme's own, must be one. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hexadecimal, or UNSIGNED-PAYLOAD where a service allows it. */
  readonly payloadHash: string;
}

/** What a signature is good for. */
export interface Scope {
  readonly time: Date;
  readonly region: string;
  readonly service: string;
}

/** The time as it stands in X-Amz-Date: 20150830T123600Z. */
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

/** Steps 2 and 3: its hash, with what the signature is good for. */
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
