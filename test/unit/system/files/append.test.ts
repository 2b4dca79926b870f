import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { project } from '../../../support/binary.ts';
import { run } from '../../../support/process.ts';
import { temporaryRoot } from '../../temporary-root.ts';

const MOST = 100;
const OLD = `${'x'.repeat(MOST)}\n`;
const LOCK = '.a.log.cfntools-rotation';
const bits = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

describe('append with a bound', () => {
  const begin = (content: string) => {
    const { root, files } = temporaryRoot();
    const log = join(root, 'a.log');
    writeFileSync(log, content, { mode: 0o600 });
    return {
      root,
      log,
      append: (text: string) => files.append('/a.log', text, 0o600, MOST),
      content: () => [readFileSync(log, 'utf8'), existsSync(`${log}.1`) && readFileSync(`${log}.1`, 'utf8')],
    };
  };

  it('leaves a file alone that is not over it', () => {
    const { append, content } = begin('x'.repeat(MOST));
    append('y');
    expect(content()).toEqual([`${'x'.repeat(MOST)}y`, false]);
  });

  it('renames one that is over it, over what was renamed before, and begins anew, for the owner alone', () => {
    const { root, log, append, content } = begin(OLD);
    writeFileSync(`${log}.1`, 'older', { mode: 0o644 });
    append('new\n');
    append('more\n');
    expect(content()).toEqual(['new\nmore\n', OLD]);
    expect([bits(log), bits(`${log}.1`)]).toEqual(['600', '600']);
    expect(readdirSync(root).sort()).toEqual(['a.log', 'a.log.1']);
  });

  it('replaces a link that stands at the other name, and does not follow it', () => {
    const { root, log, append } = begin(OLD);
    writeFileSync(join(root, 'victim'), 'mine');
    symlinkSync(join(root, 'victim'), `${log}.1`);
    append('new\n');
    expect(readFileSync(join(root, 'victim'), 'utf8')).toBe('mine');
    expect([lstatSync(`${log}.1`).isFile(), readFileSync(`${log}.1`, 'utf8')]).toEqual([true, OLD]);
  });

  it('follows no link that stands at the name itself, or at that of its lock', () => {
    const { root, log, append, content } = begin(OLD);
    writeFileSync(join(root, 'victim'), OLD);
    symlinkSync(join(root, 'victim'), join(root, LOCK));
    append('new\n');
    expect(content()).toEqual([`${OLD}new\n`, false]);
    expect(readFileSync(join(root, 'victim'), 'utf8')).toBe(OLD);
    expect(readlinkSync(join(root, LOCK))).toBe(join(root, 'victim'));
    const other = temporaryRoot();
    symlinkSync(log, join(other.root, 'a.log'));
    expect(() => other.files.append('/a.log', 'new\n', 0o600, MOST)).toThrow();
    expect(content()[0]).toBe(`${OLD}new\n`);
  });

  it('goes on with the file where it cannot be renamed', () => {
    const { log, append } = begin(OLD);
    mkdirSync(`${log}.1`);
    append('new\n');
    expect(readFileSync(log, 'utf8')).toBe(`${OLD}new\n`);
  });

  it('waits for nobody: while another process is at it the file grows, and a lock that was left is taken away', () => {
    const { root, append, content } = begin(OLD);
    writeFileSync(join(root, LOCK), '');
    append('one\n');
    expect(content()).toEqual([`${OLD}one\n`, false]);
    utimesSync(join(root, LOCK), new Date(), new Date(Date.now() - 120_000));
    append('two\n');
    append('three\n');
    expect(content()).toEqual(['three\n', `${OLD}one\ntwo\n`]);
  });

  it('by several processes at once puts no short file over the long one, and tears no line', async () => {
    const { root, log } = begin('');
    const program = `
      import { createFileSystem } from ${JSON.stringify(join(project, 'src/system/files/file-system.ts'))};
      const files = createFileSystem(${JSON.stringify(root)});
      for (let i = 0; i < 400; i++) {
        files.append('/a.log', \`\${process.pid} \${i} ${'z'.repeat(50)}\\n\`, 0o600, 2000);
      }`;
    const script = join(root, 'append.ts');
    writeFileSync(script, program);
    const ended = await Promise.all([1, 2, 3, 4].map(() => run([process.execPath, script])));
    expect(ended.map(({ code, stderr }) => [code, stderr.replaceAll(/.*Warning.*\n/g, '')])).toEqual(
      ended.map(() => [0, expect.any(String)]),
    );
    for (const path of [log, `${log}.1`])
      for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) expect(line).toMatch(/^\d+ \d+ z{50}$/);
    expect(statSync(`${log}.1`).size).toBeGreaterThan(2000);
    expect(readdirSync(root).sort()).toEqual(['a.log', 'a.log.1', 'append.ts']);
  });
});
