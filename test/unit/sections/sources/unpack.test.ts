import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  layOut,
  makePax,
  makeTar,
  makeZip,
  pipe,
  type TarEntry,
  temporaryDirectory,
} from '../../system/archive/samples.ts';
import { entries, listed, self, URL, unpack } from './unpacking.ts';

const everything = ['bin', 'bin/alias', 'bin/tool', 'share', 'share/doc', 'share/doc/notes', 'share/doc/same'];

describe('unpackArchive', () => {
  test('puts everything in place, with modes, times and links, owned by the running user', async () => {
    const root = temporaryDirectory();
    const umask = process.umask(0o077);
    try {
      expect(await unpack(root, entries)).toEqual({ changed: everything, unchanged: 0 });
    } finally {
      process.umask(umask);
    }
    expect(listed(root)).toEqual([
      'opt/ 755',
      'opt/app/ 755',
      'opt/app/bin/ 750',
      'opt/app/bin/alias -> tool',
      'opt/app/bin/tool 755 tool',
      'opt/app/share/ 755',
      'opt/app/share/doc/ 755',
      'opt/app/share/doc/notes 640 notes',
      'opt/app/share/doc/same 640 notes',
    ]);
    const notes = statSync(join(root, 'opt/app/share/doc/notes'));
    expect(notes.mtimeMs).toBe(1_234_567_890_000);
    expect(notes.ino).toBe(statSync(join(root, 'opt/app/share/doc/same')).ino);
    expect({ uid: notes.uid, gid: notes.gid }).toEqual(self);
  });

  test('a second time changes nothing', async () => {
    const root = temporaryDirectory();
    await unpack(root, entries);
    const before = lstatSync(join(root, 'opt/app/bin/tool'));
    expect(await unpack(root, entries)).toEqual({ changed: [], unchanged: 4 });
    expect(lstatSync(join(root, 'opt/app/bin/tool')).ino).toBe(before.ino);
  });

  test('what differs in content, mode, kind or target is replaced', async () => {
    const root = temporaryDirectory();
    await unpack(root, entries);
    const app = join(root, 'opt/app');
    writeFileSync(join(app, 'bin/tool'), 'TOOL');
    chmodSync(join(app, 'share/doc/notes'), 0o600);
    expect(await unpack(root, [...entries, { name: 'bin/alias', type: '2', target: './tool' }])).toEqual({
      changed: ['bin/alias', 'bin/tool', 'share/doc/notes', 'share/doc/same'],
      unchanged: 0,
    });
    expect(readFileSync(join(app, 'bin/tool'), 'utf8')).toBe('tool');
    expect(readlinkSync(join(app, 'bin/alias'))).toBe('./tool');
  });

  test('what was there besides stays, and directories keep owner and mode', async (context) => {
    if (self.uid !== 0) context.skip('only root can give a directory away');
    const root = layOut(temporaryDirectory(), { 'opt/app/bin/other': 'other', 'opt/app/.env': 'x' });
    chmodSync(join(root, 'opt/app/bin'), 0o2771);
    chownSync(join(root, 'opt/app/bin'), 12, 34);
    await unpack(root, entries);
    const bin = statSync(join(root, 'opt/app/bin'));
    expect([bin.mode & 0o7777, bin.uid, bin.gid]).toEqual([0o2771, 12, 34]);
    expect(readFileSync(join(root, 'opt/app/bin/other'), 'utf8')).toBe('other');
    expect(statSync(join(root, 'opt/app/bin/tool')).gid).toBe(self.gid);
  });

  test('a link that stands where a file is to go is replaced, not followed', async () => {
    const root = layOut(temporaryDirectory(), { 'etc/passwd': 'root', 'opt/app/bin/tool': { link: '/etc/passwd' } });
    await unpack(root, entries);
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toBe('root');
    expect(lstatSync(join(root, 'opt/app/bin/tool')).isFile()).toBe(true);
  });

  test('a hard-linked neighbour of a replaced file keeps its content', async () => {
    const root = layOut(temporaryDirectory(), { 'opt/app/bin/tool': 'old' });
    linkSync(join(root, 'opt/app/bin/tool'), join(root, 'kept'));
    await unpack(root, entries);
    expect(readFileSync(join(root, 'kept'), 'utf8')).toBe('old');
  });

  test('a link to a directory inside the destination is gone through', async () => {
    const root = layOut(temporaryDirectory(), { 'usr/lib/x': 'x', lib: { link: 'usr/lib' } });
    expect(
      (
        await unpack(
          root,
          [
            { name: 'lib/', type: '5' },
            { name: 'lib/y', content: 'y' },
          ],
          URL,
          '/',
        )
      ).changed,
    ).toEqual(['lib/y']);
    expect(readFileSync(join(root, 'usr/lib/y'), 'utf8')).toBe('y');
    expect(lstatSync(join(root, 'lib')).isSymbolicLink()).toBe(true);
  });

  test('the destination may be a link to a directory', async () => {
    const root = layOut(temporaryDirectory(), { 'srv/app': undefined, 'opt/app': { link: '/srv/app' } });
    await unpack(root, entries);
    expect(readFileSync(join(root, 'srv/app/bin/tool'), 'utf8')).toBe('tool');
  });

  test('of a file that comes twice the later one counts', async () => {
    const root = temporaryDirectory();
    expect(
      await unpack(root, [
        { name: 'a', content: 'old' },
        { name: 'b', type: '1', target: 'a' },
        { name: 'a', content: 'new' },
      ]),
    ).toMatchObject({ changed: ['a', 'b'] });
    expect(listed(join(root, 'opt/app'))).toEqual(['a 644 new', 'b 644 old']);
  });

  test('a hard link to a link is such a link', async () => {
    const root = temporaryDirectory();
    await unpack(root, [
      { name: 'a', content: 'x' },
      { name: 'l', type: '2', target: 'a' },
      { name: 'm', type: '1', target: 'l' },
    ]);
    expect(readlinkSync(join(root, 'opt/app/m'))).toBe('a');
  });

  test('zip: modes, defaults and links', async () => {
    const root = temporaryDirectory();
    await unpack(
      root,
      makeZip([
        { name: 'plain', content: 'x' },
        { name: 'dir/' },
        { name: 'tool', content: 'x', unixMode: 0o104511 },
        { name: 'closed/', unixMode: 0o040000 },
        { name: 'link', content: 'tool', unixMode: 0o120777 },
      ]),
    );
    expect(listed(join(root, 'opt/app'))).toEqual([
      'closed/ 755',
      'dir/ 755',
      'link -> tool',
      'plain 644 x',
      'tool 711 x',
    ]);
  });

  test('a single packed file', async () => {
    const root = temporaryDirectory();
    expect(await unpack(root, gzipSync('notes'), 'https://h/notes.txt.gz')).toEqual({
      changed: ['notes.txt'],
      unchanged: 0,
    });
    expect(listed(join(root, 'opt/app'))).toEqual(['notes.txt 644 notes']);
  });

  test.for([
    ['tar', '-czf'],
    ['tar', '-cjf'],
    ['tar', '-cJf'],
    ['tar', '--zstd', '-cf'],
  ])('%j', async (command, context) => {
    const root = temporaryDirectory();
    const from = layOut(temporaryDirectory(), { 'a/b': 'x', 'a/l': { link: '../c' }, c: 'y' });
    await unpack(root, pipe(context, [...command, '-', '-C', from, '.']));
    expect(listed(join(root, 'opt/app'))).toEqual(['a/ 755', 'a/b 644 x', 'a/l -> ../c', 'c 644 y']);
  });
});

