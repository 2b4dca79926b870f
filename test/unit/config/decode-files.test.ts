import { describe, expect, it } from 'vitest';
import type { FileEntry } from '../../../src/config/config.ts';
import { decodeConfig, decodeText, INIT, places } from './decoding.ts';

function fileOf(file: unknown, beside: Record<string, unknown> = {}): FileEntry {
  const { configs, findings } = decodeConfig({ files: { '/f': file } }, beside);
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  return configs[0]?.files[0] as FileEntry;
}

function contentOf(file: unknown): string {
  const { content } = fileOf(file);
  return content.kind === 'inline' ? Buffer.from(content.bytes).toString('utf8') : content.url;
}

describe('content', () => {
  it.each<[name: string, file: Record<string, unknown>, expected: string]>([
    ['text', { content: 'a\nb\n' }, 'a\nb\n'],
    ['empty text', { content: '' }, ''],
    ['ünïcode', { content: 'ü値😀' }, 'ü値😀'],
    ['an object', { content: { b: 1, a: { c: [] } } }, '{\n    "b": 1,\n    "a": {\n        "c": []\n    }\n}'],
    ['a list', { content: ['a', 1] }, '[\n    "a",\n    1\n]'],
    ['an empty object', { content: {} }, '{}'],
    ['a number', { content: 42 }, '42'],
    ['a truth value', { content: false }, 'false'],
    ['plain encoding', { content: 'eA==', encoding: 'plain' }, 'eA=='],
    ['base64', { content: 'aGVsbG8K', encoding: 'base64' }, 'hello\n'],
    ['base64 over several lines', { content: ' aGVs\n bG8K\n', encoding: 'base64' }, 'hello\n'],
    ['base64 of nothing', { content: '', encoding: 'base64' }, ''],
    ['a context', { content: 'a={{a}} {{{a}}}', context: { a: '<&>"\'/=' } }, "a=&lt;&amp;&gt;&quot;'/= <&>\"'/="],
    ['an empty context', { content: '[{{a}}]', context: {} }, '[]'],
    ['no context: braces stay', { content: '{{a}} {{#b}}' }, '{{a}} {{#b}}'],
    ['a null context: braces stay', { content: '{{a}}', context: null }, '{{a}}'],
    ['base64 with a context', { content: 'e3thfX0=', encoding: 'base64', context: { a: 1 } }, '1'],
    ['an object with a context', { content: { k: '{{a}}' }, context: { a: 'v' } }, '{\n    "k": "v"\n}'],
    ['content before source', { content: 'x', source: 'http://h/y' }, 'x'],
    ['a source', { source: 'https://h/a?b=%2F' }, 'https://h/a?b=%2F'],
  ])('%s', (_name, file, expected) => {
    expect(contentOf(file)).toBe(expected);
  });

  it('keeps bytes that are no text', () => {
    const { content } = fileOf({ content: '//79AIA=', encoding: 'base64' });
    expect(content).toEqual({ kind: 'inline', bytes: Buffer.from([0xff, 0xfe, 0xfd, 0x00, 0x80]) });
  });

  it.each<[name: string, template: string, context: string, expected: string]>([
    ['a fraction of nothing', '{{v}}', '{"v":2.0}', '2.0'],
    ['a 64-bit integer', '{{id}}', '{"id":9007199254740993}', '9007199254740993'],
    ['below objects and in lists', '{{a.b}}{{#l}} {{.}}{{/l}}', '{"a":{"b":1.10},"l":[1.0,2.50]}', '1.10 1.0 2.50'],
    ['of a repeated key the last', '{{v}}', '{"v":1.0,"v":2.0}', '2.0'],
    ['a number is true', '{{#n}}yes{{/n}}{{^n}}no{{/n}}', '{"n":1.0}', 'yes'],
    ['zero is false', '{{z}}{{#z}}yes{{/z}}{{^z}}no{{/z}}', '{"z":0}', '0no'],
    ['so is 0.0', '{{#z}}yes{{/z}}{{^z}}no{{/z}}', '{"z":0.0}', 'no'],
    ['text that looks like a number', '{{t}}', '{"t":"2.0"}', '2.0'],
  ])('renders numbers of the context as they are written: %s', (_name, template, context, expected) => {
    const text = `{"${INIT}":{"config":{"files":{"/f":{"content":"${template}","context":${context}}}}}}`;
    const content = decodeText(text).configs[0]?.files[0]?.content;
    expect(content?.kind === 'inline' && Buffer.from(content.bytes).toString()).toBe(expected);
  });

  it('prints objects from the text of the document', () => {
    const text = `{"${INIT}":{"config":{"files":{"/f":{"content":{"z":1.0,"2":9007199254740993,"1":"\\u00fc"}}}}}}`;
    const content = decodeText(text).configs[0]?.files[0]?.content;
    expect(content?.kind === 'inline' && Buffer.from(content.bytes).toString()).toBe(
      '{\n    "z": 1.0,\n    "2": 9007199254740993,\n    "1": "ü"\n}',
    );
  });

  it.each<[name: string, file: Record<string, unknown>, pointer: string]>([
    ['neither content nor source', {}, ''],
    ['null content', { content: null }, ''],
    ['base64 with other characters', { content: 'a*b=', encoding: 'base64' }, '/content'],
    ['base64 that is cut', { content: 'aGVsb', encoding: 'base64' }, '/content'],
    ['a malformed template', { content: '{{#a}}', context: {} }, '/content'],
    ['a context that is no object', { content: '', context: 'a' }, '/context'],
    ['an unknown encoding', { content: '', encoding: 'rot13' }, '/encoding'],
    ['a source that is no URL', { source: 'here' }, '/source'],
    ['another kind of source', { source: 'gopher://h/x' }, '/source'],
    ['no object', 'text' as never, ''],
  ])('refuses %s', (_name, file, pointer) => {
    expect(places(decodeConfig({ files: { '/f': file } }))).toEqual([`error files/~1f${pointer}`]);
  });

  it('warns where both content and source are given', () => {
    expect(places(decodeConfig({ files: { '/f': { content: 'x', source: 'http://h/y' } } }))).toEqual([
      'warning files/~1f/source',
    ]);
  });
});

