import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { layOut, listArchive, makePax, makeTar, makeZip, pipe, temporaryDirectory } from './samples.ts';

const URL = 'https://h/a.tar.gz?secret=1';
const LONG = `${'directory-with-a-long-name/'.repeat(6)}file`;
const entries = [
  { name: './', type: '5', mode: 0o700 },
  { name: './bin/', type: '5', mode: 0o755 },
  { name: './bin/tool', content: 'echo', mode: 0o4755 },
  { name: './bin/same', type: '1', target: './bin/tool' },
  { name: './bin/link', type: '2', target: 'tool' },
  { name: './empty' },
];
const tar = makeTar(entries);
const listed = [
  'directory 0700 ',
  'directory 0755 bin',
  'file 0755 bin/tool: echo',
  'hardlink bin/same -> bin/tool',
  'symlink bin/link -> tool',
  'file 0644 empty: ',
];
const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1);
const twice = (bytes: Buffer): Buffer => Buffer.concat([bytes, bytes]);

const packers = {
  gzip: ['gzip', '-c'],
  bzip2: ['bzip2', '-c'],
  xz: ['xz', '-c'],
  'xz of many blocks': ['xz', '-c', '--block-size=4096'],
  'xz with crc32': ['xz', '-c', '--check=crc32'],
  zstd: ['zstd', '-q', '-c'],
} as const;

