import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { unpackArchive } from '../../../../src/sections/sources/unpack.ts';
import { createFileSystem } from '../../../../src/system/files/file-system.ts';
import { layOut, makePax, makeTar, pipe, type TarEntry, temporaryDirectory } from '../../system/archive/samples.ts';
import { entries, listed, self, URL, unpack } from './unpacking.ts';

describe('an archive is refused whole', () => {
  const good: readonly TarEntry[] = [
    { name: 'first', content: 'x' },
    { name: 'dir/inner', content: 'y' },
  ];
  const refused: readonly (readonly [what: string, entries: readonly TarEntry[], message: string])[] = [
    ['an absolute name', [{ name: '/etc/cron.d/x' }], '"/etc/cron.d/x" has an absolute name'],
    ['..', [{ name: '../x' }], '"../x" leads out of the destination'],
    ['.. further on', [{ name: 'dir/../../x' }], 'leads out of the destination'],
    ['a file for the destination', [{ name: 'dir/..' }], 'would replace the destination itself'],
    [
      'a link to an absolute path',
      [{ name: 'l', type: '2', target: '/etc/passwd' }],
      '"l" is a symbolic link to "/etc/passwd", which leads out',
    ],
    ['a link up and out', [{ name: 'dir/l', type: '2', target: '../../x' }], '"dir/l" is a symbolic link'],
    [
      'a link out through another',
      [
        { name: 'a/b/t', type: '2', target: '../..' },
        { name: 'l', type: '2', target: 'a/b/t/../x' },
      ],
      '"l" is a symbolic link',
    ],
    [
      'a name through a link',
      [{ name: 'l', type: '2', target: 'dir' }, { name: 'l/x' }],
      '"l/x" goes through "l", which is a symlink',
    ],
    ['a link where a directory is', [{ name: 'dir', type: '2', target: 'first' }], '"dir" is a directory elsewhere'],
    ['a hard link out', [{ name: 'h', type: '1', target: '/etc/passwd' }], '"h" is a hard link to "/etc/passwd"'],
    ['a hard link up and out', [{ name: 'h', type: '1', target: '../first' }], 'which is not in the archive'],
    [
      'a hard link to nothing',
      [{ name: 'h', type: '1', target: 'later' }, { name: 'later' }],
      'which is not in the archive before it',
    ],
    ['a hard link to a directory', [{ name: 'h', type: '1', target: 'dir' }], 'which is not in the archive'],
    [
      'a hard link to a link that leads out from there',
      [
        { name: 'dir/l', type: '2', target: '../first' },
        { name: 'h', type: '1', target: 'dir/l' },
      ],
      '"h" is a symbolic link to "../first"',
    ],
    ['a device', [{ name: 'null', type: '3' }], '"null" is a device'],
    ['a FIFO', [{ name: 'pipe', type: '6' }], '"pipe" is a FIFO'],
    ['a NUL', [{ name: 'x', type: 'x', content: makePax({ path: 'a\0b' }) }, { name: 'a' }], 'has a NUL in its name'],
    ['no name', [{ name: '' }], '"" has no name'],
    [
      'a name that is too long',
      [{ name: 'x', type: 'x', content: makePax({ path: 'n'.repeat(300) }) }, { name: 'a' }],
      'the name is too long',
    ],
    [
      'a path that is too long',
      [{ name: 'x', type: 'x', content: makePax({ path: 'long/'.repeat(820) }) }, { name: 'a' }],
      'the name is too long',
    ],
    [
      'a path that is very deep',
      [{ name: 'x', type: 'x', content: makePax({ path: 'd/'.repeat(20_000) }) }, { name: 'a' }],
      'the name is too long',
    ],
  ];

  test.each(refused)('%s', async (_, bad, message) => {
    const root = layOut(temporaryDirectory(), { 'etc/passwd': 'root' });
    await expect(unpack(root, [...good, ...bad])).rejects.toMatchObject({
      name: 'Problem',
      line: expect.stringContaining(message),
    });
    expect(listed(root)).toEqual(['etc/ 755', 'etc/passwd 644 root']);
  });

  test.each([
    ['cut short', makeTar(good).subarray(0, 1200)],
    ['an HTML page', Buffer.from('<!doctype html>')],
    ['cut short after all entries', gzipSync(makeTar(good)).subarray(0, -3)],
  ])('%s', async (_, archive) => {
    const root = layOut(temporaryDirectory(), { 'opt/app/first': 'old' });
    await expect(unpack(root, archive)).rejects.toMatchObject({ name: 'Problem', where: 'https://h/a.tar' });
    expect(listed(join(root, 'opt/app'))).toEqual(['first 644 old']);
  });
});

