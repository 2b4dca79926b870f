import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makePax, makeTar, type TarEntry, temporaryDirectory } from '../../system/archive/samples.ts';
import { URL, unpack } from './unpacking.ts';

const limits = { bytes: 20_000, entries: 30 };
const deep = (path: string): readonly TarEntry[] => [
  { name: 'x', type: 'x', content: makePax({ path }) },
  { name: 'short', content: 'x' },
];

describe('an archive that unpacks to too much is refused, with nothing left', () => {
  test.each<[what: string, archive: Buffer, message: string]>([
    ['zeros', gzipSync(makeTar([{ name: 'a', content: Buffer.alloc(30_000) }])), 'more than 20000 bytes'],
    [
      'small files',
      makeTar(Array.from({ length: 25 }, (_, at) => ({ name: `f${at}`, content: 'x'.repeat(900) }))),
      'more than 20000 bytes',
    ],
    ['a file that says so before it comes', makeTar([{ name: 'a', size: 30_000 }], false), 'more than 20000 bytes'],
    ['entries', makeTar(Array.from({ length: 31 }, (_, at) => ({ name: `f${at}` }))), 'more than 30 entries'],
    ['directories that a name implies', makeTar(deep(`${'d/'.repeat(40)}f`)), 'more than 30 entries'],
  ])('%s', async (_, archive, message) => {
    const root = temporaryDirectory();
    await expect(unpack(root, archive, URL, '/opt/app', limits)).rejects.toMatchObject({
      message: `refused the archive: it unpacks to ${message}`,
      hint: expect.stringContaining('nothing of it was unpacked'),
    });
    expect(readdirSync(root)).toEqual([]);
  });

  test('the setting is named', async () => {
    const archive = gzipSync(makeTar([{ name: 'a', content: Buffer.alloc(30_000) }]));
    await expect(unpack(temporaryDirectory(), archive, URL, '/opt/app', limits)).rejects.toMatchObject({
      hint: expect.stringContaining('raise most-unpacked-bytes in /etc/cfn/cfntools.conf'),
    });
  });
});

test('a deep directory is opened from the one that it lies in', async () => {
  // By its path, each would take as many steps as it is deep: half a million for these.
  const root = temporaryDirectory();
  const path = `${'d/'.repeat(600)}f`;
  const { changed } = await unpack(root, makeTar(deep(path)));
  expect(changed).toHaveLength(601);
  expect(changed.at(-1)).toBe(path);
  expect((await unpack(root, makeTar(deep(path)))).changed).toEqual([]);
});