describe('a tar archive', () => {
  test('plain', async () => {
    expect(await listArchive(tar, URL)).toEqual(listed);
  });

  describe.each(Object.entries(packers))('packed by %s', (_, command) => {
    const big = makeTar([
      ...entries,
      { name: 'big', content: Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at) % 251)) },
    ]);

    test('is read', async (context) => {
      expect(await listArchive(pipe(context, command, big), URL)).toEqual([...listed, 'file 0644 big: 300000 bytes']);
    });

    test('in two members is read whole', async (context) => {
      const packed = Buffer.concat([
        pipe(context, command, half(big)),
        pipe(context, command, big.subarray(half(big).length)),
      ]);
      expect(await listArchive(packed, URL)).toEqual([...listed, 'file 0644 big: 300000 bytes']);
    });

    test('cut anywhere is refused', async (context) => {
      const packed = pipe(context, command, big);
      for (const left of [0.1, 0.5, 0.9, 1].map((part) => Math.floor(packed.length * part) - 1)) {
        await expect(listArchive(packed.subarray(0, left), URL), `${left} of ${packed.length}`).rejects.toThrow(
          'damaged or cut short',
        );
      }
    });

    test('with a flipped bit is refused', async (context) => {
      const packed = pipe(context, command, big);
      for (const at of [0.3, 0.6, 0.95].map((part) => Math.floor(packed.length * part))) {
        const bad = Buffer.from(packed);
        bad[at] = (bad[at] ?? 0) ^ 0x10;
        await expect(listArchive(bad, URL), `byte ${at} of ${packed.length}`).rejects.toThrow('damaged or cut short');
      }
    });

    test('followed by something else is refused', async (context) => {
      const packed = Buffer.concat([pipe(context, command, big), Buffer.from('more of it?!')]);
      await expect(listArchive(packed, URL)).rejects.toThrow('damaged or cut short');
    });
  });

  test('zeros after gzip are padding, data after them is not', async () => {
    const padded = Buffer.concat([gzipSync(tar), Buffer.alloc(1000)]);
    expect(await listArchive(padded, URL)).toEqual(listed);
    await expect(listArchive(Buffer.concat([padded, gzipSync(tar)]), URL)).rejects.toThrow('something else follows');
  });

  test.for([
    [['xz', '-c', '--lzma2=dict=128MiB'], 'the xz decoder does not support a dictionary of more than 64 MiB'],
    [['zstd', '-q', '-c', '--long=31', '--ultra'], 'the zstd file needs more than 128 MiB of memory'],
  ] as const)('%j is refused', async ([command, message], context) => {
    await expect(listArchive(pipe(context, command, tar), URL)).rejects.toThrow(message);
  });

  test.each([
    ['gzip', gzipSync('')],
    ['bzip2', Buffer.from('425a683917724538509000000000', 'hex')],
    ['xz', Buffer.from('fd377a585a000004e6d6b446000000001cdf44211fb6f37d010000000004595a', 'hex')],
    ['zstd', zstdCompressSync('')],
  ])('thousands of empty members of %s', async (_, empty) => {
    const packed = Buffer.concat(Array.from({ length: 8000 }, () => empty));
    expect(await listArchive(packed, 'https://h/empty')).toEqual(['file 0644 empty: ']);
  });

  test('frames that zstd skips', async () => {
    const skipped = Buffer.concat([Buffer.from('502a4d1804000000', 'hex'), Buffer.from('size')]);
    expect(await listArchive(Buffer.concat([skipped, zstdCompressSync(tar), skipped]), URL)).toEqual(listed);
  });

  test('appended to another is read on', async () => {
    expect(await listArchive(gzipSync(twice(tar)), URL)).toEqual([...listed, ...listed]);
  });

  test('without its end mark is whole', async () => {
    expect(await listArchive(makeTar(entries, false), URL)).toEqual(listed);
  });

  test('without entries', async () => {
    expect(await listArchive(Buffer.alloc(10240), 'https://h/a.tar')).toEqual([]);
    expect(await listArchive(gzipSync(Buffer.alloc(10240)), 'https://h/a.tgz')).toEqual([]);
  });

  test.for(['ustar', 'gnu', 'pax', 'v7', 'oldgnu'])('made by GNU tar as %s', async (format, context) => {
    const directory = layOut(temporaryDirectory(), {
      'a/b': 'x',
      'a/c': { link: 'b' },
      ...(format === 'v7' ? {} : { [LONG]: 'long' }),
    });
    const packed = pipe(context, ['tar', '-C', directory, `--format=${format}`, '--sort=name', '-cf', '-', '.']);
    const lines = await listArchive(packed, URL);
    expect(lines).toContain('file 0644 a/b: x');
    expect(lines).toContain('symlink a/c -> b');
    if (format !== 'v7') expect(lines).toContain(`file 0644 ${LONG}: long`);
  });

  test('pax records: a long path, a path with a line break, an umlaut, a time', async () => {
    const name = `${'ä/'.repeat(200)}line\nbreak`;
    const packed = makeTar([
      { name: 'pax_global_header', type: 'g', content: makePax({ comment: 'c0ffee' }) },
      { name: 'x', type: 'x', content: makePax({ path: name, mtime: '1234.5' }) },
      { name: 'short', content: 'x' },
      { name: 'next', content: 'y' },
    ]);
    expect(await listArchive(packed, URL)).toEqual([`file 0644 ${name}: x`, 'file 0644 next: y']);
  });

  test.each([
    ['a device', { name: 'dev/null', type: '3' }, 'its entry "dev/null" is a device'],
    ['a block device', { name: 'sda', type: '4' }, 'is a device'],
    ['a FIFO', { name: 'pipe', type: '6' }, 'is a FIFO'],
    ['a GNU sparse file', { name: 'image', type: 'S' }, 'is a sparse file, which is not supported'],
    [
      'a pax sparse file',
      { name: 'x', type: 'x', content: makePax({ 'GNU.sparse.major': '1', path: 'image' }) },
      '"image" is a sparse file',
    ],
    ['an unknown kind', { name: 'what', type: 'Z' }, 'of a kind that is not supported'],
    ['no name', { name: '' }, 'has no name'],
    ['a NUL', { name: 'x', type: 'x', content: makePax({ path: 'a\0b' }) }, 'has a NUL in its name'],
    ['a link without a target', { name: 'l', type: '2' }, 'is a link to nowhere'],
  ])('with %s is refused', async (_, entry, message) => {
    await expect(listArchive(makeTar([entry, { name: 'more' }]), URL)).rejects.toThrow(message);
  });

  test('with a name in Latin-1 is refused', async () => {
    const packed = makeTar([{ name: 'caf?' }]);
    packed[3] = 0xe9;
    packed.write(
      `${(Number.parseInt(packed.toString('latin1', 148, 154), 8) + 0xe9 - 0x3f).toString(8).padStart(6, '0')}\0 `,
      148,
    );
    await expect(listArchive(packed, URL)).rejects.toThrow('has a name that is not UTF-8');
  });

  test.each([
    ['in a file', makeTar([{ name: 'a', content: 'x'.repeat(2000) }]).subarray(0, 1500)],
    ['in a header', makeTar([{ name: 'a' }, { name: 'b' }]).subarray(0, 700)],
    ['in the padding of a file', makeTar([{ name: 'a', content: 'x' }]).subarray(0, 600)],
    ['after an extended header', makeTar([{ name: 'x', type: 'x', content: makePax({ path: 'y' }) }], false)],
    ['with a bad header', Buffer.concat([makeTar([{ name: 'a' }], false), Buffer.alloc(512, 'x')])],
    ['with a bad pax header', makeTar([{ name: 'x', type: 'x', content: '99 path=a\n' }, { name: 'a' }])],
    ['with a huge pax header', makeTar([{ name: 'x', type: 'x', size: 2 ** 30 }, { name: 'a' }])],
  ])('cut or damaged: %s', async (_, bytes) => {
    await expect(listArchive(bytes, URL)).rejects.toThrow('the archive is damaged or cut short');
  });
});

