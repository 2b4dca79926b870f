import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { readArchive } from '../../../../src/system/archive/read.ts';
import { makePax, makeTar, makeZip } from './samples.ts';

// Whatever the bytes are, an archive is read or refused by a Problem: never a bug, never without an end. More rounds:
// MUTATIONS=10000 vitest run mutations.
const ROUNDS = Number(process.env['MUTATIONS'] ?? 40);
const directory = mkdtempSync(join(tmpdir(), 'cfntools-mutations-'));
afterAll(() => rmSync(directory, { recursive: true }));

const tar = makeTar([
  { name: './', type: '5', mode: 0o755 },
  { name: 'a', content: 'some notes '.repeat(30) },
  { name: 'x', type: 'x', content: makePax({ path: 'long/name', mtime: '12.5', size: '3' }) },
  { name: 'short', content: 'abc' },
  { name: 'x', type: 'L', content: 'd/another\0' },
  { name: 'short', type: '2', target: 'a' },
  { name: 'h', type: '1', target: 'a' },
]);
const zip = makeZip([
  { name: 'a', content: 'some notes', unixMode: 0o100644, extra: Buffer.from('5554050001000000ff', 'hex') },
  { name: 'd/', unixMode: 0o40755 },
  { name: 'l', content: 'a', unixMode: 0o120777 },
  { name: 'deflated', content: deflateRawSync('some notes').toString('latin1'), method: 8 },
  { name: 'described', content: 'x', flags: 8, extra: Buffer.from('01000800010000000000000000', 'hex') },
  { name: 'secret', content: 'x'.repeat(13), flags: 1 },
]);
const seeds: Readonly<Record<string, Buffer>> = {
  tar,
  gzip: gzipSync(tar),
  zstd: zstdCompressSync(tar),
  zip,
  // zip -fz - -: zip64, with a data descriptor
  zip64: Buffer.from(
    'UEsDBC0AAAAIAHAFgV18j1E6//////////8BABQALQEAEAAgAAAAAAAAABAAAAAAAAAAK87PTVXIyy9JLVYoxsYEAFBLAQIeAy0AAAAIAHAFgV18j1E6EAAAAP////8BAAwAAAAAAAEAAACAEQAAAAAtAQAIACAAAAAAAAAAUEsGBiwAAAAAAAAAHgMtAAAAAAAAAAAAAQAAAAAAAAABAAAAAAAAADsAAAAAAAAAQwAAAAAAAABQSwYHAAAAAH4AAAAAAAAAAQAAAFBLBQYAAAAAAQABADsAAAD/////AAA=',
    'base64',
  ),
  bzip2: Buffer.from(
    'QlpoOTFBWSZTWUED6TAAAHJbiMyAQAD3AAAB5gOeABAACAggAJUEkiZAaaHqAAiogAADQ0q0swtiTErRIQRyq7My8M8m4tEIASicilBCW9JApDAh3iIewrVo5kC5nmrSbI7PpCsRX0VuFdBX0VkbitKLOZWWCszFH8XckU4UJBBA+kwA',
    'base64',
  ),
  xz: Buffer.from(
    '/Td6WFoAAArh+wyhAgEEACEBFgANhjUf4A//AF9dADCAM1AYaImDAdzibiD2oKZqr3svi7ACPxExBR3lrV4LYll92MTympMT8AKXtXWuTpA/A6Da0UKpMpaUL4BwRUlx+d2en5EQN7tdaEUhzByoO3g1u/QfQQlY6ODUsnMAAADIABjoQE93a7wM6BH613GvBj4WYNnhIqsgMTojyuKtqQABkwGAIAAAW2nTsLbp3xwCAAAAAApZWg==',
    'base64',
  ),
};

/** Numbers below `below`, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Flips, cuts, inserts, repeats or overwrites, one to four times. */
function mutate(bytes: Buffer, pick: (below: number) => number): Buffer {
  let result = Buffer.from(bytes);
  for (let left = 1 + pick(4); left > 0; left -= 1) {
    const at = pick(result.length + 1);
    const end = Math.min(result.length, at + 1 + pick(20));
    const noise = Buffer.from(Array.from({ length: 1 + pick(12) }, () => [0, 0xff, 0x80, pick(256)][pick(4)] ?? 0));
    const kind = pick(6);
    if (kind < 2 && at < result.length) result[at] = (result[at] ?? 0) ^ (1 << pick(8));
    else if (kind === 2) noise.copy(result, at);
    else if (kind === 3) result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
    else if (kind === 4) result = Buffer.concat([result.subarray(0, at), noise, result.subarray(at)]);
    else result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
  }
  return result;
}

/** A tar whose headers are wrong but have true checksums. */
function mutateFields(bytes: Buffer, pick: (below: number) => number): Buffer {
  const result = Buffer.from(bytes);
  const start = pick(result.length / 512) * 512;
  const header = result.subarray(start, start + 512);
  for (let left = 1 + pick(3); left > 0; left -= 1) header[pick(2) === 0 ? 100 + pick(60) : pick(512)] = pick(256);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return result;
}

async function read(bytes: Buffer): Promise<void> {
  const path = join(directory, 'archive');
  writeFileSync(path, bytes);
  for await (const entry of readArchive(path, 'https://h/a.tar', { bytes: 10_000_000, entries: 1000 })) {
    if (entry.kind === 'file') for await (const _ of entry.content);
  }
}

describe('mutated', () => {
  const cases = [
    ...Object.entries(seeds).map(([name, bytes]) => [name, bytes, mutate] as const),
    ['tar with true checksums', tar, mutateFields] as const,
  ];
  test.each(cases)('%s', async (_, bytes, change) => {
    await read(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(Problem));
    for (let round = 1; round <= ROUNDS; round += 1) {
      const bad = change(bytes, numbers(round));
      try {
        await read(bad);
      } catch (error) {
        if (!(error instanceof Problem)) throw new Error(`round ${round}: ${bad.toString('base64')}`, { cause: error });
      }
    }
  });
});
