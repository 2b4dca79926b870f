import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { placeInWords } from '../../src/config/findings.ts';
import { binary } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, complaints, metadata } from '../support/cfn-init.ts';
import type { Ended } from '../support/process.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();
/** A place in a config as an error names it. */
const at = (pointer: string): string => placeInWords(`/AWS::CloudFormation::Init/config${pointer}`);
/** Stands in every document, and must not be written when the document has a problem elsewhere. */
const GOOD = { '/good': { content: 'good' } };
let count = 0;

async function refuse(document: string | Buffer | ConfigDocument): Promise<{ errors: string[]; warnings: string[] }> {
  const root = join(machine().shared, `root-${count++}`);
  mkdirSync(root);
  const result = await cfnInit(machine(), document, ['--root', root]);
  expect(traces(result)).toEqual([]);
  expect({ code: result.code, stdout: result.stdout, written: readdirSync(root) }).toEqual({
    code: 1,
    stdout: '',
    written: [],
  });
  const lines = complaints(result);
  for (const line of lines) expect(line).toMatch(/^cfn-init: /);
  const isWarning = (line: string): boolean => line.startsWith('cfn-init: warning: ');
  return { errors: lines.filter((line) => !isWarning(line)), warnings: lines.filter(isWarning) };
}

function traces({ stderr, stdout }: Ended): string[] {
  return `${stdout}\n${stderr}`.split('\n').filter((line) => /^\s+at |node:|\bError: /.test(line));
}

describe('documents that are none: one line, exit 1, nothing changed', () => {
  const whole = metadata({ files: GOOD });
  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['white space', ' \n\t '],
    ['a NUL byte', '\0'],
    ['not JSON', 'AWS::CloudFormation::Init: {}'],
    ['truncated', whole.slice(0, -4)],
    ['truncated within a string', whole.slice(0, 60)],
    ['two documents', whole + whole],
    ['a trailing comma', `${whole.slice(0, -1)},}`],
    ['HTML', '<html><body>\n<h1>504</h1>\n</body></html>'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['UTF-16', Buffer.from(whole, 'utf16le')],
    ['a number', '42'],
    ['null', 'null'],
    ['text', '"text"'],
    ['a list', `[${whole}]`],
    ['no Init', '{"Other": {}}'],
    ['an empty object', '{}'],
    ['Init is text', '{"AWS::CloudFormation::Init": "config"}'],
    ['Init is a list', '{"AWS::CloudFormation::Init": []}'],
    ['Init is null', '{"AWS::CloudFormation::Init": null}'],
    ['config is text', '{"AWS::CloudFormation::Init": {"config": "x"}}'],
    ['nested 100000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['objects nested deep', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
  ])('%s', async (_, document) => {
    expect((await refuse(document)).errors).toHaveLength(1);
  });

  test('50 MB of [', async () => {
    expect((await refuse(Buffer.alloc(50 * 1024 * 1024, '['))).errors).toHaveLength(1);
  });

  test('50 MB of {"a":', async () => {
    const document = Buffer.alloc(50 * 1024 * 1024, '{"a":');
    expect((await refuse(document)).errors).toHaveLength(1);
  });

  test('more than is reasonable from a pipe that does not end', async () => {
    const begin = performance.now();
    const { code, stderr } = await machine().run(['bash', '-c', `yes | exec "$0" -`, binary('cfn-init')]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/) });
    expect(performance.now() - begin).toBeLessThan(20_000);
  });

  test.each([
    ['a name that is too long', `/${'x'.repeat(300)}`, /the name is too long/],
    ['a path that is too long', '/x'.repeat(3000), /the name is too long/],
    ['no file', '/nowhere/x', /no such file/],
    ['below a file', '/etc/passwd/x', /a parent is not a directory|no directory/],
  ])('%s as FILE or --root', async (_, path, says) => {
    // A directory that is missing is made.
    for (const args of [[path], ...(path === '/nowhere/x' ? [] : [['--root', path, '-']])]) {
      const { code, stderr } = await machine().run([binary('cfn-init'), ...args], { input: '{}' });
      expect([1, 2]).toContain(code);
      expect(stderr).toMatch(/^cfn-init: [^\n]+\n$/);
      if (args.length === 1) expect(stderr).toMatch(says);
    }
  });

  test('a FILE that is not JSON is named', async () => {
    const path = join(machine().shared, 'bad.json');
    writeFileSync(path, '{');
    const { code, stderr } = await machine().run([binary('cfn-init'), path]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*bad\.json[^\n]*\n$/) });
  });
});

