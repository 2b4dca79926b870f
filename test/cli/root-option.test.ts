import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary, binaryDirectory, project } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, complaints, metadata, summary } from '../support/cfn-init.ts';
import { isRoot, useMachine } from '../support/use-machine.ts';

const machine = useMachine();
const ROOT_USER = 'root:x:0:0::/root:/bin/sh\n';
let count = 0;

function newPlace(): string {
  const place = join(machine().shared, `place-${count++}`);
  mkdirSync(place);
  return place;
}

const files: ConfigDocument = { files: { '/a': { content: 'x' } } };
const apply = (root: string, document = files, cwd = '/') => cfnInit(machine(), document, ['--root', root], { cwd });
const states = ({ stdout }: { stdout: string }): string[] =>
  [...stdout.matchAll(/^\w+ +(changed|skipped|failed) +(\S+)/gm)].map(([, state, name]) => `${name} ${state}`);

describe('the commands to try it', () => {
  const printed = (path: string, pattern: RegExp): string =>
    pattern
      .exec(readFileSync(join(project, path), 'utf8'))?.[1]
      ?.replaceAll('\\-', '-')
      .replaceAll('\\(aq', "'") ?? 'false';

  test.each([
    ['README.md', /`(cfn-init --root [^`]+)`/],
    ['docs/start/installation.md', /^(cfn-init --root .*)$/m],
    ['packaging/man/cfn-metadata.5', /tried without harm to the machine:\n\.PP\n\.RS\n\.EX\n(.*?)\n\.EE/s],
  ])('of %s work as they are printed', async (path, pattern) => {
    if (isRoot) await machine().run('rm -rf /tmp/somewhere');
    const command = isRoot
      ? printed(path, pattern)
      : printed(path, pattern).replace('/tmp/somewhere', join(newPlace(), 'somewhere'));
    const ended = await machine().run(`PATH=${binaryDirectory}:$PATH\n${command}`, { cwd: project });
    expect({ code: ended.code, errors: complaints(ended) }).toEqual({
      code: 0,
      errors: [expect.stringContaining('warning: applying to /tmp/')],
    });
    expect(ended.stdout).toMatch(/^files +changed /m);
  });
});

describe('the directory', () => {
  test('is made where it is missing, 0755 whatever the umask, as are its parents', async () => {
    const place = newPlace();
    const ended = await machine().run(`umask 077; exec ${binary('cfn-init')} --root ${place}/new/er -`, {
      input: metadata(files),
    });
    expect({ code: ended.code, summary: summary(ended) }).toEqual({ code: 0, summary: '1 changed' });
    for (const path of ['new', 'new/er']) expect(statSync(join(place, path)).mode & 0o7777).toBe(0o755);
    expect(readFileSync(join(place, 'new/er/a'), 'utf8')).toBe('x');
  });

  test.each(['new', './new/', 'new/../other', 'a b', '-x'])('may be given as %j', async (root) => {
    const place = newPlace();
    expect(await apply(root, files, place)).toMatchObject({ code: 0 });
    expect(readFileSync(join(place, root, 'a'), 'utf8')).toBe('x');
  });

  test.each<[string, (place: string) => string, string]>([
    ['an empty text', () => '', ' is empty'],
    ['a file', (place) => `${place}/file`, 'not a directory'],
    ['below a file', (place) => `${place}/file/x`, 'a parent is not a directory'],
    ['a link to itself', (place) => `${place}/loop`, 'too many symbolic links'],
    ['below a link to itself', (place) => `${place}/loop/x`, 'too many symbolic links'],
    ['a name of 300 characters', (place) => `${place}/${'n'.repeat(300)}`, 'the name is too long'],
    ['a path of 6,000 characters', (place) => `${place}${'/0123456789'.repeat(550)}`, 'the name is too long'],
    ['in /proc', () => '/proc/nowhere', 'no such file or directory'],
  ])('%s is a usage error', async (_, root, why) => {
    const place = newPlace();
    writeFileSync(join(place, 'file'), '');
    symlinkSync('loop', join(place, 'loop'));
    const { code, stderr } = await apply(root(place));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(new RegExp(`^cfn-init: --root[^\\n]*${why}[^\\n]*\\n$`)),
    });
    expect(readdirSync(place).sort()).toEqual(['file', 'loop']);
  });

  test('that cannot be made or entered: exit 1, and why', async () => {
    const place = newPlace();
    if (isRoot) await machine().run('mount -t tmpfs -o ro tmpfs /mnt');
    mkdirSync(join(place, 'locked'), { mode: 0 });
    const user = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    for (const [root, why, as] of [
      ...(isRoot ? [['/mnt/x', 'the file system is read-only', []] as const] : []),
      [join(place, 'locked'), 'permission denied', user],
      [join(place, 'locked/x'), 'permission denied', user],
    ] as const) {
      const { code, stderr } = await machine().run([...as, binary('cfn-init'), '--root', root, '-'], {
        input: metadata(files),
      });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(new RegExp(`^cfn-init: --root: [^\\n]*${root}: ${why}[^\\n]*\\n$`)),
      });
    }
  });
});

describe('accounts that the tree does not have', () => {
  const document: ConfigDocument = {
    groups: { web: {} },
    users: { app: { groups: ['docker'] }, web: {} },
    files: {
      '/owner': { content: 'x', owner: 'app' },
      '/group': { content: 'x', group: 'docker' },
      '/plain': { content: 'x' },
    },
  };
  const skipped = ['app skipped', '/owner skipped', '/group skipped', '/plain changed'];

  test('are skipped where it has none at all, with the reason', async () => {
    const root = join(newPlace(), 'new');
    const ended = await apply(root, document);
    expect({ code: ended.code, states: states(ended) }).toEqual({
      code: 0,
      states: ['web skipped', 'app skipped', 'web skipped', ...skipped.slice(1)],
    });
    expect(ended.stdout).toContain(`(there are no accounts to change: ${root}/etc/passwd is missing)`);
    expect(ended.stdout).toContain('(no user "app")');
    expect(ended.stdout).toContain('(no group "docker")');
    expect(readdirSync(root)).toEqual(['plain']);
  });

  test('are skipped where it has others', async (context) => {
    if (!isRoot) context.skip('needs root');
    const root = newPlace();
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/passwd'), ROOT_USER);
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
    const ended = await apply(root, document);
    expect({ code: ended.code, states: states(ended) }).toEqual({
      code: 0,
      states: ['web changed', 'app skipped', 'web changed', ...skipped.slice(1)],
    });
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^root:.*\nweb:/);
  });

  test('root needs no account', async (context) => {
    if (!isRoot) context.skip('needs root');
    const root = newPlace();
    const entry = { content: 'x', owner: 'root', group: 'root' };
    const path = join(root, 'a');
    writeFileSync(path, '');
    chownSync(path, 1, 1);
    expect(await apply(root, { files: { '/a': entry } })).toMatchObject({ code: 0 });
    expect(statSync(path)).toMatchObject({ uid: 0, gid: 0 });
  });

  test('what is in conflict is an error all the same', async (context) => {
    if (!isRoot) context.skip('needs root');
    const root = newPlace();
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/passwd'), ROOT_USER);
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nweb:x:12:\n');
    const { code, stderr } = await apply(root, { groups: { web: { gid: 13 } } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('group web has gid 12, not 13') });
  });
});

test('a document that is wrong changes nothing in a tree that was missing', async () => {
  const root = join(newPlace(), 'new');
  expect(await apply(root, { files: { relative: { content: '' } } })).toMatchObject({ code: 1 });
  expect(existsSync(root) ? readdirSync(root) : []).toEqual([]);
});
