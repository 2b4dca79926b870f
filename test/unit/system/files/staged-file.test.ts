import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { temporaryRoot, us } from '../../temporary-root.ts';

const attributes = { mode: 0o644, ...us };

describe('stage', () => {
  it('shows nothing before commit, and nothing but the file after it', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'old');
    const staged = files.stage('/a');
    staged.write(Buffer.from('new '));
    staged.write(Buffer.from('content'));
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('old');
    expect(readFileSync(staged.path, 'utf8')).toBe('new content');
    expect(statSync(staged.path).mode & 0o777).toBe(0o600);
    staged.commit(attributes);
    staged.discard();
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('new content');
    expect(files.names('/')).toEqual(['a']);
  });

  it('is hidden while it is made', () => {
    const { files } = temporaryRoot();
    const staged = files.stage('/conf.d/a');
    expect(files.names('/conf.d').every((name) => name.startsWith('.'))).toBe(true);
    staged.discard();
  });

  it('leaves nothing when it is discarded', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'old');
    const staged = files.stage('/a');
    staged.write(Buffer.from('new'));
    staged.discard();
    staged.discard();
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('old');
    expect(files.names('/')).toEqual(['a']);
  });

  it('starts over', () => {
    const { root, files } = temporaryRoot();
    const staged = files.stage('/a');
    staged.write(Buffer.from('a long first attempt'));
    staged.restart();
    staged.write(Buffer.from('second'));
    staged.commit(attributes);
    staged.discard();
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('second');
  });

  it('takes large content in pieces', () => {
    const { root, files } = temporaryRoot();
    const staged = files.stage('/a');
    const piece = Buffer.alloc(300_000, 'x');
    for (let index = 0; index < 10; index++) staged.write(piece);
    staged.commit(attributes);
    staged.discard();
    expect(statSync(`${root}/a`).size).toBe(3_000_000);
  });

  it('of two files at a time works', () => {
    const { root, files } = temporaryRoot();
    const [one, other] = [files.stage('/a'), files.stage('/b')];
    one.write(Buffer.from('1'));
    other.write(Buffer.from('2'));
    other.commit(attributes);
    one.commit(attributes);
    for (const staged of [one, other]) staged.discard();
    expect(readFileSync(`${root}/a`, 'utf8') + readFileSync(`${root}/b`, 'utf8')).toBe('12');
  });
});

describe('what a killed run left', () => {
  /** The id of a process that has ended. */
  const ended = spawnSync('true').pid;

  it('is swept when the file is written again', () => {
    const { root, files } = temporaryRoot();
    files.stage('/a');
    // Had this process been killed here, its temporary file would now have the id of an ended process in its name.
    const [name = ''] = files.names('/');
    expect(name).toMatch(new RegExp(`^\\.a\\.cfntools-${process.pid}-[0-9a-z]+$`));
    writeFileSync(`${root}/${name.replace(String(process.pid), String(ended))}`, 'stale');
    writeFileSync(`${root}/.a.cfntools-${ended}`, 'as version 0.1 named it');
    files.write('/a', Buffer.from('x'), attributes);
    expect(files.names('/')).toEqual(['a']);
  });

  it('is swept for thousands of files by one look at their directory, and by another when one is written again', () => {
    const { root, files } = temporaryRoot();
    const left = (name: string): void => writeFileSync(`${root}/.${name}.cfntools-${ended}-abc`, 'stale');
    left('a');
    left('b');
    files.write('/a', Buffer.from('x'), attributes);
    expect(files.names('/')).toEqual([`.b.cfntools-${ended}-abc`, 'a']);
    left('late');
    files.write('/b', Buffer.from('x'), attributes);
    files.sweep('/late');
    expect(files.names('/')).toEqual([`.late.cfntools-${ended}-abc`, 'a', 'b']);
    files.sweep('/late');
    expect(files.names('/')).toEqual(['a', 'b']);
  });

  it('is swept whatever its name has in it', () => {
    const { root, files } = temporaryRoot();
    const names = ['a.cfntools-1', 'a\nb', '.hidden'];
    for (const name of names) writeFileSync(`${root}/.${name}.cfntools-${ended}-abc`, 'stale');
    for (const name of names) {
      files.write(`/${name}`, Buffer.from('x'), attributes);
      files.remove(`/${name}`);
    }
    expect(files.names('/')).toEqual([]);
  });

  it('is left alone while its process runs, and for other files', () => {
    const { root, files } = temporaryRoot();
    const staged = files.stage('/a');
    const [name = ''] = files.names('/');
    staged.discard();
    const running = name.replace(String(process.pid), '1');
    const another = name.replace('a', 'b').replace(String(process.pid), String(ended));
    writeFileSync(`${root}/${running}`, 'running');
    writeFileSync(`${root}/${another}`, 'another');
    files.write('/a', Buffer.from('x'), attributes);
    expect(files.names('/')).toEqual([another, running, 'a'].sort());
  });
});

describe('names that somebody else may choose', () => {
  it('cannot be foreseen', () => {
    const { files } = temporaryRoot();
    const names = [files.stage('/a'), files.stage('/b')].map((staged, index) => {
      const [name = ''] = files.names('/').filter((candidate) => candidate.startsWith(index === 0 ? '.a' : '.b'));
      staged.discard();
      return name.slice(3);
    });
    expect(names[0]).not.toBe(names[1]);
  });

  it('a file that takes the place of a staged one is neither read nor removed with what is in it', () => {
    const { root, files } = temporaryRoot();
    const staged = files.stage('/a');
    staged.write(Buffer.from('ours'));
    const [name = ''] = files.names('/');
    renameSync(`${root}/${name}`, `${root}/moved`);
    mkdirSync(`${root}/${name}/precious`, { recursive: true });
    expect(readFileSync(staged.path, 'utf8')).toBe('ours');
    staged.discard();
    expect(existsSync(`${root}/${name}/precious`)).toBe(true);
  });
});

describe('isSame', () => {
  it.each<[mine: string, other: string, isSame: boolean]>([
    ['', '', true],
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'abcd', false],
    ['x'.repeat(200_000), 'x'.repeat(200_000), true],
    [`${'x'.repeat(200_000)}y`, `${'x'.repeat(200_000)}z`, false],
  ])('%.5j and %.5j (%#)', (mine, other, isSame) => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/mine`, mine);
    writeFileSync(`${root}/other`, other);
    expect(files.isSame('/mine', `${root}/other`)).toBe(isSame);
  });

  it('compares with a staged file', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'same');
    const staged = files.stage('/a');
    staged.write(Buffer.from('same'));
    expect(files.isSame('/a', staged.path)).toBe(true);
    staged.write(Buffer.from('r'));
    expect(files.isSame('/a', staged.path)).toBe(false);
    staged.discard();
  });

  it('does not follow a link', () => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/a`, 'x');
    symlinkSync('a', `${root}/link`);
    expect(() => files.isSame('/link', `${root}/a`)).toThrow(Problem);
    expect(existsSync(`${root}/a`)).toBe(true);
  });
});