describe('every problem is said with its pointer before anything changes', () => {
  const file = (value: unknown, path = '/a'): ConfigDocument => ({ files: { [path]: value } });
  const command = (value: object): ConfigDocument => ({ commands: { x: { command: 'true', ...value } } });

  test.each<[string, ConfigDocument, string]>([
    ['a section that is a list', { files: [] }, '/files'],
    ['a section that is text', { commands: 'true' }, '/commands'],
    ['packages that are text', { packages: 'httpd' }, '/packages'],
    ['a package manager that is a number', { packages: { apt: 5 } }, '/packages/apt'],
    ['a version that is an object', { packages: { apt: { a: { v: 1 } } } }, '/packages/apt/a'],
    ['a package named like an option', { packages: { apt: { '--force': [] } } }, '/packages/apt/--force'],
    ['an unknown package manager', { packages: { portage: { a: [] } } }, '/packages/portage'],
    ['msi', { packages: { msi: { a: 'http://h/a.msi' } } }, '/packages/msi'],
    ['a gid that is no number', { groups: { a: { gid: 'x' } } }, '/groups/a/gid'],
    ['a gid out of range', { groups: { a: { gid: 4294967296 } } }, '/groups/a/gid'],
    ['a group named like an option', { groups: { '-o': {} } }, '/groups/-o'],
    ['a negative uid', { users: { a: { uid: -1 } } }, '/users/a/uid'],
    ['a user with a colon', { users: { 'a:b': {} } }, '/users/a:b'],
    ['a home that is not absolute', { users: { a: { homeDir: 'home' } } }, '/users/a/homeDir'],
    ['a source with a relative destination', { sources: { 'opt/x': 'http://h/a.tgz' } }, '/sources/opt~1x'],
    ['a source without a scheme', { sources: { '/opt': 'h/a.tgz' } }, '/sources/~1opt'],
    ['a source by ftp', { sources: { '/opt': 'ftp://h/a.tgz' } }, '/sources/~1opt'],
    ['a source on a Windows path', { sources: { 'C:\\x': 'http://h/a.zip' } }, '/sources/C:\\x'],
    ['a relative file', file({ content: '' }, 'etc/motd'), '/files/etc~1motd'],
    ['a file that is a directory', file({ content: '' }, '/etc/'), '/files/~1etc~1'],
    ['the root as a file', file({ content: '' }, '/'), '/files/~1'],
    ['a file on a Windows path', file({ content: '' }, 'c:\\cfn\\a.conf'), '/files/c:\\cfn\\a.conf'],
    ['a file with a NUL in its path', file({ content: '' }, '/a\0b'), '/files/~1a\0b'],
    ['neither content nor source', file({ mode: '0644' }), '/files/~1a'],
    ['a file that is text', file('content'), '/files/~1a'],
    ['a source by gopher', file({ source: 'gopher://h/a' }), '/files/~1a/source'],
    ['a mode in letters', file({ content: '', mode: 'rw-r--r--' }), '/files/~1a/mode'],
    ['a mode with a 9', file({ content: '', mode: '0649' }), '/files/~1a/mode'],
    ['an empty mode', file({ content: '', mode: '' }), '/files/~1a/mode'],
    ['a mode of a directory', file({ content: '', mode: '040755' }), '/files/~1a/mode'],
    ['an integer mode with two meanings or none', file({ content: '', mode: 999 }), '/files/~1a/mode'],
    ['a fraction as mode', file({ content: '', mode: 420.5 }), '/files/~1a/mode'],
    ['bad base64', file({ content: 'not base64!', encoding: 'base64' }), '/files/~1a/content'],
    ['base64 that is cut off', file({ content: 'YWJjZ', encoding: 'base64' }), '/files/~1a/content'],
    ['an unknown encoding', file({ content: '', encoding: 'rot13' }), '/files/~1a/encoding'],
    ['a context that is text', file({ content: '', context: 'x' }), '/files/~1a/context'],
    ['a template that is not closed', file({ content: '{{#a}}', context: {} }), '/files/~1a/content'],
    ['an owner that is a list', file({ content: '', owner: ['root'] }), '/files/~1a/owner'],
    ['a link to nowhere', file({ content: '', mode: '120777' }), '/files/~1a/content'],
    ['a command that is an object', { commands: { x: { command: {} } } }, '/commands/x/command'],
    ['an empty argument list', { commands: { x: { command: [] } } }, '/commands/x/command'],
    ['no command at all', { commands: { x: { cwd: '/' } } }, '/commands/x'],
    ['a NUL in a command', { commands: { x: { command: 'a\0b' } } }, '/commands/x/command'],
    ['a NUL in an argument', { commands: { x: { command: ['a', 'b\0c'] } } }, '/commands/x/command'],
    ['a test that is a number', command({ test: 7 }), '/commands/x/test'],
    ['an env that is text', command({ env: 'A=B' }), '/commands/x/env'],
    ['an env that holds an object', command({ env: { A: {} } }), '/commands/x/env/A'],
    ['a NUL in an env', command({ env: { A: 'a\0b' } }), '/commands/x/env/A'],
    ['ignoreErrors that is neither', command({ ignoreErrors: 'maybe' }), '/commands/x/ignoreErrors'],
    ['waitAfterCompletion forever', command({ waitAfterCompletion: 'forever' }), '/commands/x/waitAfterCompletion'],
    ['waitAfterCompletion negative', command({ waitAfterCompletion: -1 }), '/commands/x/waitAfterCompletion'],
    ['windows services', { services: { windows: { 'cfn-hup': { enabled: true } } } }, '/services/windows'],
    ['an unknown service manager', { services: { upstart: {} } }, '/services/upstart'],
    ['enabled that is neither', { services: { sysvinit: { a: { enabled: 'on?' } } } }, '/services/sysvinit/a/enabled'],
    ['a service named like an option', { services: { systemd: { '--now': {} } } }, '/services/systemd/--now'],
    ['an owner that is an option', file({ content: '', owner: '-i' }), '/files/~1a/owner'],
    ['a group that is an option', file({ content: '', group: '--no-idn' }), '/files/~1a/group'],
    ['an owner that is an option with its value', file({ content: '', owner: '-s files' }), '/files/~1a/owner'],
    ['a long option as an owner', file({ content: '', owner: '--service=files' }), '/files/~1a/owner'],
    ["an owner that getent takes for root's number", file({ content: '', owner: '+0' }), '/files/~1a/owner'],
    ['an owner that is minus one', file({ content: '', owner: -1 }), '/files/~1a/owner'],
    ['an owner that means no change', file({ content: '', owner: '4294967295' }), '/files/~1a/owner'],
    ['an owner with a line break', file({ content: '', owner: 'root\nx' }), '/files/~1a/owner'],
    ['an owner with a NUL', file({ content: '', owner: 'root\0x' }), '/files/~1a/owner'],
    ['an owner without an end', file({ content: '', owner: 'x'.repeat(200_000) }), '/files/~1a/owner'],
    ['an empty owner', file({ content: '', owner: ' ' }), '/files/~1a/owner'],
    ['groups of a user that are options', { users: { a: { groups: ['adm', '-V'] } } }, '/users/a/groups'],
    ['groups of a user in one text', { users: { a: { groups: 'adm, --help' } } }, '/users/a/groups'],
    ['a user with a name too long for useradd', { users: { ['a'.repeat(33)]: {} } }, `/users/${'a'.repeat(33)}`],
    ['a user named by a number', { users: { 123: {} } }, '/users/123'],
    ['a home with a line break', { users: { a: { homeDir: '/a\nb' } } }, '/users/a/homeDir'],
    ['a home that is an option', { users: { a: { homeDir: '-x' } } }, '/users/a/homeDir'],
    ['all services', { services: { sysvinit: { '*': {} } } }, '/services/sysvinit/*'],
    ['a pattern of services', { services: { systemd: { '[a-z]*': {} } } }, '/services/systemd/[a-z]*'],
    ['a service that ends as an option', { services: { systemd: { 'x/-Hevil': {} } } }, '/services/systemd/x~1-Hevil'],
    ['a directory as a service', { services: { sysvinit: { '..': {} } } }, '/services/sysvinit/..'],
    ['packages of pacman with shell characters', { packages: { pacman: { 'a b;c': [] } } }, '/packages/pacman/a b;c'],
    ['a pattern of apt', { packages: { apt: { 'ngin.*': [] } } }, '/packages/apt/ngin.*'],
    ['a task of apt', { packages: { apt: { 'lamp-server^': [] } } }, '/packages/apt/lamp-server^'],
    ['all packages of dnf', { packages: { dnf: { '*': [] } } }, '/packages/dnf/*'],
    ['a package that zypper would remove', { packages: { zypper: { '!vim': [] } } }, '/packages/zypper/!vim'],
    ['a package that apk would keep away', { packages: { apk: { '!vim': [] } } }, '/packages/apk/!vim'],
    ['a requirements file of pip', { packages: { python: { '-r x': [] } } }, '/packages/python/-r x'],
    ['a directory for pip', { packages: { python: { '.': [] } } }, '/packages/python/.'],
    ['a version of pip with an option', { packages: { python: { a: '1.0 --pre' } } }, '/packages/python/a'],
    ['a version that is an option', { packages: { rubygems: { a: ['1.0', '--pre'] } } }, '/packages/rubygems/a'],
    ['a version of gem in the name', { packages: { rubygems: { 'a:1': [] } } }, '/packages/rubygems/a:1'],
    ['a package with a line break', { packages: { yum: { 'a\nb': [] } } }, '/packages/yum/a\nb'],
  ])('%s', async (_, config, pointer) => {
    const { errors } = await refuse({ ...config, files: mergedFiles(config) });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(at(pointer));
  });

  test('all problems of a document at once, each on its line', async () => {
    const { errors } = await refuse({
      packages: { msi: {} },
      groups: { a: { gid: 'x' } },
      users: { b: { uid: 'y' } },
      sources: { relative: 'http://h/a.tgz' },
      files: {
        ...GOOD,
        relative: { content: '' },
        '/mode': { content: '', mode: 'x' },
        '/base64': { content: '!', encoding: 'base64' },
      },
      commands: { x: {} },
      services: { windows: {} },
    });
    const pointers = [
      '/packages/msi',
      '/groups/a/gid',
      '/users/b/uid',
      '/sources/relative',
      '/files/relative',
      '/files/~1mode/mode',
      '/files/~1base64/content',
      '/commands/x',
      '/services/windows',
    ];
    for (const pointer of pointers) expect(errors.filter((line) => line.includes(at(pointer)))).toHaveLength(1);
    expect(errors).toHaveLength(pointers.length);
  });
});

