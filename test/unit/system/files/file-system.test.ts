import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { temporaryRoot, us } from '../../temporary-root.ts';

const attributes = { mode: 0o644, ...us };
const bits = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('no problem');
}

function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => {
    process.umask(before);
  });
}

describe('read', () => {
  it('gives bytes', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, Buffer.from([0, 255, 10]));
    expect(files.read('/a')).toEqual(Buffer.from([0, 255, 10]));
    expect(files.readIfPresent('/a')?.length).toBe(3);
  });

  it('gives a large file piece by piece, through a link as well', () => {
    const { root, files } = temporaryRoot();
    const content = Buffer.alloc(300_000, 'some text');
    writeFileSync(`${root}/a`, content);
    symlinkSync('/a', `${root}/link`);
    for (const path of ['/a', '/link']) {
      const pieces: Buffer[] = [];
      files.readPieces(path, (piece) => pieces.push(piece));
      expect(Buffer.concat(pieces).equals(content)).toBe(true);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100_000);
    }
  });

  it('refuses what is too large', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'x'.repeat(100));
    expect(files.read('/a', 100).length).toBe(100);
    expect(problemOf(() => files.read('/a', 99)).line).toMatch(/larger than 99 bytes.*\/a/);
  });

  it.each(['/none', '/none/none', '/file/none'])('%s is not there', (path) => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/file`, '');
    expect(files.readIfPresent(path)).toBeUndefined();
    expect(files.entry(path)).toBeUndefined();
    expect(problemOf(() => files.read(path)).line).toContain(path);
  });

  it.each(['relative', '', '/', '/..', '/a/.'])('%j is no path of a file', (path) => {
    expect(problemOf(() => temporaryRoot().files.read(path)).exitCode).toBe(1);
  });

  it('does not read directories', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/d`);
    expect(problemOf(() => files.readIfPresent('/d')).line).toContain('/d');
  });

  it('does not wait for a FIFO', (ctx) => {
    const { root, files } = temporaryRoot();
    if (spawnSync('mkfifo', [`${root}/fifo`]).status !== 0) ctx.skip('no mkfifo here');
    expect(problemOf(() => files.read('/fifo')).line).toMatch(/not a regular file.*\/fifo/);
  });
});

describe('below the root', () => {
  it('links are resolved inside it', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/real/deep`, { recursive: true });
    writeFileSync(`${root}/real/deep/a`, 'inside');
    symlinkSync('real', `${root}/relative`);
    symlinkSync('/real/deep', `${root}/absolute`);
    symlinkSync('../../../../real/deep/a', `${root}/real/deep/up`);
    symlinkSync('absolute/a', `${root}/file`);
    for (const path of ['/relative/deep/a', '/absolute/a', '/real/deep/up', '/file', '/absolute/../deep/a'])
      expect(files.read(path).toString(), path).toBe('inside');
  });

  it.each(['/../a', '/../../../../a', '/d/../../a', '/d/../../../d/../a'])('%s stays there', (path) => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/d`);
    writeFileSync(`${root}/a`, 'inside');
    expect(files.read(path).toString()).toBe('inside');
  });

  it('an absolute link does not lead out, for writing either', () => {
    const outside = temporaryRoot().root;
    const { root, files } = temporaryRoot();
    symlinkSync(outside, `${root}/link`);
    files.write('/link/file', Buffer.from('x'), attributes);
    expect(existsSync(`${outside}/file`)).toBe(false);
    expect(readFileSync(`${root}${outside}/file`, 'utf8')).toBe('x');
  });

  it('links in a circle end', () => {
    const { root, files } = temporaryRoot();
    symlinkSync('/b', `${root}/a`);
    symlinkSync('/a', `${root}/b`);
    expect(problemOf(() => files.read('/a')).line).toMatch(/links/);
    expect(problemOf(() => files.write('/a/x', Buffer.from(''), attributes)).line).toMatch(/links/);
  });

  it('a link that a stranger planted is not followed', (ctx) => {
    if (us.uid !== 0) ctx.skip('only root can make a link of another user');
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/tmp`);
    chmodSync(`${root}/tmp`, 0o1777);
    mkdirSync(`${root}/etc`);
    writeFileSync(`${root}/etc/shadow`, 'secret');
    symlinkSync('/etc', `${root}/tmp/directory`);
    symlinkSync('/etc/shadow', `${root}/tmp/file`);
    for (const name of ['directory', 'file']) lchownSync(`${root}/tmp/${name}`, 65534, 65534);
    expect(problemOf(() => files.read('/tmp/file')).line).toMatch(/another user planted/);
    expect(problemOf(() => files.read('/tmp/directory/shadow')).line).toMatch(/another user planted/);
    expect(problemOf(() => files.write('/tmp/directory/x', Buffer.from(''), attributes)).line).toMatch(/planted/);
    expect(existsSync(`${root}/etc/x`)).toBe(false);
  });

  it('our own link in such a directory is followed', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/tmp`);
    chmodSync(`${root}/tmp`, 0o1777);
    writeFileSync(`${root}/a`, 'x');
    symlinkSync('/a', `${root}/tmp/mine`);
    expect(files.read('/tmp/mine').toString()).toBe('x');
  });
});

