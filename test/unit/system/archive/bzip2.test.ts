import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bunzip2 } from '../../../../src/system/archive/bzip2.ts';
import { pipe } from './samples.ts';

const directory = mkdtempSync(join(tmpdir(), 'cfntools-bzip2-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function decode(packed: Buffer): Promise<Buffer> {
  const path = join(directory, 'packed');
  writeFileSync(path, packed);
  const chunks: Buffer[] = [];
  for await (const chunk of bunzip2(path, 'here')) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('bunzip2', () => {
  describe.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('a')],
    ['a run of four', Buffer.from('aaaa')],
    ['runs around 259', Buffer.from(`${'a'.repeat(258)}b${'c'.repeat(259)}d${'e'.repeat(260)}`)],
    [
      'a run that bzip2 spells with its own byte',
      Buffer.concat([Buffer.alloc(4, 2), Buffer.alloc(3, 2), Buffer.from([3])]),
    ],
    ['zeros over many blocks', Buffer.alloc(1_000_000)],
    ['noise over many blocks', randomBytes(350_000)],
    ['text', Buffer.from('The quick brown fox. '.repeat(20_000))],
    ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ])('%s', (_, bytes) => {
    test.for(['-1', '-9'])('%s', async (level, context) => {
      expect((await decode(pipe(context, ['bzip2', level, '-c'], bytes))).equals(bytes)).toBe(true);
    });
  });

  test('streams one after the other', async (context) => {
    const one = pipe(context, ['bzip2', '-c'], 'one');
    expect((await decode(Buffer.concat([one, one]))).toString()).toBe('oneone');
  });

  test('every cut and every flipped bit is noticed', async (context) => {
    const text = Array.from({ length: 60 }, (_, line) => `line ${line * line}\n`).join('');
    const packed = pipe(context, ['bzip2', '-c'], text);
    for (let length = 4; length < packed.length; length += 1) {
      await expect(decode(packed.subarray(0, length)), `cut at ${length}`).rejects.toThrow();
    }
    // The bits after the checksum that fill up the last byte mean nothing.
    for (let bit = 0; bit < (packed.length - 1) * 8; bit += 1) {
      const bad = Buffer.from(packed);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let read: string;
      try {
        read = (await decode(bad)).toString();
      } catch {
        continue;
      }
      // A bit of the tables may be one that no symbol uses; the text is right then.
      expect(read, `bit ${bit}`).toBe(text);
    }
  });

  test.each([
    ['something else', Buffer.from('hello world')],
    ['a bad block size', Buffer.from('BZh0')],
    ['a bad mark', Buffer.from('BZh9aaaaaa')],
  ])('%s is refused', async (_, bytes) => {
    await expect(decode(bytes)).rejects.toThrow('the archive is damaged or cut short');
  });
});
