import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, complaints, metadata, summary } from '../support/cfn-init.ts';
import { useMachine } from '../support/use-machine.ts';

const CACHE = 'var/cache/heat-cfntools';
const BOOT = 'var/lib/heat-cfntools/cfn-init-data';
const OLD_BOOT = 'var/lib/cloud/data/cfn-init-data';

const machine = useMachine();

/** Metadata that writes where it came from to /came-from. */
const from = (place: string): string => metadata({ files: { '/came-from': { content: place } } });

/** Makes a root directory that holds files. */
function rootWith(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(machine().shared, name);
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

const init = (...args: string[]) => machine().run([binary('cfn-init'), ...args]);
const cameFrom = (root: string): string => readFileSync(join(root, 'came-from'), 'utf8');
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

describe('given on the command line', () => {
  test('a file', async () => {
    const root = rootWith('given', { 'metadata.json': from('the file') });
    const { code, stderr } = await init('--root', root, join(root, 'metadata.json'));
    expect({ code, text: cameFrom(root), warnings: stderr.split('\n').length }).toEqual({
      code: 0,
      text: 'the file',
      warnings: 2,
    });
  });

  test('a file by a relative path: it is looked for where the caller stands, not below the root', async () => {
    const root = rootWith('relative', {});
    const outside = rootWith('outside', { 'metadata.json': from('outside') });
    await machine().run([binary('cfn-init'), '--root', root, 'metadata.json'], { cwd: outside });
    expect(cameFrom(root)).toBe('outside');
  });

  test('stdin', async () => {
    const root = rootWith('stdin', {});
    expect((await cfnInit(machine(), from('stdin'), ['--root', root])).code).toBe(0);
    expect(cameFrom(root)).toBe('stdin');
  });

  test('a directory as stdin: it says that it is one', async () => {
    const root = rootWith('stdin-directory', {});
    const { code, stderr } = await machine().run([
      'sh',
      '-c',
      'exec "$0" --root "$1" - <"$1"',
      binary('cfn-init'),
      root,
    ]);
    expect({ code, last: stderr.trimEnd().split('\n').pop() }).toEqual({
      code: 1,
      last: 'cfn-init: cannot read: stdin: it is a directory',
    });
  });

  test('a byte order mark is no part of the document', async () => {
    const root = rootWith('mark', {});
    expect((await cfnInit(machine(), `\uFEFF${from('marked')}`, ['--root', root])).code).toBe(0);
    expect(cameFrom(root)).toBe('marked');
  });

  test('stdin that comes late and in pieces', async () => {
    const root = rootWith('late', { 'metadata.json': from('late') });
    const script = `{ sleep 0.3; head -c 20 $2; sleep 0.2; tail -c +21 $2; } | "$0" --root "$1" -`;
    const { code } = await machine().run(['bash', '-c', script, binary('cfn-init'), root, join(root, 'metadata.json')]);
    expect({ code, text: cameFrom(root) }).toEqual({ code: 0, text: 'late' });
  });

  test('is not published to other agents', async () => {
    const root = rootWith('private', { 'metadata.json': from('the file') });
    await init('--root', root, '-s', 'stack', '-r', 'Server', join(root, 'metadata.json'));
    await cfnInit(machine(), from('stdin'), ['--root', root, '-s', 'stack', '-r', 'Server']);
    expect(() => statSync(join(root, CACHE))).toThrow('ENOENT');
  });

  test.each(['/there/is/no/such/file', '/'])('%s cannot be read', async (path) => {
    const { code, stdout, stderr } = await init(path);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^cfn-init: [^\n]+\n$/),
    });
  });
});

describe('the local chain', () => {
  const all: Readonly<Record<string, string>> = {
    [`${CACHE}/last_metadata_Server`]: from('last_metadata_Server'),
    [`${CACHE}/last_metadata`]: from('last_metadata'),
    [BOOT]: from(BOOT),
    [OLD_BOOT]: from(OLD_BOOT),
  };
  const places = Object.keys(all);

  test.each(places.map((place, index) => [place, places.slice(index)] as const))(
    '%s comes first of %j',
    async (place, there) => {
      const root = rootWith(`first-${there.length}`, Object.fromEntries(there.map((path) => [path, all[path] ?? ''])));
      const { code } = await init('--root', root, '-s', 'stack', '-r', 'Server', '--region', 'RegionOne');
      expect({ code, text: cameFrom(root) }).toEqual({
        code: 0,
        text: place.split('/').pop() === 'cfn-init-data' ? place : place.split('/').pop(),
      });
    },
  );

  test('without a resource: last_metadata', async () => {
    const root = rootWith('no-resource', all);
    expect((await init('--root', root)).code).toBe(0);
    expect(cameFrom(root)).toBe('last_metadata');
  });

  test('no credentials: says on stderr which file is used and how old it is', async () => {
    const root = rootWith('age', { [BOOT]: from('boot') });
    const hourAgo = Date.now() / 1000 - 3 * 3600;
    utimesSync(join(root, BOOT), hourAgo, hourAgo);
    const { stderr } = await init('--root', root, '-s', 'stack', '-r', 'Server', '--region', 'RegionOne');
    expect(stderr).toMatch(/^cfn-init: warning: .*\/var\/lib\/heat-cfntools\/cfn-init-data.*3 hours/m);
  });

  test.each([
    ['not JSON', '{"AWS::CloudFormation::Init": '],
    ['empty', ''],
    ['a page of HTML', '<html><body>502 Bad Gateway</body></html>'],
  ])('a broken file (%s) is named and passed over', async (what, content) => {
    const root = rootWith(`broken-${what.replaceAll(' ', '-')}`, {
      ...all,
      [`${CACHE}/last_metadata_Server`]: content,
    });
    const { code, stderr } = await init('--root', root, '-s', 'stack', '-r', 'Server');
    expect({ code, text: cameFrom(root) }).toEqual({ code: 0, text: 'last_metadata' });
    expect(stderr).toMatch(/^cfn-init: warning: .*last_metadata_Server/m);
    expect(readFileSync(join(root, CACHE, 'last_metadata_Server'), 'utf8')).toBe(all[`${CACHE}/last_metadata`]);
  });

  test('a directory where a file should be is named and passed over', async () => {
    const root = rootWith('directory', { [BOOT]: from('boot'), [`${CACHE}/last_metadata/x`]: '' });
    const { code, stderr } = await init('--root', root);
    expect(stderr).toContain('last_metadata');
    expect({ code, text: cameFrom(root) }).toEqual({ code: 0, text: 'boot' });
  });

  test('nothing anywhere: one line that names the places, exit 1', async () => {
    const root = rootWith('nothing', {});
    const { code, stderr } = await init('--root', root, '-s', 'stack', '-r', 'Server');
    const lines = complaints({ stderr } as never).filter((line) => !line.startsWith('cfn-init: warning: '));
    expect({ code, count: lines.length }).toEqual({ code: 1, count: 1 });
    for (const place of places) expect(lines[0]).toContain(place);
  });

  test('links of the root lead inside it', async () => {
    const root = rootWith('links', { 'real/cfn-init-data': from('through a link') });
    mkdirSync(join(root, 'var/lib'), { recursive: true });
    symlinkSync('/real', join(root, 'var/lib/heat-cfntools'));
    expect((await init('--root', root)).code).toBe(0);
    expect(cameFrom(root)).toBe('through a link');
  });
});

