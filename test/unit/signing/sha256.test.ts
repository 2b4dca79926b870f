import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hmacSha256, sha256Hex } from '../../../src/signing/signature-v4.ts';

/** Around the ends of one block and of two, where the padding changes. */
const LENGTHS = [0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000, 100_000];

describe('sha256Hex', () => {
  test.each(LENGTHS)('says of %d bytes what OpenSSL says', (length) => {
    const text = 'abcdefg'.repeat(length).slice(0, length);
    expect(sha256Hex(text)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  test('is that of FIPS 180-4 for its own examples', () => {
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  test('takes a text as UTF-8', () => {
    const text = 'Größe 🙂 \u0000';
    expect(sha256Hex(text)).toBe(createHash('sha256').update(text).digest('hex'));
  });
});

describe('hmacSha256', () => {
  test.each(LENGTHS)('says with a key of %d bytes what OpenSSL says', (length) => {
    const key = Buffer.alloc(length, 'key');
    const text = `${length} Größe`;
    expect(hmacSha256(key, text)).toEqual(createHmac('sha256', key).update(text).digest());
  });

  test('takes a key as UTF-8', () => {
    expect(hmacSha256('Schlüssel', 'x')).toEqual(createHmac('sha256', 'Schlüssel').update('x').digest());
  });
});