describe('what stands at the destination', () => {
  const archive: readonly TarEntry[] = [
    { name: 'a/first', content: 'x' },
    { name: 'b/c', content: 'y' },
    { name: 'l', type: '2', target: 'a' },
  ];
  const conflicts: readonly (readonly [
    what: string,
    tree: Parameters<typeof layOut>[1],
    path: string,
    message: string,
  ])[] = [
    [
      'a directory for a file',
      { 'opt/app/b/c/d': 'x' },
      '/opt/app/b/c',
      'a directory exists where a file of the archive should be',
    ],
    [
      'a directory for a link',
      { 'opt/app/l': undefined },
      '/opt/app/l',
      'a directory exists where a symlink of the archive should be',
    ],
    [
      'a file for a directory',
      { 'opt/app/b': 'x' },
      '/opt/app/b',
      'a file exists where a directory of the archive should be',
    ],
    [
      'a file for the destination',
      { 'opt/app': 'x' },
      '/opt/app',
      'a file exists where the destination of the archive should be',
    ],
    [
      'a link to nothing for the destination',
      { 'opt/app': { link: 'none' } },
      '/opt/app',
      'a symbolic link that does not lead to a directory exists where',
    ],
    [
      'a link to a file for a directory',
      { 'opt/app/x': 'x', 'opt/app/b': { link: 'x' } },
      '/opt/app/b',
      'does not lead to a directory',
    ],
    [
      'a link to nothing for a directory',
      { 'opt/app/b': { link: 'none' } },
      '/opt/app/b',
      'does not lead to a directory',
    ],
    [
      'a link that leads out',
      { 'etc/x': 'x', 'opt/app/b': { link: '../../etc' } },
      '/opt/app/b',
      'a symbolic link on the way leads out of the destination',
    ],
    [
      'an absolute link that leads out',
      { 'etc/x': 'x', 'opt/app/b': { link: '/etc' } },
      '/opt/app/b',
      'leads out of the destination',
    ],
    ['a parent that is a file', { opt: 'x' }, '/opt/app', 'cannot make the directory'],
  ];

  test.each(conflicts)('%s is named before anything changes', async (_, tree, path, message) => {
    const root = layOut(temporaryDirectory(), tree);
    const before = listed(root);
    await expect(unpack(root, archive)).rejects.toMatchObject({
      name: 'Problem',
      where: path,
      message: expect.stringContaining(message),
    });
    expect(listed(root)).toEqual(before);
  });

  test('a FIFO for a file', async (context) => {
    const root = layOut(temporaryDirectory(), { 'opt/app/b': undefined });
    pipe(context, ['mkfifo', join(root, 'opt/app/b/c')]);
    await expect(unpack(root, archive)).rejects.toThrow(
      'a device, FIFO or socket exists where a file of the archive should be',
    );
  });

  test('a link of the archive through one that stands there and leads out', async () => {
    const root = layOut(temporaryDirectory(), { 'opt/app/out': { link: '/etc' } });
    await expect(unpack(root, [{ name: 'l', type: '2', target: 'out/passwd' }])).rejects.toThrow(
      'leads out of the destination',
    );
  });

  test.each(['opt/app', '/opt/../etc', ''])('%j is no destination', async (destination) => {
    await expect(unpack(temporaryDirectory(), archive, URL, destination)).rejects.toThrow(
      'not the absolute path of a directory',
    );
  });
});

