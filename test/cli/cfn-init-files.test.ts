import {
  chmodSync,
  chownSync,
  existsSync,
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
import { type ConfigDocument, cfnInit, complaints, metadata, summary } from '../support/cfn-init.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();
const me = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
let count = 0;

function newRoot(): string {
  const root = join(machine().shared, `root-${count++}`);
  mkdirSync(root);
  return root;
}

const write = (root: string, files: ConfigDocument) => cfnInit(machine(), { files }, ['--root', root]);
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, '0');

describe('content', () => {
  test.each<[string, ConfigDocument, string | Buffer]>([
    ['text', { content: 'a\nb\n' }, 'a\nb\n'],
    ['text without a newline at the end', { content: 'a' }, 'a'],
    ['empty', { content: '' }, ''],
    ['non-ASCII', { content: 'Grüße, 世界 🎉\r\n' }, 'Grüße, 世界 🎉\r\n'],
    ['a NUL in the content', { content: 'a\0b' }, 'a\0b'],
    ['plain by name', { content: 'YQ==', encoding: 'plain' }, 'YQ=='],
    ['base64', { content: 'AAH+/w==', encoding: 'base64' }, Buffer.from([0, 1, 0xfe, 0xff])],
    ['base64 in lines', { content: 'YWJj\nZGVm\r\n', encoding: 'base64' }, 'abcdef'],
    ['an empty base64', { content: '', encoding: 'base64' }, ''],
    ['mustache is left alone without a context', { content: '{{name}}' }, '{{name}}'],
    ['mustache', { content: 'Hi {{name}}', context: { name: 'O & "P" <q>' } }, 'Hi O &amp; &quot;P&quot; &lt;q&gt;'],
    ['mustache, raw', { content: '{{{name}}}|{{&name}}', context: { name: "a'&/=<" } }, "a'&/=<|a'&/=<"],
    ['mustache, paths stay', { content: 'dir={{dir}}', context: { dir: '/var/www/a=b' } }, 'dir=/var/www/a=b'],
    [
      'mustache, sections',
      {
        content: '{{#hosts}}{{name}}:{{port}} {{/hosts}}{{^none}}-{{/none}}',
        context: { hosts: [{ name: 'a', port: 1 }] },
      },
      'a:1 -',
    ],
    ['mustache in base64', { content: 'e3tufX0=', encoding: 'base64', context: { n: 5 } }, '5'],
    [
      'an object: 4 spaces, order kept, non-ASCII kept, no newline at the end',
      { content: { z: 1, a: { ü: [1, null] }, empty: {}, none: [] } },
      '{\n    "z": 1,\n    "a": {\n        "ü": [\n            1,\n            null\n        ]\n    },\n    "empty": {},\n    "none": []\n}',
    ],
  ])('%s', async (_, entry, expected) => {
    const root = newRoot();
    expect(await write(root, { '/etc/app/file': entry })).toMatchObject({ code: 0 });
    expect(readFileSync(join(root, 'etc/app/file'))).toEqual(Buffer.from(expected));
  });

  test('of an object: numbers and keys as the document has them', async () => {
    const root = newRoot();
    const content = '{"10": 1.0, "9": 12345678901234567890, "a": 1e3, "\\u00fc": "\\u00e4\\/"}';
    const document = `{"AWS::CloudFormation::Init": {"config": {"files": {"/a": {"content": ${content}}}}}}`;
    await cfnInit(machine(), document, ['--root', root]);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe(
      '{\n    "10": 1.0,\n    "9": 12345678901234567890,\n    "a": 1e3,\n    "ü": "ä/"\n}',
    );
  });
});

test('numbers of a context are rendered as the document has them', async () => {
  const root = newRoot();
  const entry = '{"content":"v={{v}} id={{id}}","context":{"v":2.0,"id":9007199254740993}}';
  const text = `{"AWS::CloudFormation::Init":{"config":{"files":{"/a":${entry}}}}}`;
  expect((await cfnInit(machine(), text, ['--root', root])).code).toBe(0);
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('v=2.0 id=9007199254740993');
});