describe('under --compat heat a bad name is a warning, and all the rest is done', () => {
  test.each<[string, ConfigDocument, string]>([
    ['of a package', { packages: { apt: { 'lamp-server^': [] } } }, '/packages/apt/lamp-server^'],
    ['of a package in a list', { packages: { apt: ['-x'] } }, '/packages/apt/-x'],
    ['of a version', { packages: { python: { a: '1.0 --pre' } } }, '/packages/python/a'],
    ['of a service', { services: { sysvinit: { '*': { ensureRunning: true } } } }, '/services/sysvinit/*'],
    ['of a user', { users: { 123: {} } }, '/users/123'],
    ['of a group of a user', { users: { a: { groups: ['-V'] } } }, '/users/a/groups'],
    ['of a group', { groups: { '-x': {} } }, '/groups/-x'],
  ])('%s', async (_, config, pointer) => {
    const root = join(machine().shared, `root-${count++}`);
    mkdirSync(root);
    const result = await cfnInit(machine(), { ...config, files: GOOD }, ['--root', root, '--compat', 'heat']);
    expect({ code: result.code, written: readdirSync(root) }).toEqual({ code: 0, written: ['good'] });
    const warnings = complaints(result).filter((line) => !line.includes(' applying to '));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^cfn-init: warning: .*: going on without it, as heat-cfntools did$/);
    expect(warnings[0]).toContain(at(pointer));
    expect(result.stdout).not.toMatch(/packages|services|users|groups/);
  });

  test.each<[string, ConfigDocument, string]>([
    ['an owner of a file', { files: { ...GOOD, '/a': { content: '', owner: '-x' } } }, '/files/~1a/owner'],
    ['what is no name', { packages: { msi: {} }, files: GOOD }, '/packages/msi'],
  ])('but not %s', async (_, config, pointer) => {
    const root = join(machine().shared, `root-${count++}`);
    mkdirSync(root);
    const result = await cfnInit(machine(), config, ['--root', root, '--compat', 'heat']);
    expect({ code: result.code, written: readdirSync(root) }).toEqual({ code: 1, written: [] });
    expect(result.stderr).toContain(at(pointer));
  });
});