describe('the scratch directory', () => {
  const dead = '.cfntools-sources-999999999';

  test('what killed runs left at the destination or above is swept', async () => {
    const root = layOut(temporaryDirectory(), {
      [`opt/${dead}/0`]: 'x',
      [`opt/app/${dead}/0`]: 'x',
      [`opt/.cfntools-sources-${process.ppid}/0`]: 'alive',
    });
    for (const directory of [`opt/${dead}`, `opt/app/${dead}`]) chmodSync(join(root, directory), 0o700);
    await unpack(root, [{ name: 'a' }]);
    expect(readdirSync(join(root, 'opt')).sort()).toEqual([`.cfntools-sources-${process.ppid}`, 'app']);
    expect(readdirSync(join(root, 'opt/app'))).toEqual(['a']);
  });

  test('is not swept where others may look into it: it is none of those that are made here', async () => {
    const root = layOut(temporaryDirectory(), { [`opt/${dead}/0`]: 'x' });
    await unpack(root, [{ name: 'a' }]);
    expect(readdirSync(join(root, 'opt')).sort()).toEqual([dead, 'app']);
  });

  test('is reached by its handle: what takes its place is not touched', () => {
    const root = layOut(temporaryDirectory(), { 'etc/0': 'precious', 'home/user': undefined });
    const files = createFileSystem(root);
    const scratch = files.openScratch('/home/user/app', 'sources');
    const home = join(root, 'home/user');
    const [name = ''] = readdirSync(home);
    renameSync(join(home, name), join(home, 'elsewhere'));
    symlinkSync('../../etc', join(home, name));
    const staged = scratch.stage('archive');
    staged.write(Buffer.from('ours'));
    scratch.link('1', 'target');
    expect(readFileSync(staged.path, 'utf8')).toBe('ours');
    const to = files.openDirectory('/home/user');
    scratch.move('1', to, 'link');
    to.close();
    staged.discard();
    scratch.remove();
    expect(listed(root)).toEqual([
      'etc/ 755',
      'etc/0 644 precious',
      'home/ 755',
      'home/user/ 755',
      `home/user/${name} -> ../../etc`,
      'home/user/elsewhere/ 700',
      'home/user/link -> target',
    ]);
  });

  test.each([5, 5000])('has a free name beside %i others of its pattern', async (count) => {
    const root = layOut(temporaryDirectory(), { opt: undefined });
    for (let index = 0; index < count; index += 1) {
      mkdirSync(join(root, 'opt', `.cfntools-sources-${process.pid + index}`));
      writeFileSync(join(root, 'opt', `.app.cfntools-${process.pid + index}`), '');
    }
    await unpack(root, [{ name: 'a', content: 'x' }]);
    expect(readFileSync(join(root, 'opt/app/a'), 'utf8')).toBe('x');
  });

  test("is not swept when it is a file, a link or somebody else's", async (context) => {
    if (self.uid !== 0) context.skip('only root can give a directory away');
    const root = layOut(temporaryDirectory(), {
      [`opt/${dead}`]: { link: '/etc' },
      'opt/.cfntools-sources-999999998/x': 'x',
      'opt/.cfntools-sources-999999997': 'x',
    });
    chownSync(join(root, 'opt/.cfntools-sources-999999998'), 12, 12);
    await unpack(root, [{ name: 'a' }]);
    expect(readdirSync(join(root, 'opt')).sort()).toEqual([
      '.cfntools-sources-999999997',
      '.cfntools-sources-999999998',
      dead,
      'app',
    ]);
  });

  test.each<[what: string, before: Parameters<typeof layOut>[1], destination: string]>([
    ['a new destination', {}, '/opt/app'],
    ['a new destination beside others', { 'opt/other/file': 'precious' }, '/opt/app/deep'],
    [
      'a new destination behind a link that led nowhere',
      { 'srv/current': { link: 'releases/1' }, 'srv/data/file': 'precious' },
      '/srv/current/data',
    ],
    ['a new destination behind links', { a: { link: 'b/c' }, 'b/c': { link: '../d' }, 'd/file': 'precious' }, '/a/e/f'],
  ])('a merge that fails half way takes back what it made, and no more: %s', async (_, before, destination) => {
    const root = layOut(temporaryDirectory(), before);
    const files = createFileSystem(root);
    let moves = 0;
    const broken = {
      ...files,
      openScratch: (path: string, purpose: string) => {
        const scratch = files.openScratch(path, purpose);
        const move: typeof scratch.move = (...args) => {
          moves += 1;
          if (moves === 4) throw new Error('no space');
          scratch.move(...args);
        };
        return { ...scratch, move };
      },
    };
    const archive = join(temporaryDirectory(), 'a.tar');
    writeFileSync(archive, makeTar(entries));
    const asBefore = listed(root);
    await expect(unpackArchive({ files: broken, self }, { archive, url: URL, destination })).rejects.toThrow(
      'no space',
    );
    expect(moves).toBe(4);
    expect(listed(root)).toEqual(asBefore);
  });

  test('what is aborted while it is unpacked leaves nothing', async () => {
    const root = temporaryDirectory();
    const files = createFileSystem(root);
    const archive = join(temporaryDirectory(), 'a.tar');
    writeFileSync(archive, makeTar(entries));
    const abort = AbortSignal.abort(new Error('stop'));
    const unpacking = unpackArchive({ files, self, abort }, { archive, url: URL, destination: '/opt/app' });
    await expect(unpacking).rejects.toThrow('stop');
    expect(readdirSync(root)).toEqual([]);
  });

  test('a merge that fails at its first file leaves no new destination behind', async () => {
    const root = temporaryDirectory();
    const files = createFileSystem(root);
    const broken = {
      ...files,
      openScratch: (path: string, purpose: string) => ({
        ...files.openScratch(path, purpose),
        move: () => {
          throw new Error('no space');
        },
      }),
    };
    const archive = join(temporaryDirectory(), 'a.tar');
    writeFileSync(archive, makeTar(entries));
    await expect(
      unpackArchive({ files: broken, self }, { archive, url: URL, destination: '/opt/app' }),
    ).rejects.toThrow('no space');
    expect(readdirSync(root)).toEqual([]);
  });

  test('on another file system files are copied in', async (context) => {
    const other = '/dev/shm';
    const root = temporaryDirectory();
    if (!existsSync(other) || statSync(other).dev === statSync(root).dev)
      context.skip('there is no second file system');
    const scratch = createFileSystem(root).openScratch('/', 'sources');
    const target = join(other, `cfntools-test-${process.pid}`);
    mkdirSync(target);
    const files = createFileSystem(target);
    const directory = files.openDirectory('/');
    try {
      await scratch.write(
        '0',
        (async function* () {
          yield Buffer.from('x');
        })(),
        { ...self, mode: 0o750 },
        new Date(1_000_000_000_000),
      );
      scratch.link('1', 'file');
      symlinkSync('old', join(target, 'link'));
      scratch.move('0', directory, 'file');
      scratch.move('1', directory, 'link');
      expect(listed(target)).toEqual(['file 750 x', 'link -> file']);
      expect(statSync(join(target, 'file')).mtimeMs).toBe(1_000_000_000_000);
    } finally {
      directory.close();
      scratch.remove();
      rmSync(target, { recursive: true });
    }
    expect(readdirSync(root)).toEqual([]);
  });
});