describe('a zip archive', () => {
  test('made by zip', async (context) => {
    const directory = layOut(temporaryDirectory(), { 'a/b': 'text '.repeat(5), 'a/c': { link: 'b' }, d: undefined });
    const archive = join(temporaryDirectory(), 'a.zip');
    pipe(context, ['zip', '-qry', archive, '.'], '', directory);
    expect((await listArchive(readFileSync(archive), URL)).sort()).toEqual([
      'directory 0755 a',
      'directory 0755 d',
      `file 0644 a/b: ${'text '.repeat(5)}`,
      'symlink a/c -> b',
    ]);
  });

  test('modes and kinds', async () => {
    const packed = makeZip([
      { name: 'dos', content: 'x' },
      { name: 'dos-dir/' },
      { name: 'set-id', content: 'x', unixMode: 0o104755 },
      { name: 'no-type', content: 'x', unixMode: 0o600 },
      { name: 'dir/', unixMode: 0o040700 },
      { name: 'link', content: '../x', unixMode: 0o120777 },
      { name: 'back\\slash', content: 'x' },
    ]);
    expect(await listArchive(packed, URL)).toEqual([
      'file 0644 dos: x',
      'directory 0755 dos-dir',
      'file 0755 set-id: x',
      'file 0600 no-type: x',
      'directory 0700 dir',
      'symlink link -> ../x',
      'file 0644 back/slash: x',
    ]);
  });

  test('without entries', async () => {
    expect(await listArchive(makeZip([]), URL)).toEqual([]);
  });

  test.each([
    ['an absolute name', { name: '/etc/passwd' }, 'its entry "/etc/passwd" leads out of the destination'],
    ['..', { name: 'a/../../b' }, 'its entry "a/../../b" leads out'],
    ['.. by backslash', { name: '..\\b' }, 'leads out'],
    ['a drive', { name: 'C:/x' }, 'leads out'],
    ['a NUL', { name: 'a\0b' }, 'has a NUL in its name'],
    ['no name', { name: '' }, 'has no name'],
    ['a FIFO', { name: 'pipe', unixMode: 0o010644 }, 'is a device, FIFO or socket'],
    ['a device', { name: 'null', unixMode: 0o020644 }, 'is a device, FIFO or socket'],
    ['a socket', { name: 'sock', unixMode: 0o140644 }, 'is a device, FIFO or socket'],
    ['a password', { name: 'secret', content: 'x'.repeat(20), flags: 1, method: 8 }, 'the zip archive is encrypted'],
    ['another method', { name: 'a', method: 14 }, 'a method that is not supported (14'],
    ['a bad checksum', { name: 'a', content: 'x', crc: 1 }, 'bad checksum of "a"'],
    ['bad deflated data', { name: 'a', content: '\xff\xff\xff', method: 8 }, 'damaged or cut short'],
  ])('with %s is refused', async (_, entry, message) => {
    await expect(listArchive(makeZip([entry]), URL)).rejects.toThrow(message);
  });

  test('whose zip64 directory lies out of the file is refused', async () => {
    const locator = Buffer.alloc(20, 0xff);
    locator.writeUInt32LE(0x07064b50);
    const packed = makeZip([{ name: 'a', content: 'x' }]);
    const bad = Buffer.concat([packed.subarray(0, -22), locator, packed.subarray(-22)]);
    await expect(listArchive(bad, URL)).rejects.toThrow('damaged or cut short');
  });

  test.each([0.2, 0.6, 0.99])('cut at %s is refused', async (part) => {
    const packed = makeZip([
      { name: 'a', content: 'x'.repeat(3000) },
      { name: 'b', content: 'y' },
    ]);
    await expect(listArchive(packed.subarray(0, Math.floor(packed.length * part)), URL)).rejects.toThrow(
      'damaged or cut short',
    );
  });
});

