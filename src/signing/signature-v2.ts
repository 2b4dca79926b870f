import { isoTime } from '../time.ts';
import { canonicalQuery, type Parameter } from './canonical.ts';
import type { Credentials } from './credentials.ts';
import { hmacSha256 } from './signature-v4.ts';

export interface RequestV2 {
  readonly method: string;
  /** The Host header, in lower case. */
  readonly host: string;
  /** As in the request. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly time: Date;
}

/**
 * The query with an AWS signature of version 2 by HmacSHA256 (keystone refuses HmacSHA1).
 * Source: AWS General Reference, "Signature Version 2 signing process".
 * @returns the whole query, without its question mark
 */
export function signV2({ method, host, path, parameters, time }: RequestV2, credentials: Credentials): string {
  const { accessKey, secretKey, sessionToken } = credentials;
  const query = canonicalQuery([
    ...parameters,
    ['AWSAccessKeyId', accessKey],
    ['SignatureMethod', 'HmacSHA256'],
    ['SignatureVersion', '2'],
    ['Timestamp', isoTime(time).replace(/\.\d{3}/, '')],
    ...(sessionToken === undefined ? [] : [['SecurityToken', sessionToken] as const]),
  ]);
  const signature = hmacSha256(secretKey, [method, host, path, query].join('\n')).toString('base64');
  return `${query}&${canonicalQuery([['Signature', signature]])}`;
}