describe('modes', () => {
  const table: [unknown, string][] = [
    ['000400', '0400'],
    ['0644', '0644'],
    ['755', '0755'],
    [' 0600 ', '0600'],
    ['100644', '0644'],
    ['0100755', '0755'],
    ['4755', '4755'],
    ['001777', '1777'],
    [644, '0644'],
    [420, '0644'],
    [755, '0755'],
    [493, '0755'],
    [256, '0400'],
    [400, '0400'],
    [100644, '0644'],
    [undefined, '0644'],
    [null, '0644'],
  ];

  test.each(['0000', '0022', '0077', '0777'])('are what the entry says under umask %s', async (umask) => {
    const root = newRoot();
    const files = Object.fromEntries(table.map(([mode], index) => [`/new/dir/f${index}`, { content: 'x', mode }]));
    const script = `umask ${umask}; exec "$0" --root "$1" -`;
    const { code, stderr } = await machine().run(['bash', '-c', script, binary('cfn-init'), root], {
      input: metadata({ files }),
    });
    expect({ code, errors: stderr.split('\n').length }).toEqual({ code: 0, errors: 2 });
    for (const [index, [mode, expected]] of table.entries())
      expect([mode, modeOf(join(root, `new/dir/f${index}`))]).toEqual([mode, expected]);
    for (const directory of ['new', 'new/dir']) expect(modeOf(join(root, directory))).toBe('0755');
  });

  test('an existing file keeps its own when the entry names none', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'f'), 'old', { mode: 0o600 });
    chmodSync(join(root, 'f'), 0o640);
    await write(root, { '/f': { content: 'new' } });
    expect({ mode: modeOf(join(root, 'f')), text: readFileSync(join(root, 'f'), 'utf8') }).toEqual({
      mode: '0640',
      text: 'new',
    });
  });

  test('only the mode differs: it alone is changed', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'f'), 'same');
    chmodSync(join(root, 'f'), 0o777);
    expect(summary(await write(root, { '/f': { content: 'same', mode: '0600' } }))).toBe('1 changed');
    expect(modeOf(join(root, 'f'))).toBe('0600');
  });
});

describe('owners', () => {
  test('a new file belongs to the running user', async () => {
    const root = newRoot();
    await write(root, { '/a/b': { content: '' } });
    expect(statSync(join(root, 'a/b'))).toMatchObject(me);
    expect(statSync(join(root, 'a'))).toMatchObject(me);
  });

  test('an unknown owner or group is an error that names it, and the file is not written', async () => {
    const root = newRoot();
    for (const key of ['owner', 'group']) {
      const ended = await cfnInit(machine(), { files: { [`${root}/a`]: { content: '', [key]: 'nobody-knows' } } });
      expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*nobody-knows/m) });
    }
    expect(readdirSync(root)).toEqual([]);
  });

  test('names come from the root, numbers are taken as they are', async (context) => {
    if (me.uid !== 0) context.skip('needs root');
    const root = newRoot();
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/passwd'), 'web:x:4001:4002::/:/bin/false\n');
    writeFileSync(join(root, 'etc/group'), 'www:x:4003:\n');
    const files = {
      '/names': { content: 'x', owner: 'web', group: 'www', mode: '0600' },
      '/numbers': { content: 'x', owner: '5001', group: 5002 },
      '/setid': { content: 'x', owner: 'web', mode: '6755' },
    };
    expect((await write(root, files)).code).toBe(0);
    expect(statSync(join(root, 'names'))).toMatchObject({ uid: 4001, gid: 4003, mode: 0o100600 });
    expect(statSync(join(root, 'numbers'))).toMatchObject({ uid: 5001, gid: 5002 });
    expect(statSync(join(root, 'setid'))).toMatchObject({ uid: 4001, mode: 0o106755 });
    expect(summary(await write(root, files))).toBe('3 unchanged');
    // Without owner and group in the entry, those of the file stay.
    await write(root, { '/names': { content: 'new' } });
    expect(statSync(join(root, 'names'))).toMatchObject({ uid: 4001, gid: 4003, mode: 0o100600 });
  });
});

describe('symbolic links', () => {
  test.each<unknown>(['120777', '120644', 120644, '0120000', 41380])('mode %j makes one', async (mode) => {
    const root = newRoot();
    const files = { '/etc/link': { content: '../target/of it\n', mode } };
    expect((await write(root, files)).code).toBe(0);
    expect(readlinkSync(join(root, 'etc/link'))).toBe('../target/of it');
    expect(summary(await write(root, files))).toBe('1 unchanged');
  });

  test('another target replaces it', async () => {
    const root = newRoot();
    symlinkSync('old', join(root, 'link'));
    await write(root, { '/link': { content: 'new', mode: '120777' } });
    expect(readlinkSync(join(root, 'link'))).toBe('new');
  });

  test('a file is replaced by a link, and a link by a file; what it led to stays', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'precious'), 'precious');
    writeFileSync(join(root, 'a'), 'file');
    symlinkSync('precious', join(root, 'b'));
    await write(root, { '/a': { content: 'precious', mode: '120777' }, '/b': { content: 'file now' } });
    expect(readlinkSync(join(root, 'a'))).toBe('precious');
    expect(lstatSync(join(root, 'b')).isFile()).toBe(true);
    expect(readFileSync(join(root, 'precious'), 'utf8')).toBe('precious');
  });
});

