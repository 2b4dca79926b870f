/**
 * SHA-256 and HMAC, for signatures and digests. Not by Node's crypto: loading it costs each command that signs 5 ms of CPU,
 * and the daemon two megabytes of memory for as long as it runs (docs/dev/measurements.md).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** The SHA-256 of a text in UTF-8, as 64 hexadecimal digits. */
export function sha256Hex(text: string): string {
  return Buffer.from(sha256(Buffer.from(text))).toString('hex');
}

/** The HMAC-SHA-256 of a text in UTF-8, 32 bytes (RFC 2104). */
export function hmacSha256(key: string | Buffer, text: string): Buffer {
  return Buffer.from(hmac(sha256, Buffer.from(key), Buffer.from(text)));
}
