import { symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ExitCode, Problem } from '../../../../src/errors.ts';
import { machineProblem } from '../../../../src/system/files/file-problem.ts';
import type { FileSystem } from '../../../../src/system/files/file-system.ts';
import { createNotifier } from '../../../../src/system/notify.ts';
import { createExec } from '../../../../src/system/programs/door.ts';
import { temporaryRoot, us } from '../../temporary-root.ts';

const attributes = { mode: 0o644, ...us };

/** What the call threw, or undefined. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the door to files: whatever the path is, it answers or says what is wrong, in one line', () => {
  const doors: readonly [string, (files: FileSystem, path: string) => unknown][] = [
    ['read', (files, path) => files.read(path)],
    ['readIfPresent', (files, path) => files.readIfPresent(path)],
    ['readPieces', (files, path) => files.readPieces(path, () => undefined)],
    ['entry', (files, path) => files.entry(path)],
    ['look', (files, path) => files.look(path)],
    ['version', (files, path) => files.version(path)],
    ['linkTarget', (files, path) => files.linkTarget(path)],
    ['identity', (files, path) => files.identity(path)],
    ['names', (files, path) => files.names(path)],
    ['write', (files, path) => files.write(path, Buffer.from('x'), attributes)],
    ['stage', (files, path) => files.stage(path).discard()],
    ['sweep', (files, path) => files.sweep(path)],
    ['isSame', (files, path) => files.isSame(path, '/etc/passwd')],
    ['isSame, the other', (files, path) => files.isSame('/file', path)],
    ['isSameDirectory', (files, path) => files.isSameDirectory(path, '/')],
    ['isDirectory', (files, path) => files.isDirectory(path)],
    ['writeLink', (files, path) => files.writeLink(path, 'target')],
    ['writeLink, its target', (files, path) => files.writeLink('/link', path)],
    ['setAttributes', (files, path) => files.setAttributes(path, attributes)],
    ['append', (files, path) => files.append(path, 'x', 0o600)],
    ['makeDirectory', (files, path) => files.makeDirectory(path)],
    ['openMadeDirectory', (files, path) => files.openMadeDirectory(path).close()],
    ['openDirectory', (files, path) => files.openDirectory(path).close()],
    ['openScratch', (files, path) => files.openScratch(path, 'test').remove()],
    ['remove', (files, path) => files.remove(path)],
  ];
  const paths: readonly [string, string][] = [
    ['nothing there', '/nothing/there'],
    ['a parent that is a file', '/file/x'],
    ['a link to itself', '/loop'],
    ['below a link to itself', '/loop/x'],
    ['a name that is too long', `/${'n'.repeat(300)}`],
    ['a directory name that is too long', `/${'n'.repeat(300)}/x`],
    ['a path that is too long', '/0123456789'.repeat(600)],
    ['a NUL', '/a\0b'],
    ['a NUL in a directory', '/a\0b/x'],
    ['half a character', '/a\ud800b'],
    ['the root', '/'],
    ['nothing', ''],
    ['no absolute path', 'a/b'],
    ['a directory', '/directory'],
  ];

  it.each(paths)('%s', async (_, path) => {
    const { root, files } = temporaryRoot();
    writeFileSync(`${root}/file`, 'x');
    symlinkSync('loop', `${root}/loop`);
    files.makeDirectory('/directory/x');
    for (const [door, call] of doors) {
      const error = await thrownBy(() => call(files, path));
      if (error === undefined) continue;
      expect(error, door).toBeInstanceOf(Problem);
      const { line, exitCode, where } = error as Problem;
      expect({ door, exitCode, lines: line.split('\n').length, says: line }).toEqual({
        door,
        exitCode: ExitCode.failed,
        lines: 1,
        says: expect.not.stringMatching(/\bE(?:RR_)?[A-Z_]{3,}\b/),
      });
      expect(where, door).not.toBeUndefined();
    }
  });
});

describe('the door to other programs: what keeps one from being started is a problem, and never a bug', () => {
  const exec = createExec({ PATH: '/usr/bin:/bin' });
  const huge = 'x'.repeat(200_000);

  it.each<[string, () => Promise<unknown>, string]>([
    ['query: an argument that is too long', () => exec.query(['true', huge]), 'too long'],
    ['query: too many arguments', () => exec.query(['true', ...Array(40_000).fill('x'.repeat(90))]), 'too long'],
    ['query: a NUL', () => exec.query(['true', 'a\0b']), 'NUL'],
    ['tool: an argument that is too long', () => exec.tool(['true', huge]), 'cannot run true'],
    ['tool: a NUL', () => exec.tool(['true', 'a\0b']), 'cannot run true'],
    ['command: too long', () => exec.command(huge, {}), 'too long'],
    ['command: a NUL', () => exec.command('echo a\0b', {}), 'NUL'],
    ['command: a NUL in the environment', () => exec.command(':', { env: { A: 'a\0b' } }), 'NUL'],
    ['command: an environment that is too long', () => exec.command(':', { env: { A: huge } }), 'too long'],
    ['command: a directory that is too long', () => exec.command(':', { cwd: `/${huge}` }), 'cannot run'],
    ['command: nothing', () => exec.command([''], {}), 'cannot run'],
  ])('%s', async (_, call, says) => {
    const error = await thrownBy(call);
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).line).toContain(says);
    expect((error as Problem).line).not.toContain('\n');
  });

  it('a service manager that cannot be told of it is no failure', async () => {
    const notifier = createNotifier({ PATH: process.env['PATH'], NOTIFY_SOCKET: '/nowhere', HUGE: huge });
    notifier.send(`STATUS=${huge}`);
    await expect(notifier.drain()).resolves.toBeUndefined();
  });
});

describe('what no door has made a problem of', () => {
  const system = (code: string, syscall: string, path?: string) =>
    Object.assign(new Error(code), { code, syscall, path });

  it.each<[string, unknown, string]>([
    ['a full disk', system('ENOSPC', 'write'), 'write failed: no space left on the device'],
    ['a limit', system('EMFILE', 'open', '/a'), 'open failed: /a: too many open files (ulimit -n)'],
    ['a disk that fails', system('EIO', 'read'), 'read failed: the disk is failing (see dmesg)'],
    ['a code that we have no words for', system('EOVERFLOW', 'read'), 'read failed: EOVERFLOW'],
    ['a string that is too long', thrown(() => 'x'.repeat(2 ** 30)), 'Invalid string length'],
    [
      'a text that is too long',
      thrown(() => Buffer.alloc(2 ** 29 + 24).toString('latin1')),
      'Cannot create a string longer',
    ],
  ])('%s', (_, error, line) => {
    const problem = machineProblem(error);
    expect(problem?.line).toContain(line);
    expect(problem?.exitCode).toBe(ExitCode.failed);
  });

  it.each([new TypeError('x is not a function'), new Problem('said already'), 'text', undefined])(
    '%s stays what it is',
    (error) => expect(machineProblem(error)).toBeUndefined(),
  );
});

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