describe('write', () => {
  it.each([0o000, 0o022, 0o077, 0o177])('gives the mode whatever the umask %o', (mask) => {
    const { root, files } = temporaryRoot();
    withUmask(mask);
    files.write('/new/deep/file', Buffer.from('content'), { ...attributes, mode: 0o664 });
    expect(readFileSync(`${root}/new/deep/file`, 'utf8')).toBe('content');
    expect(bits(`${root}/new/deep/file`)).toBe('664');
    expect(bits(`${root}/new`)).toBe('755');
    expect(bits(`${root}/new/deep`)).toBe('755');
  });

  it.each([0o400, 0o600, 0o4755, 0o2750, 0o1777, 0o000])('mode %o', (mode) => {
    const { root, files } = temporaryRoot();
    files.write('/file', Buffer.from('x'), { ...attributes, mode });
    expect(files.entry('/file')).toMatchObject({ kind: 'file', mode, size: 1, ...us });
    expect(bits(`${root}/file`)).toBe(mode.toString(8));
  });

  it('gives the owner, and keeps set-id bits then', (ctx) => {
    if (us.uid !== 0) ctx.skip('only root can give files away');
    const { files } = temporaryRoot();
    files.write('/file', Buffer.from('x'), { mode: 0o4750, uid: 65534, gid: 65534 });
    expect(files.entry('/file')).toMatchObject({ mode: 0o4750, uid: 65534, gid: 65534 });
  });

  it('puts a new file in the place of the old one', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'old and longer');
    const old = statSync(`${root}/a`).ino;
    files.write('/a', Buffer.from('new'), attributes);
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('new');
    expect(statSync(`${root}/a`).ino).not.toBe(old);
    expect(files.names('/')).toEqual(['a']);
  });

  it('replaces a link and does not follow it', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/target`, 'mine');
    symlinkSync('target', `${root}/link`);
    files.write('/link', Buffer.from('new'), attributes);
    expect(readFileSync(`${root}/target`, 'utf8')).toBe('mine');
    expect(files.entry('/link')?.kind).toBe('file');
  });

  it('does not write into a FIFO that stands there', (ctx) => {
    const { root, files } = temporaryRoot();
    if (spawnSync('mkfifo', [`${root}/fifo`]).status !== 0) ctx.skip('no mkfifo here');
    files.write('/fifo', Buffer.from('x'), attributes);
    expect(files.entry('/fifo')?.kind).toBe('file');
  });

  it.each(['write', 'writeLink'] as const)('%s says when a directory is in the way', (how) => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/d/e`, { recursive: true });
    const work = (): unknown =>
      how === 'write' ? files.write('/d', Buffer.from(''), attributes) : files.writeLink('/d', 'x');
    expect(problemOf(work).line).toMatch(/directory already exists there.*\/d/);
    expect(existsSync(`${root}/d/e`)).toBe(true);
    expect(files.names('/')).toEqual(['d']);
  });

  it('says when a file stands where a parent should be', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/file`, '');
    expect(problemOf(() => files.write('/file/x', Buffer.from(''), attributes)).line).toMatch(/\/file\/x.*directory/);
  });

  it.each([`/${'n'.repeat(255)}`, `/${'ü'.repeat(127)}`, '/ %s\n"', '/.hidden'])('takes the name %.20j', (path) => {
    const { root, files } = temporaryRoot();
    files.write(path, Buffer.from('x'), attributes);
    expect(readFileSync(root + path, 'utf8')).toBe('x');
  });
});

describe('links', () => {
  it.each(['target', '/a/b', '../x', 'with space', '/nowhere/at/all'])('lead to %j', (target) => {
    const { root, files } = temporaryRoot();
    files.writeLink('/some/where/link', target);
    expect(readlinkSync(`${root}/some/where/link`)).toBe(target);
    expect(files.linkTarget('/some/where/link')).toBe(target);
    expect(files.entry('/some/where/link')?.kind).toBe('symlink');
  });

  it('replace links and files', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'x');
    files.writeLink('/a', 'b');
    files.writeLink('/a', 'c');
    expect(files.linkTarget('/a')).toBe('c');
    expect(files.names('/')).toEqual(['a']);
  });
});

describe('directories, attributes, appending, removing', () => {
  it('says whether a directory was made', () => {
    const { root, files } = temporaryRoot();
    withUmask(0o077);
    mkdirSync(`${root}/a`);
    expect(files.makeDirectory('/a/b//c/')).toBe(true);
    expect(files.makeDirectory('/a/b/c')).toBe(false);
    expect(bits(`${root}/a/b/c`)).toBe('755');
    expect(bits(`${root}/a`)).toBe('700');
  });

  it('makes a private directory so from its first moment, and leaves one that is there', () => {
    const { root, files } = temporaryRoot();
    withUmask(0o277);
    files.makePrivateDirectory('/a/b/c/.');
    expect([bits(`${root}/a/b`), bits(`${root}/a/b/c`)]).toEqual(['755', '700']);
    files.makePrivateDirectory('/a/b');
    expect(bits(`${root}/a/b`)).toBe('755');
  });

  it('removes just the directories that were made, behind a link that led nowhere as well', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/srv/other`, { recursive: true });
    symlinkSync('releases/1', `${root}/srv/current`);
    const made = files.openMadeDirectory('/srv/current/data/deep');
    expect(made.isNew).toBe(true);
    expect(existsSync(`${root}/srv/releases/1/data/deep`)).toBe(true);
    made.removeMade();
    made.close();
    expect(files.names('/srv')).toEqual(['current', 'other']);
  });

  it('does not remove a directory that was made and that somebody uses', () => {
    const { root, files } = temporaryRoot();
    const made = files.openMadeDirectory('/a/b/c');
    writeFileSync(`${root}/a/b/mine`, '');
    made.removeMade();
    made.close();
    expect(files.names('/a')).toEqual(['b']);
    expect(files.names('/a/b')).toEqual(['mine']);
  });

  it('leaves no directory behind when the last one cannot be made', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/a`);
    expect(problemOf(() => files.makeDirectory(`/a/b/${'n'.repeat(256)}`)).line).toMatch(/too long/);
    expect(files.names('/a')).toEqual([]);
  });

  it('changes the mode of files and directories, but not through a link', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/file`, '', { mode: 0o600 });
    mkdirSync(`${root}/d`);
    symlinkSync('file', `${root}/link`);
    files.setAttributes('/d', { ...us, mode: 0o2750 });
    expect(bits(`${root}/d`)).toBe('2750');
    expect(() => files.setAttributes('/link', { ...us, mode: 0o666 })).toThrow(Problem);
    expect(bits(`${root}/file`)).toBe('600');
    files.setAttributes('/file', { ...us, mode: 0o640 });
    expect(bits(`${root}/file`)).toBe('640');
  });

  it('appends, and takes rights away that are too wide', () => {
    const { root, files } = temporaryRoot();
    files.append('/log', 'one\n', 0o600);
    expect(bits(`${root}/log`)).toBe('600');
    chmodSync(`${root}/log`, 0o644);
    files.append('/log', 'two\n', 0o600);
    expect(readFileSync(`${root}/log`, 'utf8')).toBe('one\ntwo\n');
    expect(bits(`${root}/log`)).toBe('600');
  });

  it('appends through a link that nobody else can change, and through no other', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/var/elsewhere`, { recursive: true });
    symlinkSync('elsewhere/log', `${root}/var/log`);
    files.append('/var/log', 'one\n', 0o600);
    files.append('/var/log', 'two\n', 0o600);
    expect(readFileSync(`${root}/var/elsewhere/log`, 'utf8')).toBe('one\ntwo\n');
    expect(bits(`${root}/var/elsewhere/log`)).toBe('600');
    mkdirSync(`${root}/shared`);
    chmodSync(`${root}/shared`, 0o775);
    writeFileSync(`${root}/precious`, 'x');
    symlinkSync('../precious', `${root}/shared/log`);
    expect(problemOf(() => files.append('/shared/log', 'y', 0o600)).line).toMatch(
      /^cannot write: will not follow the symbolic link: \/shared\/log: users other than root can change it/,
    );
    expect(readFileSync(`${root}/precious`, 'utf8')).toBe('x');
    symlinkSync('loop', `${root}/loop`);
    expect(() => files.append('/loop', 'y', 0o600)).toThrow(Problem);
  });

  it('appends to the file that has the name, also when that was renamed or removed a moment ago', async () => {
    const { root, files } = temporaryRoot();
    files.append('/log', 'one\n', 0o600);
    rmSync(`${root}/log`);
    files.append('/log', 'two\n', 0o600);
    expect(readFileSync(`${root}/log`, 'utf8')).toBe('two\n');
    renameSync(`${root}/log`, `${root}/log.1`);
    await new Promise((resolve) => setTimeout(resolve, 600));
    files.append('/log', 'three\n', 0o600);
    expect(readFileSync(`${root}/log`, 'utf8')).toBe('three\n');
  });

  it('removes a file or a link, not what a link leads to, and no directory', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(`${root}/d/e`, { recursive: true });
    writeFileSync(`${root}/d/e/f`, '');
    symlinkSync('d', `${root}/link`);
    files.remove('/link');
    files.remove('/none');
    expect(problemOf(() => files.remove('/d')).line).toMatch(/cannot remove: \/d/);
    expect(existsSync(`${root}/d/e/f`)).toBe(true);
    files.remove('/d/e/f');
    expect(files.names('/d/e')).toEqual([]);
    expect(files.names('/')).toEqual(['d']);
  });

  it('lists names in order', () => {
    const { root, files } = temporaryRoot();
    for (const name of ['b', 'a', '.c']) writeFileSync(`${root}/${name}`, '');
    expect(files.names('/')).toEqual(['.c', 'a', 'b']);
    expect(() => files.names('/none')).toThrow(Problem);
  });
});
