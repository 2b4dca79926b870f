import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { useMachine, useSandbox } from '../support/use-machine.ts';

const machine = useMachine();

describe('cfn-push-stats warns once and is content with whatever old crontabs say', () => {
  test.each([
    [[]],
    [['--watch', 'ServiceFailureAlarm', '--service-failure']],
    [['-v', '--mem-util', '--disk-path=/', '--', 'x', '-y']],
    [['--aws-credential-file=/etc/cfn/cfn-credentials', '--heartbeat', '--watch', 'WSA']],
  ])('%j', async (args: string[]) => {
    const { code, stdout, stderr } = await machine().run([binary('cfn-push-stats'), ...args]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^cfn-push-stats: warning: [^\n]+\n$/);
  });
});

describe('cfn-create-aws-symlinks', () => {
  const prepare = (name: string): { source: string; target: string } => {
    const source = join(machine().shared, name, 'source');
    mkdirSync(source, { recursive: true });
    for (const program of ['cfn-init', 'cfn-signal', 'other'])
      writeFileSync(join(source, program), '', { mode: 0o755 });
    return { source, target: join(machine().shared, name, 'opt/aws/bin') };
  };
  const link = (source: string, target: string, ...more: string[]) =>
    machine().run([binary('cfn-create-aws-symlinks'), '-s', source, '-t', target, ...more]);
  const quiet = { code: 0, signal: null, stdout: '', stderr: '', milliseconds: expect.any(Number) };

  test('links the commands, and nothing else, into a directory that it makes', async () => {
    const { source, target } = prepare('links');
    expect(await link(source, target)).toEqual(quiet);
    expect(readdirSync(target)).toEqual(['cfn-init', 'cfn-signal']);
    expect(readlinkSync(join(target, 'cfn-init'))).toBe(join(source, 'cfn-init'));
    expect(statSync(target).mode & 0o7777).toBe(0o755);
  });

  test('a second run leaves everything as it is, without a word', async () => {
    const { source, target } = prepare('twice');
    await link(source, target);
    const before = lstatSync(join(target, 'cfn-init'));
    expect(await link(source, target)).toEqual(quiet);
    expect(lstatSync(join(target, 'cfn-init')).ino).toBe(before.ino);
  });

  test('a slash at the end of the directories makes no difference', async () => {
    const { source, target } = prepare('slash');
    await link(source, target);
    expect(await link(`${source}/`, `${target}/`)).toEqual(quiet);
    expect(readlinkSync(join(target, 'cfn-init'))).toBe(join(source, 'cfn-init'));
  });

  test('what stands in the way is named and stays; the rest is linked, and the boot goes on', async () => {
    const { source, target } = prepare('way');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'cfn-init'), 'mine');
    const { code, stdout, stderr } = await link(source, target);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^cfn-create-aws-symlinks: warning: [^\n]*cfn-init[^\n]*\n$/);
    expect(readFileSync(join(target, 'cfn-init'), 'utf8')).toBe('mine');
    expect(readlinkSync(join(target, 'cfn-signal'))).toBe(join(source, 'cfn-signal'));
  });

  test('-f replaces what stands in the way, a dangling link too', async () => {
    const { source, target } = prepare('force');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'cfn-init'), 'mine');
    symlinkSync('/there/is/nothing', join(target, 'cfn-signal'));
    expect(await link(source, target, '-f')).toEqual(quiet);
    for (const name of ['cfn-init', 'cfn-signal']) expect(readlinkSync(join(target, name))).toBe(join(source, name));
  });

  test('a dangling link does not stop it', async () => {
    const { source, target } = prepare('dangling');
    mkdirSync(target, { recursive: true });
    symlinkSync('/there/is/nothing', join(target, 'cfn-signal'));
    expect((await link(source, target)).code).toBe(0);
    expect(readlinkSync(join(target, 'cfn-init'))).toBe(join(source, 'cfn-init'));
  });

  test('a directory in the way under -f is not removed', async () => {
    const { source, target } = prepare('directory');
    mkdirSync(join(target, 'cfn-init/full'), { recursive: true });
    const { stderr } = await link(source, target, '-f');
    expect(stderr).toMatch(/^cfn-create-aws-symlinks: [^\n]*cfn-init[^\n]*\n$/);
    expect(readdirSync(join(target, 'cfn-init'))).toEqual(['full']);
  });

  test('source and target the same: nothing is linked to itself', async () => {
    const { source } = prepare('same');
    expect(await link(source, source, '-f')).toEqual(quiet);
    expect(lstatSync(join(source, 'cfn-init')).isFile()).toBe(true);
  });

  test.each<[name: string, make: string, target: string]>([
    ['a link', 'mkdir aws; ln -s ../source aws/bin', 'aws/bin'],
    ['a link further up', 'mkdir opt; ln -s .. opt/aws', 'opt/aws/source'],
    ['a link of a link', 'ln -s source one; ln -s "$PWD/one" two', 'two/'],
    ['the other way round', 'mv source real; ln -s real source', 'real'],
  ])('the target is the source, by %s: nothing is done, without a word', async (name, make, target) => {
    const { source } = prepare(`same ${name}`);
    const place = join(source, '..');
    expect((await machine().run(make, { cwd: place })).code).toBe(0);
    for (const force of [[], ['-f']]) {
      expect(await link(source, join(place, target), ...force)).toEqual(quiet);
      expect(await link(`/${source}`, `/${join(place, target)}`, ...force)).toEqual(quiet);
    }
    expect(lstatSync(join(place, target, 'cfn-init')).isFile()).toBe(true);
  });

  test.each<[name: string, make: string]>([
    ['a relative link', 'ln -s ../../../source/cfn-init opt/aws/bin/cfn-init'],
    ['a link by another path', 'ln -s source other; ln -s "$PWD/other/cfn-init" opt/aws/bin/cfn-init'],
    [
      'a link to where the command itself leads',
      'mv source/cfn-init x; ln -s ../x source/cfn-init; ln -s "$PWD/x" opt/aws/bin/cfn-init',
    ],
    ['a second name of the file', 'ln source/cfn-init opt/aws/bin/cfn-init'],
    [
      'the file itself, to which the command is a link',
      'mv source/cfn-init opt/aws/bin/cfn-init; ln -s ../opt/aws/bin/cfn-init source/cfn-init',
    ],
  ])('what leads to the command already stays, without a word: %s', async (name, make) => {
    const { source, target } = prepare(`right ${name}`);
    expect((await machine().run(`mkdir -p opt/aws/bin; ${make}`, { cwd: join(source, '..') })).code).toBe(0);
    const before = lstatSync(join(target, 'cfn-init'));
    for (const force of [[], ['-f']]) expect(await link(source, target, ...force)).toEqual(quiet);
    expect(lstatSync(join(target, 'cfn-init')).ino).toBe(before.ino);
    expect(readFileSync(join(source, 'cfn-init'), 'utf8')).toBe('');
    expect(readlinkSync(join(target, 'cfn-signal'))).toBe(join(source, 'cfn-signal'));
  });

  test.each<[name: string, leads: string]>([
    ['nowhere', '/there/is/nothing'],
    ['to itself', 'cfn-init'],
    ['to its own place in the target', '../opt/aws/bin/cfn-init'],
  ])('a command that leads %s is named, and the rest is linked', async (name, leads) => {
    const { source, target } = prepare(`leads ${name}`);
    await machine().run(['ln', '-sf', leads, join(source, 'cfn-init')]);
    const { code, stderr } = await link(source, target, '-f');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^cfn-create-aws-symlinks: warning: [^\n]*source\/cfn-init[^\n]*\n$/);
    expect(readdirSync(target)).toEqual(['cfn-signal']);
  });

  test('a source that is not there is an error', async () => {
    const { target } = prepare('nowhere');
    const { code, stderr } = await link('/there/is/nothing', target);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-create-aws-symlinks: [^\n]*\/there\/is\/nothing[^\n]*\n$/),
    });
    expect(lstatSync(target, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('on the whole machine', () => {
  const view = useSandbox();

  test('cfn-create-aws-symlinks without arguments links /usr/bin/cfn-* into /opt/aws/bin', async () => {
    await view().run('for name in cfn-init cfn-signal cfn-hup; do : >/usr/bin/$name; done; rm -rf /opt/aws');
    const command = [binary('cfn-create-aws-symlinks')];
    for (const _ of ['first', 'second']) {
      const { code, stdout, stderr } = await view().run(command);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    }
    expect(readlinkSync(view().path('/opt/aws/bin/cfn-hup'))).toBe('/usr/bin/cfn-hup');
  });

  test('-t /usr/local/bin links them where pip puts those of aws-cfn-bootstrap, which -f replaces', async () => {
    await view().run(
      'for name in cfn-init cfn-signal; do : >/usr/bin/$name; done; rm -f /usr/local/bin/cfn-*; echo pip >/usr/local/bin/cfn-init',
    );
    const command = [binary('cfn-create-aws-symlinks'), '-t', '/usr/local/bin'];
    const links = async (): Promise<string> =>
      (await view().run('cd /usr/local/bin; readlink cfn-init; readlink cfn-signal')).stdout;
    expect(await view().run(command)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/already exists: \/usr\/local\/bin\/cfn-init: use -f to replace it\n$/),
    });
    expect(await links()).toBe('/usr/bin/cfn-signal\n');
    expect(await view().run([...command, '-f'])).toMatchObject({ code: 0, stderr: '' });
    expect(await links()).toBe('/usr/bin/cfn-init\n/usr/bin/cfn-signal\n');
  });

  test.each([
    ['a link', 'ln -s /usr/bin /opt/aws/bin'],
    ['a link by another name', 'ln -s ../../bin /opt/aws/bin'],
    ['a bind mount', 'mkdir /opt/aws/bin; mount --bind /usr/bin /opt/aws/bin'],
  ])('/opt/aws/bin is /usr/bin, by %s: nothing is done, without a word', async (_, make) => {
    const run = 'for force in "" -f; do "$0" $force || exit 1; done; ! readlink /usr/bin/cfn-init';
    await view().run('umount /opt/aws/bin; rm -rf /opt/aws/bin; mkdir -p /opt/aws; : >/usr/bin/cfn-init');
    const { code, stdout, stderr } = await view().run([
      'sh',
      '-ec',
      `${make}; ${run}`,
      binary('cfn-create-aws-symlinks'),
    ]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
