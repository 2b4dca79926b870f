import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodePax } from '../../../../src/system/archive/tar.ts';
import { layOut, listArchive, makePax, makeTar, pipe, temporaryDirectory } from './samples.ts';

const URL = 'https://h/a.tar';

/** Gives the header at the start of a tar archive other bytes, and the checksum that it then has. */
function withField(tar: Buffer, at: number, bytes: Buffer): Buffer {
  const changed = Buffer.from(tar);
  bytes.copy(changed, at);
  changed.fill(' ', 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return changed;
}

describe('what GNU tar makes', () => {
  test.for(['gnu', 'posix', 'oldgnu'])('a label, by --label, as %s', async (format, context) => {
    const directory = layOut(temporaryDirectory(), { a: 'x' });
    const packed = pipe(context, ['tar', '-C', directory, `--format=${format}`, '-V', 'backup 1', '-cf', '-', 'a']);
    expect(await listArchive(packed, URL)).toEqual(['file 0644 a: x']);
  });

  test('a label alone', async () => {
    expect(await listArchive(makeTar([{ name: 'backup 1', type: 'V' }]), URL)).toEqual([]);
  });

  test('a size in binary', async () => {
    const size = Buffer.from('800000000000000000000003', 'hex');
    expect(await listArchive(withField(makeTar([{ name: 'a', content: 'xyz' }]), 124, size), URL)).toEqual([
      'file 0644 a: xyz',
    ]);
  });

  test('a time before 1970 in binary', async () => {
    const time = Buffer.from('fffffffffffffffffffffff0', 'hex');
    expect(await listArchive(withField(makeTar([{ name: 'a' }]), 136, time), URL)).toEqual(['file 0644 a: ']);
  });
});

describe('names', () => {
  test.each(['a\ufffdb', '\ufffd', 'd\u00e9j\u00e0/\ud83d\ude00'])('%j is UTF-8', async (name) => {
    expect(await listArchive(makeTar([{ name }]), URL)).toEqual([`file 0644 ${name}: `]);
    const long = makeTar([{ name: 'x', type: 'x', content: makePax({ path: name }) }, { name: 'short' }]);
    expect(await listArchive(long, URL)).toEqual([`file 0644 ${name}: `]);
  });

  test('a link to one', async () => {
    expect(await listArchive(makeTar([{ name: 'l', type: '2', target: 'a\ufffdb' }]), URL)).toEqual([
      'symlink l -> a\ufffdb',
    ]);
  });

  test('one that an extended header replaces may be cut within a character', async () => {
    const packed = makeTar([{ name: 'short' }]);
    const cut = withField(packed, 0, Buffer.from('caf\xc3\0', 'latin1'));
    const whole = makeTar([{ name: 'x', type: 'x', content: makePax({ path: 'caf\u00e9' }) }], false);
    expect(await listArchive(Buffer.concat([whole, cut]), URL)).toEqual(['file 0644 caf\u00e9: ']);
  });

  test.each([
    ['a header', withField(makeTar([{ name: 'abcd' }]), 2, Buffer.from([0xe9]))],
    ['a target', withField(makeTar([{ name: 'l', type: '2', target: 'abc' }]), 158, Buffer.from([0xff]))],
    [
      'a long name',
      makeTar([{ name: 'x', type: 'L', content: Buffer.from('caf\xe9\0', 'latin1') }, { name: 'short' }]),
    ],
  ])('in Latin-1, in %s, is refused', async (_, packed) => {
    await expect(listArchive(packed, URL)).rejects.toThrow('has a name that is not UTF-8');
  });

  test('one that fills screens is cut in the message', async () => {
    const packed = makeTar([
      { name: 'x', type: 'L', content: `${'n'.repeat(100_000)}\0` },
      { name: 'x', type: '3' },
    ]);
    await expect(listArchive(packed, URL)).rejects.toMatchObject({ message: expect.stringMatching(/^.{300,400}$/) });
  });
});

describe('what follows the end', () => {
  const tar = makeTar([{ name: 'a', content: 'x' }]);

  test.each([1, 100, 511, 513, 10_000])('%i zeros are padding', async (count) => {
    const padded = Buffer.concat([tar, Buffer.alloc(count)]);
    expect(await listArchive(padded, URL)).toEqual(['file 0644 a: x']);
    expect(await listArchive(gzipSync(padded), URL)).toEqual(['file 0644 a: x']);
  });

  test.each([8, 100, 505, 2000])("pixz's list of names, of %i bytes, is passed over", async (count) => {
    const index = Buffer.concat([Buffer.from('a64c322ed614aedb', 'hex'), Buffer.alloc(count, './n')]);
    expect(await listArchive(gzipSync(Buffer.concat([tar, index])), URL)).toEqual(['file 0644 a: x']);
  });

  test.each([
    ['text', Buffer.from('more of it?')],
    ['noise', Buffer.from(Array.from({ length: 2000 }, (_, at) => (Math.imul(at + 1, 2654435761) >>> 24) & 0xff))],
    ['a block of bytes that are no numbers', Buffer.alloc(512, 0xa0)],
    ['ones behind zeros', Buffer.concat([Buffer.alloc(700), Buffer.from([1])])],
  ])('%s is damage', async (_, more) => {
    await expect(listArchive(Buffer.concat([tar, more]), URL)).rejects.toThrow('the archive is damaged or cut short');
  });
});

test.each([
  ['2^63', '800000008000000000000000'],
  ['the largest', `bf${'ff'.repeat(11)}`],
  ['a negative one', `ff${'ff'.repeat(11)}`],
  ['no number', '78'.repeat(12)],
])('a size that is none (%s) is damage', async (_, size) => {
  for (const type of ['0', 'x', 'L', 'V', 'D']) {
    const packed = withField(makeTar([{ name: 'a', type }]), 124, Buffer.from(size, 'hex'));
    if (size.startsWith('78') && type === 'V') continue; // taken as none
    await expect(listArchive(packed, URL), type).rejects.toThrow('the archive is damaged or cut short');
  }
});

describe('decodePax', () => {
  test.each([
    ['12 path=abc\n', [['path', 'abc']]],
    ['12 path=abcd\n', undefined],
    ['11 path=a\nb\n9 size=1\n', undefined],
    [
      makePax({ path: 'a\nb', size: '1' }).toString(),
      [
        ['path', 'a\nb'],
        ['size', '1'],
      ],
    ],
    ['', []],
    ['path=a\n', undefined],
    ['8 path a\n', undefined],
    ['0 a=b\n', undefined],
  ])('%j', (text, records) => {
    const decoded = decodePax(Buffer.from(text));
    expect(decoded && [...decoded].map(([key, value]) => [key, value.toString()])).toEqual(records);
  });
});