describe('a second run', () => {
  test('changes nothing and says so', async () => {
    const root = newRoot();
    const files = {
      '/a': { content: 'a', mode: '0600' },
      '/b/c': { content: { k: 1 } },
      '/d': { content: 'YQ==', encoding: 'base64' },
      '/e': { content: 'a', mode: '120777' },
      '/f': { content: '{{x}}', context: { x: 1 } },
      '/g': { content: '' },
    };
    const first = await write(root, files);
    expect({ code: first.code, summary: summary(first) }).toEqual({ code: 0, summary: '6 changed' });
    const before = readdirSync(root).map((name) => lstatSync(join(root, name)).ino);
    const second = await write(root, files);
    expect({ code: second.code, stdout: second.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^cfn-init: 6 unchanged in [^\n]+\n$/),
    });
    expect(readdirSync(root).map((name) => lstatSync(join(root, name)).ino)).toEqual(before);
    expect(readdirSync(root).sort()).toEqual(['a', 'b', 'd', 'e', 'f', 'g']);
  });

  test('puts back what somebody changed', async () => {
    const root = newRoot();
    const files = { '/a': { content: 'a' }, '/b': { content: 'b' } };
    await write(root, files);
    writeFileSync(join(root, 'a'), 'z');
    expect(summary(await write(root, files))).toBe('1 changed, 1 unchanged');
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('a');
  });
});

describe('what stands in the way', () => {
  test('a directory: an error that names it; it stays; the first failure ends the run', async () => {
    const root = newRoot();
    mkdirSync(join(root, 'b/full'), { recursive: true });
    const result = await write(root, { '/a': { content: '' }, '/b': { content: '' }, '/c': { content: '' } });
    expect({ code: result.code, summary: summary(result) }).toEqual({
      code: 1,
      summary: '1 changed, 1 failed, 1 not run',
    });
    expect(complaints(result).filter((line) => /^cfn-init: (?!warning)[^\n]*\/b/.test(line))).toHaveLength(1);
    expect(readdirSync(root)).toEqual(['a', 'b']);
  });

  test('a file where a parent should be', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'a'), 'file');
    const { code, stderr } = await write(root, { '/a/b': { content: '' } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*\/a\/b[^\n]*$/m) });
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('file');
  });

  test('a fifo is replaced and never read', async () => {
    const root = newRoot();
    await machine().run(['mkfifo', join(root, 'a')]);
    const { code } = await cfnInit(machine(), { files: { '/a': { content: 'x' } } }, ['--root', root], {
      timeout: 10_000,
    });
    expect({ code, text: readFileSync(join(root, 'a'), 'utf8') }).toEqual({ code: 0, text: 'x' });
  });

  test('a planted link is replaced, not followed: what it leads to stays', async () => {
    const directory = newRoot();
    writeFileSync(join(directory, 'victim'), 'victim');
    symlinkSync(join(directory, 'victim'), join(directory, 'planted'));
    const { code } = await cfnInit(machine(), { files: { [join(directory, 'planted')]: { content: 'x' } } });
    expect({ code, victim: readFileSync(join(directory, 'victim'), 'utf8') }).toEqual({ code: 0, victim: 'victim' });
    expect(lstatSync(join(directory, 'planted')).isFile()).toBe(true);
  });

  test('a temporary name that somebody planted as a link is not written through', async () => {
    const directory = newRoot();
    writeFileSync(join(directory, 'victim'), 'victim');
    // The process id of the next commands is not known: plant a few hundred.
    const script = `for i in $(seq $$ $(($$ + 300))); do ln -s victim ".f.cfntools-$i"; done; exec "$0" -`;
    const { code } = await machine().run(['bash', '-c', script, binary('cfn-init')], {
      cwd: directory,
      input: metadata({ files: { [join(directory, 'f')]: { content: 'x' } } }),
    });
    expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('victim');
    if (code === 0) expect(lstatSync(join(directory, 'f')).isFile()).toBe(true);
  });

  test('a directory link of a stranger in a directory like /tmp is not followed', async (context) => {
    if (me.uid !== 0) context.skip('needs root');
    const directory = newRoot();
    const shared = join(directory, 'tmp');
    const target = join(directory, 'target');
    for (const path of [shared, target]) mkdirSync(path);
    chmodSync(shared, 0o1777);
    await machine().run([
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'ln',
      '-s',
      target,
      join(shared, 'app'),
    ]);
    expect(lstatSync(join(shared, 'app')).uid).toBe(65534);
    const { code, stderr } = await cfnInit(machine(), { files: { [join(shared, 'app/conf')]: { content: 'x' } } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('app') });
    expect(readdirSync(target)).toEqual([]);
  });
});