describe('GitHub archives', () => {
  const packed: readonly TarEntry[] = [
    { name: 'pax_global_header', type: 'g', content: makePax({ comment: 'c0ffee' }) },
    { name: 'owner-repo-c0ffee/', type: '5' },
    { name: 'owner-repo-c0ffee/README', content: 'read me' },
    { name: 'owner-repo-c0ffee/copy', type: '1', target: 'owner-repo-c0ffee/README' },
  ];

  test.each([
    ['http://127.0.0.1:18080/github.com/owner/repo/tarball/main', ['README', 'copy']],
    ['https://h/repo.tar.gz', ['owner-repo-c0ffee', 'owner-repo-c0ffee/README', 'owner-repo-c0ffee/copy']],
  ])('%s', async (url, changed) => {
    expect((await unpack(temporaryDirectory(), gzipSync(makeTar(packed)), url)).changed).toEqual(changed);
  });

  test('a link that stays inside only with the top directory is refused', async () => {
    const url = 'https://github.com/owner/repo/tarball/main';
    const archive = gzipSync(makeTar([...packed, { name: 'owner-repo-c0ffee/up', type: '2', target: '../x' }]));
    await expect(unpack(temporaryDirectory(), archive, url)).rejects.toThrow('"up" is a symbolic link to "../x"');
  });

  test('zipball', async () => {
    const archive = makeZip([{ name: 'r-1/' }, { name: 'r-1/a', content: 'x' }]);
    expect(
      (await unpack(temporaryDirectory(), archive, 'https://api.github.com/repos/o/r/zipball/v1')).changed,
    ).toEqual(['a']);
  });
});