describe('what is odd but harmless is a warning', () => {
  test.each<[string, ConfigDocument, string]>([
    ['an unknown section', { disks: {} }, '/disks'],
    ['an unknown key of a file', { files: { '/a': { content: '', permissions: '0644' } } }, '/files/~1a/permissions'],
    ['an unknown key of a command', { commands: { x: { command: 'true', timeout: 5 } } }, '/commands/x/timeout'],
    ['an unknown key of a service', { services: { systemd: { s: { enable: true } } } }, '/services/systemd/s/enable'],
    [
      'both content and source',
      { files: { '/a': { content: 'a', source: 'http://127.0.0.1:9/' } } },
      '/files/~1a/source',
    ],
    [
      'credentials that are not there',
      { files: { '/a': { source: 'file:///etc/passwd', authentication: 'x' } } },
      '/files/~1a/authentication',
    ],
  ])('%s', async (_, config, pointer) => {
    const root = join(machine().shared, `root-${count++}`);
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(join(root, 'etc/passwd'), '');
    const result = await cfnInit(machine(), { ...config, files: mergedFiles(config) }, ['--root', root]);
    expect(result.code).toBe(0);
    expect(
      complaints(result).filter((line) => /^cfn-init: warning: /.test(line) && line.includes(at(pointer))),
    ).toHaveLength(1);
    expect(readdirSync(root)).toContain('good');
  });
});