describe('an ordinary user', () => {
  test('in a directory that is not theirs: one line that names the file, exit 1', async () => {
    const directory = newRoot();
    const user = me.uid === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    chmodSync(directory, 0o555);
    if (me.uid === 0) chownSync(directory, 0, 0);
    const path = join(directory, 'file');
    const { code, stderr } = await machine().run([...user, binary('cfn-init'), '-'], {
      input: metadata({ files: { [path]: { content: 'x' } } }),
    });
    expect({ code, stderr, written: existsSync(path) }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^cfn-init: [^\\n]*${path}[^\\n]*\\n$`)),
      written: false,
    });
  });

  test('writes what they may, as themselves', async () => {
    const directory = newRoot();
    const user = me.uid === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    chmodSync(directory, 0o777);
    const path = join(directory, 'sub/file');
    const { code, stdout } = await machine().run([...user, binary('cfn-init'), '-'], {
      input: metadata({ files: { [path]: { content: 'x', mode: '0640' } } }),
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('1 changed') });
    expect(statSync(path)).toMatchObject({ uid: me.uid === 0 ? 65534 : me.uid, mode: 0o100640 });
  });
});

test('a name of 255 bytes, and one with odd characters', async () => {
  const root = newRoot();
  const files = { [`/${'n'.repeat(255)}`]: { content: 'x' }, '/a "b" $c; ü\n': { content: 'y' } };
  expect((await write(root, files)).code).toBe(0);
  expect(readdirSync(root).sort()).toEqual(['a "b" $c; ü\n', 'n'.repeat(255)]);
  expect(summary(await write(root, files))).toBe('2 unchanged');
});

describe('hooks of cfn-hup that are written', () => {
  const main = '[main]\nstack=s1\n';
  const hook = (name: string, resource: string, action: string, triggers = 'post.update') =>
    `[${name}]\ntriggers=${triggers}\npath=Resources.${resource}.Metadata\naction=${action}\n`;
  const told = (ended: Parameters<typeof complaints>[0]) =>
    complaints(ended).filter((line) => !line.includes('applying to'));

  test('and cannot work are told, after the files are there; once', async () => {
    const root = newRoot();
    const files = {
      '/etc/cfn/cfn-hup.conf': { content: main },
      '/etc/cfn/hooks.conf': {
        content: hook('a', 'Web', 'cfn-init -r Web -c update') + hook('b', 'Db', 'cfn-init -r Web runas=root'),
      },
      '/etc/cfn/hooks.d/c.conf': {
        content: hook('c', 'Web', 'true', 'on.command') + hook('d', 'Web', 'true', 'post.upd'),
      },
    };
    const ended = await write(root, files);
    expect({ code: ended.code, summary: summary(ended) }).toEqual({ code: 0, summary: '3 changed' });
    const lines = [
      '/etc/cfn/hooks.d/c.conf:2: hook [c]: it never runs: its only trigger is on.command',
      '/etc/cfn/hooks.d/c.conf:6: hook [d]: unknown trigger "post.upd"',
      '/etc/cfn/hooks.conf:8: hook [b]: runas= is on the line of action',
      '/etc/cfn/hooks.conf:4: hook [a]: the action fails with the metadata of Web: no config set "update", the document has no configSets',
      '/etc/cfn/hooks.conf:8: hook [b]: the path follows Db, and the action applies Web',
    ];
    expect(told(ended)).toEqual(lines.map((line) => expect.stringContaining(`cfn-init: warning: ${line}: `)));
    expect(told(await write(root, files))).toEqual([]);
  });

  test.each<[what: string, files: ConfigDocument]>([
    [
      'that work',
      {
        '/etc/cfn/cfn-hup.conf': { content: main },
        '/etc/cfn/hooks.d/a': { content: hook('a', 'Web', 'cfn-init -s s1 -r Web') },
      },
    ],
    ['that no cfn-hup.conf goes with', { '/etc/cfn/hooks.d/a': { content: 'x' } }],
    ['that are of another program', { '/etc/kea/hooks.d/a': { content: 'x' } }],
  ])('%s: not a word', async (_, files) => {
    const ended = await write(newRoot(), files);
    expect({ code: ended.code, told: told(ended) }).toEqual({ code: 0, told: [] });
  });
});
