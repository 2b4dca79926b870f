import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readArchive } from '../../../../src/system/archive/read.ts';
import { layOut, listArchive, makeZip, pipe, temporaryDirectory, type ZipEntry } from './samples.ts';

const URL = 'https://h/a.zip';
const UNIX = 3;
const DARWIN = 19;
const NTFS = 11;

function field(id: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

function unicodePath(of: string, name: string | Buffer): Buffer {
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32LE(crc32(of), 1);
  return field(0x7075, Buffer.concat([head, Buffer.from(name as string)]));
}

const listed = async (entry: ZipEntry): Promise<string> =>
  (await listArchive(makeZip([entry]), URL)).join().replace(/^file 0644 (.*): $/, '$1');

describe('a name', () => {
  const utf8 = Buffer.from('ünï');
  const latin1 = Buffer.from('ünï', 'latin1');
  const codePage = Buffer.from([0x81, 0x6e, 0x8b]);
  test.each<[what: string, entry: ZipEntry, name: string]>([
    ['marked as UTF-8', { name: utf8 }, 'ünï'],
    ["UTF-8 of Linux's zip", { name: utf8, host: UNIX, isUnmarked: true }, 'ünï'],
    ['UTF-8 of a Mac', { name: utf8, host: DARWIN, isUnmarked: true }, 'ünï'],
    ['UTF-8 of NTFS', { name: utf8, host: NTFS, isUnmarked: true }, 'ünï'],
    ['code page 437 of DOS', { name: codePage, isUnmarked: true }, 'ünï'],
    ['code page 437 of OS/2', { name: codePage, host: 6, isUnmarked: true }, 'ünï'],
    ['of DOS, which is not UTF-8 even if it could be', { name: utf8, isUnmarked: true }, '├╝n├»'],
    ['of Linux that is no UTF-8', { name: latin1, host: UNIX, isUnmarked: true }, 'ⁿn∩'],
    ['with U+FFFD', { name: 'a�b', host: UNIX, isUnmarked: true }, 'a�b'],
    ['of a field', { name: 'raw', isUnmarked: true, extra: unicodePath('raw', utf8) }, 'ünï'],
    ['of a field for another name', { name: 'raw', isUnmarked: true, extra: unicodePath('old', utf8) }, 'raw'],
    ['a backslash of DOS', { name: 'a\\b' }, 'a/b'],
    ['a backslash of DOS beside a slash', { name: 'a/b\\c' }, 'a/b\\c'],
    ['a backslash of Linux', { name: 'a\\b', host: UNIX }, 'a\\b'],
    ['a colon of Linux', { name: 'c:x', host: UNIX }, 'c:x'],
  ])('%s', async (_, entry, name) => {
    expect(await listed(entry)).toBe(name);
  });

  test.each<[what: string, entry: ZipEntry, message: string]>([
    ['marked as UTF-8', { name: latin1 }, 'has a name that is not UTF-8'],
    ['in a field', { name: 'raw', extra: unicodePath('raw', latin1) }, 'has a name that is not UTF-8'],
    ['that leads out, in a field', { name: 'raw', extra: unicodePath('raw', '../x') }, '"../x" leads out'],
    ['that is absolute, in a field', { name: 'raw', extra: unicodePath('raw', '/x') }, '"/x" leads out'],
    ['that leads out, of Linux', { name: 'a/../../x', host: UNIX }, 'leads out'],
  ])('no name %s', async (_, entry, message) => {
    await expect(listed(entry)).rejects.toThrow(message);
  });

  test("Linux's zip", async (context) => {
    const directory = layOut(temporaryDirectory(), { 'ünï/�': 'x', 文: 'y' });
    const archive = join(temporaryDirectory(), 'a.zip');
    pipe(context, ['zip', '-qrD', archive, '.'], '', directory);
    expect((await listArchive(readFileSync(archive), URL)).sort()).toEqual(['file 0644 ünï/�: x', 'file 0644 文: y']);
  });
});

describe('a time', () => {
  const dos = (((2020 - 1980) << 9) | (7 << 5) | 1) * 2 ** 16 + ((12 << 11) | (34 << 5) | 28);
  const timestamp = field(0x5455, Buffer.from('0100ca9a3b', 'hex'));
  const old = field(0x5855, Buffer.from('0000000000ca9a3b', 'hex'));
  const ntfs = field(0x000a, Buffer.from(`00000000${'0100'}1800${'0080f7b6d9d6c801'.repeat(3)}`, 'hex'));
  const entries: readonly (readonly [string, Omit<ZipEntry, 'name'>, expected: Date])[] = [
    ['of DOS, by the local clock', { time: dos }, new Date(2020, 6, 1, 12, 34, 56)],
    ['beside one of NTFS', { time: dos, extra: ntfs }, new Date(2020, 6, 1, 12, 34, 56)],
    ['in UTC', { time: dos, extra: timestamp }, new Date(1_000_000_000_000)],
    [
      'in UTC, after 2038',
      { time: ((2100 - 1980) << 25) >>> 0, extra: field(0x5455, Buffer.from('01015786f4', 'hex')) },
      new Date('2100-01-01T00:00:01Z'),
    ],
    [
      'in UTC, before 1970',
      { time: dos, extra: field(0x5455, Buffer.from('01f0f1ffff', 'hex')) },
      new Date(2020, 6, 1, 12, 34, 56),
    ],
    ['in UTC, behind one of NTFS', { time: dos, extra: Buffer.concat([ntfs, timestamp]) }, new Date(1e12)],
    ['in an old field', { time: dos, extra: old }, new Date(1_000_000_000_000)],
    ['that is none', { time: 0 }, new Date(1979, 11, 31)],
  ];
  const archive = makeZip(entries.map(([name, entry]) => ({ ...entry, name })));

  test.each(entries)('%s', async (name, _, expected) => {
    const path = join(temporaryDirectory(), 'a.zip');
    writeFileSync(path, archive);
    const found: (Date | undefined)[] = [];
    for await (const entry of readArchive(path, URL)) if (entry.name === name) found.push(entry.modified);
    expect(found).toEqual([expected]);
  });

  test('is as unzip has it', (context) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'a.zip'), archive);
    pipe(context, ['unzip', '-q', 'a.zip'], '', directory);
    for (const [name, , expected] of entries) expect(statSync(join(directory, name)).mtime, name).toEqual(expected);
  });
});