describe('--strict', () => {
  test.each<[string, ConfigDocument]>([
    ['an unknown key', { files: { '/a': { content: '', permissions: '0644' } } }],
    ['a function in a content', { files: { '/a': { content: { Ref: 'b' } } } }],
    ['an unknown name in a template', { files: { '/a': { content: '{{b}}', context: {} } } }],
  ])('%s, which is a warning otherwise, is an error', async (_, config) => {
    for (const [options, code] of [
      [[], 0],
      [['--strict'], 1],
    ] as const) {
      const root = join(machine().shared, `root-${count++}`);
      mkdirSync(root);
      const result = await cfnInit(machine(), config, ['--root', root, ...options]);
      expect({ code: result.code, isWritten: readdirSync(root).length > 0 }).toEqual({ code, isWritten: code === 0 });
      const said = complaints(result).filter((line) => !line.includes(' applying to '));
      expect(said).toEqual([expect.stringMatching(code === 0 ? /^cfn-init: warning: / : /^cfn-init: (?!warning)/)]);
    }
  });
});

describe('what is shown of a document', () => {
  test('no more than 50 errors', async () => {
    const { errors } = await refuse({
      groups: Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`-${n}`, {}])),
    });
    expect(errors).toHaveLength(51);
    expect(errors.at(-2)).toBe('cfn-init: and 450 more errors');
  });

  test('of a name with a megabyte, its beginning', async () => {
    const { errors } = await refuse({ groups: { ['-'.repeat(1e6)]: {} } });
    expect(errors.join().length).toBeLessThan(5000);
  });

  test('of control characters in a name, their numbers', async () => {
    const root = join(machine().shared, `root-${count++}`);
    mkdirSync(root);
    const name = '/\x1b]0;title\x07a\x1b[31m\nfiles changed /b';
    const { code, stdout } = await cfnInit(machine(), { files: { [name]: { content: '' } } }, ['--root', root]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^files +changed +\/a\\nfiles changed \/b .*\n.*1 changed.*\n$/);
  });
});

function mergedFiles({ files }: ConfigDocument): unknown {
  return files === undefined ? GOOD : Array.isArray(files) ? files : { ...GOOD, ...(files as object) };
}