describe('mode, owner, group', () => {
  it.each<[file: Record<string, unknown>, expected: Partial<FileEntry>]>([
    [{}, { mode: undefined, owner: undefined, group: undefined }],
    [
      { mode: null, owner: null, group: null },
      { mode: undefined, owner: undefined, group: undefined },
    ],
    [
      { mode: '000640', owner: 'joe', group: 'staff' },
      { mode: { kind: 'file', bits: 0o640 }, owner: 'joe', group: 'staff' },
    ],
    [
      { mode: 420, owner: 0, group: '33' },
      { mode: { kind: 'file', bits: 0o644 }, owner: '0', group: '33' },
    ],
    [{ mode: '120777', content: '/target' }, { mode: { kind: 'symlink' } }],
    [{ mode: 120644, content: 'target' }, { mode: { kind: 'symlink' } }],
  ])('%j', (file, expected) => {
    expect(fileOf({ content: '', ...file })).toMatchObject(expected);
  });

  it('a link leads to its content', () => {
    expect(contentOf({ mode: '120777', content: '../x/{{n}}', context: { n: 1 } })).toBe('../x/1');
  });

  it.each<[name: string, file: Record<string, unknown>, pointer: string]>([
    ['a link without a target', { mode: '120777', content: '' }, '/content'],
    ['a link with a NUL', { mode: '120777', content: 'a\0b' }, '/content'],
    ['a link that is downloaded', { mode: '120777', source: 'http://h/x' }, '/source'],
    ['an ambiguous mode', { content: '', mode: 123 }, '/mode'],
    ['a mode that is an object', { content: '', mode: {} }, '/mode'],
    ['an owner with a colon', { content: '', owner: 'a:b' }, '/owner'],
  ])('refuses %s', (_name, file, pointer) => {
    expect(places(decodeConfig({ files: { '/f': file } }))).toEqual([`error files/~1f${pointer}`]);
  });
});

describe('paths', () => {
  it.each(['/etc/motd', '/a b/ü', '/a/.b', '/a/b.', '/a/..b', '/C:'])('takes %j', (path) => {
    expect(decodeConfig({ files: { [path]: { content: '' } } }).configs[0]?.files[0]?.name).toBe(path);
  });

  it.each<[path: string, says: RegExp]>([
    ['etc/motd', /absolute/],
    ['./x', /absolute/],
    ['~/x', /absolute/],
    ['', /absolute/],
    ['C:\\cfn\\x', /Windows/],
    ['c:/cfn/x', /Windows/],
    ['\\\\server\\x', /Windows/],
    ['/etc/', /directory/],
    ['/', /directory/],
    ['/etc/..', /directory/],
    ['/etc/.', /directory/],
    ['/a\0b', /NUL/],
  ])('refuses %j', (path, says) => {
    const { findings } = decodeConfig({ files: { [path]: { content: '' } } });
    expect(findings.map(({ severity }) => severity)).toContain('error');
    expect(findings.map(({ what }) => what).join()).toMatch(says);
    expect(findings[0]?.pointer).toBe(`/${INIT}/config/files/${path.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  });
});

describe('authentication', () => {
  const beside = {
    'AWS::CloudFormation::Authentication': {
      named: { type: 'basic', username: 'joe', password: 'pw' },
      byAddress: { type: 'basic', username: 'ann', password: 'pw', uris: ['https://h/private/'] },
    },
  };

  it.each<[file: Record<string, unknown>, expected: string | undefined]>([
    [{ source: 'https://h/x', authentication: 'named' }, 'named'],
    [{ source: 'https://h/private/x' }, 'byAddress'],
    [{ source: 'https://h/x' }, undefined],
  ])('%j: %s', (file, expected) => {
    const { content } = fileOf(file, beside);
    expect(content.kind === 'download' && content.authentication?.name).toBe(expected);
  });

  it('warns of a name that is not there', () => {
    const decoded = decodeConfig({ files: { '/f': { source: 'https://h/x', authentication: 'none' } } }, beside);
    expect(places(decoded)).toEqual(['warning files/~1f/authentication']);
  });
});