describe('a single packed file', () => {
  test.for(Object.entries(packers))('packed by %s', async ([, command], context) => {
    expect(await listArchive(pipe(context, command, 'some notes'), 'https://h/notes.txt.packed')).toEqual([
      'file 0644 notes.txt.packed: some notes',
    ]);
  });

  test.each([
    ['https://h/x/notes.txt.gz?sig=1', 'notes.txt'],
    ['/srv/notes.gz', 'notes'],
  ])('%s', async (url, name) => {
    expect(await listArchive(gzipSync('some notes'), url)).toEqual([`file 0644 ${name}: some notes`]);
    expect(await listArchive(gzipSync(''), url)).toEqual([`file 0644 ${name}: `]);
  });

  test('cut short is refused', async () => {
    await expect(listArchive(gzipSync('some notes').subarray(0, -4), 'https://h/n.gz')).rejects.toThrow(
      'damaged or cut short',
    );
  });

  test('called a tar is refused', async () => {
    await expect(listArchive(gzipSync('<html>'), 'https://h/a.tar.gz')).rejects.toThrow(
      'no tar archive inside: it looks like an HTML page',
    );
  });
});

describe('what is no archive', () => {
  test.each([
    ['<!doctype html><h1>404</h1>', 'neither a tar nor a zip archive: it looks like an HTML page'],
    ['', 'it is empty'],
    ['just text', 'it looks like text'],
  ])('%j', async (text, message) => {
    await expect(listArchive(Buffer.from(text), URL)).rejects.toMatchObject({
      message: expect.stringContaining(message),
      where: 'https://h/a.tar.gz',
    });
  });

  test('a file that is not there', async () => {
    const { readArchive } = await import('../../../../src/system/archive/read.ts');
    const path = join(temporaryDirectory(), 'none');
    await expect(readArchive(path, URL).next()).rejects.toMatchObject({ message: 'cannot read', where: path });
  });
});

describe('limits', () => {
  const bytes = { bytes: 20_000, entries: 10 };
  test.each([
    ['a packed file', gzipSync(Buffer.alloc(30_000)), 'https://h/zeros.gz', 'more than 20000 bytes'],
    ['a tar', gzipSync(makeTar([{ name: 'a', content: Buffer.alloc(30_000) }])), URL, 'more than 20000 bytes'],
    [
      'a zip',
      makeZip([
        { name: 'a', content: 'x'.repeat(15_000) },
        { name: 'b', content: 'x'.repeat(15_000) },
      ]),
      URL,
      'more than 20000 bytes',
    ],
    ['zeros after a tar', gzipSync(Buffer.concat([tar, Buffer.alloc(30_000)])), URL, 'more than 20000 bytes'],
    ['many entries', makeTar(Array.from({ length: 11 }, (_, at) => ({ name: `f${at}` }))), URL, 'more than 10 entries'],
    [
      'many zip entries',
      makeZip(Array.from({ length: 11 }, (_, at) => ({ name: `f${at}` }))),
      URL,
      'more than 10 entries',
    ],
  ])('%s', async (_, archive, url, message) => {
    await expect(listArchive(archive, url, bytes)).rejects.toThrow(message);
  });
});

test('bytes after the archive file is closed are not read', async () => {
  const path = join(temporaryDirectory(), 'a');
  writeFileSync(path, tar);
  const { readArchive } = await import('../../../../src/system/archive/read.ts');
  const reading = readArchive(path, URL);
  expect((await reading.next()).value).toMatchObject({ kind: 'directory' });
  expect(await reading.return(undefined)).toEqual({ done: true, value: undefined });
});
