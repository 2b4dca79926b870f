import { createHmac } from 'node:crypto';
import type { Keys } from './cloud.ts';

/**
 * Signs a URL as keystone's EC2 signer does (AWS signature version 2 in the query), at any time: for the URLs that heat
 * itself hands out only as of now.
 */
export function signUrl(
  method: string,
  address: string,
  query: Readonly<Record<string, string>>,
  keys: Keys,
  at: Date,
) {
  const { host, pathname, protocol } = new URL(address);
  const signed = {
    ...query,
    SignatureMethod: 'HmacSHA256',
    SignatureVersion: '2',
    AWSAccessKeyId: keys.access,
    Timestamp: `${at.toISOString().slice(0, 19)}Z`,
  };
  const sorted = Object.entries(signed)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${encode(value)}`)
    .join('&');
  // The signature is over the path as the server decodes it, the address keeps its own spelling.
  const text = [method, host, decodeURIComponent(pathname), sorted].join('\n');
  const signature = createHmac('sha256', keys.secret).update(text).digest('base64');
  return `${protocol}//${host}${pathname}?${sorted}&Signature=${encode(signature)}`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
