import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { unxz } from '../../../../src/system/archive/xz.ts';
import { makeFilter } from '../../../../src/system/archive/xz-filters.ts';
import { pipe, temporaryDirectory } from './samples.ts';

async function decode(packed: Buffer): Promise<Buffer> {
  const path = join(temporaryDirectory(), 'packed');
  writeFileSync(path, packed);
  const chunks: Buffer[] = [];
  for await (const chunk of unxz(path, 'here')) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes of which every filter for programs finds something to change, the same in each run. */
function programLike(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
  const starts = [0xe8, 0xe9, 0xeb, 0xf0, 0x48, 0x40, 0x94, 0x90, 0xb0, 0x00, 0xff, 0x17, 0xef, 0x10];
  for (let at = 0; at < length; at += 1) {
    const kind = next() % 4;
    bytes[at] = kind === 0 ? (starts[next() % starts.length] ?? 0) : kind === 1 ? 0 : kind === 2 ? 0xf8 : next() & 0xff;
  }
  return bytes;
}

const program = programLike(60_000);
const SHA256 =
  '/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQAJc29tZSBub3RlcwAAACN7rGelGOLfyQHsvwYPWc3kZdRkTPnQeDqHejIfm7yzAAE6CkyC+uUYm0uaAQAAAAAKWVo=';
/** Encoded by liblzma 5.8 for a program that starts at 4096. */
const RISC_V =
  '17e16244577fd1dd1751b680cf0ac19aefff31fdd80317b15e2b47f9251e17b1b773a03908ab99f6e7c20daca8d4ef021a61ef027d3717353610c76426ca1731071ac1afb179b52e584e97cf01cb8fd17f16173150e934817432ef10704b1750';
const RISC_V_PACKED =
  '17e16244577fd1dd1751b680cf0ac19aefff31fdd80397f2251eebb57294173708ab7b3b079a99f6e7c20daca8d4ef520f1fef628dd417353610c76426ca97a1b17973a011fcb52e584e17f118fdcb01d1b1978e743203954e13ef10704b1750';

describe('unxz', () => {
  test.for([
    ['--check=none'],
    ['--check=crc32'],
    ['--check=crc64'],
    ['--check=sha256'],
    ['--x86', '--lzma2'],
    ['--arm', '--lzma2'],
    ['--armthumb', '--lzma2'],
    ['--powerpc', '--lzma2'],
    ['--ia64', '--lzma2'],
    ['--sparc', '--lzma2'],
    ['--arm64', '--lzma2'],
    ['--delta=dist=1', '--lzma2'],
    ['--delta=dist=256', '--lzma2'],
    ['--x86=start=4294963200', '--delta=dist=4', '--arm', '--lzma2=preset=0'],
    ['--check=sha256', '--x86', '--lzma2=lc=0,lp=4,pb=4', '--block-size=17000'],
    ['-9e', '--block-size=1000'],
    ['-0'],
  ])('%j', async (options, context) => {
    const lacks = options[0] === '--arm64' && !String(pipe(context, ['xz', '--long-help'])).includes('--arm64');
    if (lacks) context.skip('this xz is older than the filter');
    const packed = pipe(context, ['xz', '-c', '-T1', '--format=xz', ...options], program);
    expect((await decode(packed)).equals(program)).toBe(true);
  });

  test('what cannot be compressed, a long run, nothing', async (context) => {
    const noise = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (Math.imul(at, at) * 2654435761) >>> 13));
    for (const bytes of [noise, Buffer.alloc(3_000_000, 'ab'), Buffer.alloc(0)]) {
      expect((await decode(pipe(context, ['xz', '-c'], bytes))).equals(bytes)).toBe(true);
    }
  });

  test('the filter for RISC-V, which few have', () => {
    const filter = makeFilter(0x0b, Buffer.from('00100000', 'hex'));
    const packed = Buffer.from(RISC_V_PACKED, 'hex');
    const parts = [...packed].map((byte) => filter?.(Buffer.from([byte]), false) ?? packed);
    expect(Buffer.concat([...parts, filter?.(Buffer.alloc(0), true) ?? packed]).toString('hex')).toBe(RISC_V);
  });

  test('sha256 is compared', async () => {
    const packed = Buffer.from(SHA256, 'base64');
    expect((await decode(packed)).toString()).toBe('some notes');
    packed[50] = (packed[50] ?? 0) ^ 1;
    await expect(decode(packed)).rejects.toThrow('damaged or cut short (bad checksum)');
  });

  test('zeros between and behind streams, four at a time, also a megabyte of them', async () => {
    const one = Buffer.from(SHA256, 'base64');
    const padded = Buffer.concat([one, Buffer.alloc(2 ** 20), one, Buffer.alloc(8)]);
    expect((await decode(padded)).toString()).toBe('some notessome notes');
    await expect(decode(Buffer.concat([one, Buffer.alloc(6)]))).rejects.toThrow('its padding is invalid');
  });

  test.each([
    ['a checksum that nobody knows', '0002', 'the xz decoder does not support a checksum of this kind'],
    ['flags that nobody knows', '0104', 'the xz decoder does not support a checksum of this kind'],
  ])('%s', async (_, flags, message) => {
    const bytes = Buffer.from(flags, 'hex');
    const crc = Buffer.alloc(4);
    crc.writeUInt32LE(crc32(bytes));
    const header = Buffer.concat([Buffer.from('fd377a585a00', 'hex'), bytes, crc]);
    await expect(decode(header)).rejects.toThrow(message);
  });
});