describe('what the chain gave is published', () => {
  test('as last_metadata and last_metadata_RES, 0600 in a directory 0700, whatever the umask', async () => {
    const document = from('published');
    const root = rootWith('publish', { [BOOT]: document });
    const script = `umask 0; exec "$0" --root "$1" -s stack -r Server`;
    await machine().run(['bash', '-c', script, binary('cfn-init'), root]);
    expect(modeOf(join(root, CACHE))).toBe('700');
    for (const name of ['last_metadata', 'last_metadata_Server']) {
      const path = join(root, CACHE, name);
      expect({ text: readFileSync(path, 'utf8'), mode: modeOf(path) }).toEqual({ text: document, mode: '600' });
    }
  });

  test('only last_metadata when no resource was named', async () => {
    const root = rootWith('publish-one', { [BOOT]: from('published') });
    await init('--root', root);
    expect(readFileSync(join(root, CACHE, 'last_metadata'), 'utf8')).toBe(from('published'));
    expect(() => statSync(join(root, CACHE, 'last_metadata_Server'))).toThrow('ENOENT');
  });

  test('a copy that others can read is closed to them', async () => {
    const root = rootWith('publish-mode', { [`${CACHE}/last_metadata`]: from('open') });
    chmodSync(join(root, CACHE, 'last_metadata'), 0o644);
    await init('--root', root);
    expect(modeOf(join(root, CACHE, 'last_metadata'))).toBe('600');
  });

  test('before anything is applied: a failing run has published too', async () => {
    const document = metadata({ files: { '/dir': { content: 'a directory is in the way' } } });
    const root = rootWith('publish-failing', { [BOOT]: document });
    mkdirSync(join(root, 'dir'));
    expect((await init('--root', root)).code).toBe(1);
    expect(readFileSync(join(root, CACHE, 'last_metadata'), 'utf8')).toBe(document);
  });
});

describe('--root', () => {
  test('commands, services and packages are not run, and it says so', async () => {
    const root = rootWith('quiet', {});
    const mark = join(machine().shared, 'ran');
    const result = await cfnInit(
      machine(),
      {
        files: { '/etc/a': { content: 'a' } },
        commands: { '01': { command: `touch ${mark}` } },
        services: { systemd: { nonsense: { enabled: true, ensureRunning: true } } },
        packages: { apt: { nonsense: [] } },
      },
      ['--root', root],
    );
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '1 changed, 3 skipped' });
    expect(result.stderr).toMatch(/^cfn-init: warning: .*commands.*not run/m);
    expect(() => statSync(mark)).toThrow('ENOENT');
  });

  test('links in the root that lead out of it are resolved inside', async () => {
    const root = rootWith('escape', {});
    const outside = join(machine().shared, 'escape-outside');
    mkdirSync(outside);
    symlinkSync(outside, join(root, 'absolute'));
    symlinkSync('../escape-outside', join(root, 'upwards'));
    const result = await cfnInit(
      machine(),
      { files: { '/absolute/a': { content: 'a' }, '/upwards/b': { content: 'b' } } },
      ['--root', root],
    );
    expect(() => statSync(join(outside, 'a'))).toThrow('ENOENT');
    expect(() => statSync(join(outside, 'b'))).toThrow('ENOENT');
    expect(result.code).toBe(0);
    expect(readFileSync(join(root, outside, 'a'), 'utf8')).toBe('a');
    expect(readFileSync(join(root, 'escape-outside/b'), 'utf8')).toBe('b');
  });
});

test('--resume is accepted and starts', async () => {
  const root = rootWith('resume', {});
  expect((await cfnInit(machine(), from('resumed'), ['--root', root, '--resume'])).code).toBe(0);
  expect(cameFrom(root)).toBe('resumed');
});
