import { describe, expect, it } from 'vitest';
import { decodeConfig, decodeText, INIT, places } from './decoding.ts';

const saidOf = ({ findings }: ReturnType<typeof decodeConfig>): string[] =>
  findings.map(({ severity, what, hint }) => `${severity}: ${what}${hint === undefined ? '' : `: ${hint}`}`);

describe('a function of a template that nobody has resolved', () => {
  it.each<[config: object, place: string]>([
    [{ commands: { a: { command: { 'Fn::Sub': 'x ${A}' } } } }, 'commands/a/command'],
    [{ commands: { a: { command: ['echo', { Ref: 'Name' }] } } }, 'commands/a/command/1'],
    [{ commands: { a: { command: 'true', env: { A: { get_param: 'a' } } } } }, 'commands/a/env/A'],
    [{ commands: { a: { command: 'true', cwd: { 'Fn::GetAtt': ['a', 'b'] } } } }, 'commands/a/cwd'],
    [{ files: { '/a': { content: 'x', mode: { str_replace: {} } } } }, 'files/~1a/mode'],
    [{ files: { '/a': { content: 'x', context: { a: { Ref: 'b' } } } } }, 'files/~1a/context/a'],
    [{ files: { '/a': { source: { list_join: ['', []] } } } }, 'files/~1a/source'],
    [{ sources: { '/a': { 'Fn::Join': ['', []] } } }, 'sources/~1a'],
    [{ packages: { apt: { a: [{ Ref: 'Version' }] } } }, 'packages/apt/a/0'],
    [{ packages: { apt: { 'Fn::If': ['a', 'b', 'c'] } } }, 'packages/apt'],
    [{ packages: { 'Fn::If': ['a', 'b', 'c'] } }, 'packages'],
    [{ services: { systemd: { a: { enabled: { Ref: 'b' } } } } }, 'services/systemd/a/enabled'],
    [{ services: { systemd: { a: { files: { 'Fn::Split': [',', 'a'] } } } } }, 'services/systemd/a/files'],
    [{ users: { a: { groups: [{ Ref: 'b' }] } } }, 'users/a/groups/0'],
    [{ packages: { yum: { Ref: 'Packages' } } }, 'packages/yum'],
    [{ packages: { yum: { get_attr: ['a', 'b'] } } }, 'packages/yum'],
    [{ services: { systemd: { a: { packages: { Ref: 'b' } } } } }, 'services/systemd/a/packages'],
    [{ services: { systemd: { a: { get_param: 'b' } } } }, 'services/systemd/a'],
    [{ files: { '/a': { Ref: 'b' } } }, 'files/~1a'],
    [{ files: { Ref: 'b' } }, 'files'],
    [{ commands: { a: { get_file: 'b' } } }, 'commands/a'],
    [{ files: { '/a': { content: 'x', context: { a: { b: [{ get_param: 'b' }] } } } } }, 'files/~1a/context/a/b/0'],
  ])('%j is one error', (config, place) => {
    expect(places(decodeConfig(config)).filter((line) => line.startsWith('error'))).toEqual([`error ${place}`]);
  });

  it('says what Heat has instead', () => {
    expect(saidOf(decodeConfig({ commands: { a: { command: { 'Fn::Sub': 'x' } } } }))).toEqual([
      'error: Fn::Sub was not resolved: heat does not know it: use Fn::Join, or str_replace in a HOT template',
    ]);
  });

  it.each(['Fn::Sub', 'Ref', 'get_file'])('%s as the content of a file is written as JSON, with a warning', (name) => {
    const decoded = decodeConfig({ files: { '/a': { content: { [name]: 'x' } } } });
    expect(places(decoded)).toEqual(['warning files/~1a/content']);
    expect(decoded.configs[0]?.files).toHaveLength(1);
  });

  it('in the depth of a content it is told where', () => {
    const content = { a: [1, { b: { 'Fn::Sub': 'x' } }], c: { Ref: 'd' } };
    expect(places(decodeConfig({ files: { '/a': { content } } }))).toEqual(['warning files/~1a/content/a/1/b']);
  });

  it.each([[{ buckets: [{ Ref: 'B' }] }], [{ password: { get_param: 'p' } }], [{ roleName: { 'Fn::GetAtt': ['a'] } }]])(
    'in an authentication block: %j is an error',
    (block) => {
      const decoded = decodeConfig({}, { 'AWS::CloudFormation::Authentication': { s3: { type: 'S3', ...block } } });
      expect(saidOf(decoded)).toEqual([expect.stringContaining('was not resolved')]);
    },
  );

  it.each<[config: object]>([
    [{ 'Fn::If': ['a', 'b', 'c'] }],
    [{ Ref: 'a' }],
    [{ files: { 'Fn::Transform': { Name: 'AWS::Include' } } }],
    [{ commands: { a: { Ref: 'b' } } }],
  ])('%j is said once', (config) => {
    expect(saidOf(decodeConfig(config))).toEqual([expect.stringContaining('was not resolved')]);
  });

  it.each([{ Ref: 'a' }, { 'Fn::If': ['a', {}, {}] }, { get_param: 'a' }])(
    '%j as the Init, or as the authentications',
    (value) => {
      expect(saidOf(decodeText(JSON.stringify({ [INIT]: value })))).toEqual([
        expect.stringContaining('was not resolved'),
      ]);
      const decoded = decodeConfig({}, { 'AWS::CloudFormation::Authentication': value });
      expect(saidOf(decoded)).toEqual([expect.stringContaining('was not resolved')]);
    },
  );

  it('in a config set it is an error', () => {
    const { findings } = decodeText(JSON.stringify({ [INIT]: { configSets: { default: [{ Ref: 'Set' }] } } }));
    expect(findings.map(({ what }) => what)).toEqual(['Ref was not resolved']);
  });

  it.each<[config: object]>([
    [{ commands: { if: { command: 'true' } } }],
    [{ groups: { repeat: {} } }],
    [{ packages: { apt: { filter: [] } } }],
    [{ services: { systemd: { not: { enabled: true } } } }],
    [{ services: { systemd: { a: { packages: { apt: ['b'] } } } } }],
    [{ commands: { a: { command: 'true', env: { Ref: 'x' } } } }],
    [{ files: { '/a': { content: { a: { if: 'b' }, Resources: { filter: 'b' } } } } }],
    [{ files: { '/a': { content: { Resources: { a: { Ref: 'b' } } } } } }],
    [{ files: { '/a': { content: { Ref: 'b', more: 1 } } } }],
    [{ files: { '/a': { content: '{{if}}', context: { if: 'x' } } } }],
    [{ files: { '/a': { content: '{{a.filter}}', context: { a: { filter: 'x' } } } } }],
    [{ files: { '/a': { content: '{{#a}}{{digest}}{{/a}}', context: { a: [{ digest: 'x' }] } } } }],
    [{ commands: { Ref: { command: 'true' } } }],
    [{ packages: { yum: { Ref: [] } } }],
  ])('%j has none', (config) => {
    expect(decodeConfig(config).findings).toEqual([]);
  });
});

describe('a name for which a context has nothing', () => {
  it.each<[content: string, context: object, names: string | undefined]>([
    ['{{a}} {{b}} {{{c}}} {{&d}} {{b}}', { a: 1 }, '{{b}}, {{c}}, {{d}}'],
    ['{{a.b}} {{a.c}}', { a: { b: 0 } }, '{{a.c}}'],
    ['{{#list}}{{inner}}{{/list}}{{^none}}x{{/none}}', { list: [] }, undefined],
    ['{{#list}}{{a}}{{b}}{{outer}}{{/list}}', { list: [{ a: 1 }, { a: null }], outer: 1 }, '{{b}}'],
    ['{{toString}}', {}, '{{toString}}'],
    ['{{a}}', { a: '' }, undefined],
    ['{{!comment}}', {}, undefined],
  ])('%s', (content, context, names) => {
    expect(saidOf(decodeConfig({ files: { '/a': { content, context } } }))).toEqual(
      names === undefined ? [] : [`warning: nothing in the context for ${names}: it is left empty`],
    );
  });
});

describe('a key that occurs twice', () => {
  const text = (config: string): string => `{\n"${INIT}": {\n"config": ${config},\n"other": {"a": 1, "a": 2}}}`;

  it.each<[config: string, place: string, where: string]>([
    ['{"files": {"/a": {"content": "1"},\n"/a": {"content": "2"}}}', 'files/~1a', 'on line 3 and on line 4'],
    ['{"commands": {"a": {"command": "x", "command": "true"}}}', 'commands/a/command', 'both on line 3'],
    ['{"files": {},\n\n"files": {}}', 'files', 'on line 3 and on line 5'],
    ['{"packages": {"apt": [], "ap\\u0074": []}}', 'packages/apt', 'both on line 3'],
  ])('%s', (config, place, where) => {
    const decoded = decodeText(text(config));
    expect(places(decoded)).toEqual([`warning ${place}`]);
    expect(decoded.findings[0]?.what).toContain(`occurs twice, ${where}`);
  });

  it.each([
    '{"files": {"/a": {"content": {"x": 1, "x": 2}}}}',
    '{"commands": {"a": {"command": "true", "env": {"A": "\\"A\\": {", "B": "A"}}}}',
    '{"files": {"/a": {"content": "{\\"a\\": 1, \\"a\\": 2}"}}}',
  ])('is none in %s', (config) => {
    expect(decodeText(text(config)).findings).toEqual([]);
  });
});

describe('metadata that is not where it should be', () => {
  it.each<[value: object, hint: string]>([
    [{ Metadata: { [INIT]: {} } }, 'it is below "Metadata": give the value of that key'],
    [{ metadata: { [INIT]: {} } }, 'it is below "metadata": give the value of that key'],
    [{ Web: { Type: 'x', Metadata: { [INIT]: {} } } }, 'it is below "Web", "Metadata": give the value of that key'],
    [
      { resource: { attributes: {}, metadata: { [INIT]: {} } } },
      'it is below "resource", "metadata": give the value of that key',
    ],
    [
      { Resources: { Db: {}, Web: { Metadata: { [INIT]: {} } } } },
      'this is a whole template: give the metadata of one of its resources: Web',
    ],
    [{ [INIT]: { files: {} } }, 'these are the sections of a config: write "config": { ... } around them'],
    [{ [INIT]: { Config: {} } }, '"Config" is not read: did you mean config?'],
    [{ [INIT]: { setup: {} } }, 'name one of them; there are: setup'],
    [{ Resources: { a: {} } }, 'this is a whole template: give the metadata of one of its resources'],
    [
      { heat_template_version: '2018-08-31', resources: {} },
      'this is a whole template: give the metadata of one of its resources',
    ],
    [{ config: {} }, `this is what belongs below it: write { "${INIT}": { ... } } around it`],
    [{ other: 1 }, 'it has: other'],
    [{}, 'it is empty'],
  ])('%j', (value, hint) => {
    expect(decodeText(JSON.stringify(value)).findings[0]?.hint).toBe(hint);
  });
});

describe('a name of a config or a set that is nearly right', () => {
  it.each<[init: object, hint: string]>([
    [{ configSets: { default: ['Setup'] }, setup: {} }, 'did you mean setup?'],
    [{ configSets: { default: [{ ConfigSet: 'instal' }], install: [] } }, 'did you mean install?'],
    [{ configSets: { default: ['other'] }, setup: {} }, 'there are: setup'],
    [{ configSets: { default: ['other'] } }, 'there are: none'],
  ])('%j', (init, hint) => {
    expect(decodeText(JSON.stringify({ [INIT]: init })).findings[0]?.hint).toBe(hint);
  });
});

describe('a key that is nearly right', () => {
  it.each([
    ['ensurerunning', 'ensureRunning'],
    ['EnsureRunning', 'ensureRunning'],
    ['enable', 'enabled'],
    ['file', 'files'],
  ])('%s of a service', (key, meant) => {
    const { findings } = decodeConfig({ services: { systemd: { a: { [key]: true } } } });
    expect(findings.map(({ hint }) => hint)).toEqual([`did you mean ${meant}?`]);
  });
});

it('versions may be an empty object', () => {
  const { configs, findings } = decodeConfig({ packages: { apt: { php: {}, 'a b': 1 } } });
  expect(findings.map(({ pointer }) => pointer)).toEqual([`/${INIT}/config/packages/apt/a b`]);
  expect(configs).toHaveLength(1);
  expect(decodeConfig({ packages: { apt: { php: {} } } }).configs[0]?.packages[0]?.packages).toEqual([
    { name: 'php', versions: [] },
  ]);
});

describe('a key that is nearly what is read', () => {
  it.each<[document: object, says: string]>([
    [{ [INIT]: { config: {}, configsets: {} } }, 'did you mean configSets?'],
    [{ [INIT]: { config: {} }, 'AWS::CloudFormation::Authentification': {} }, 'did you mean AWS::CloudFormation::Auth'],
    [
      { [INIT]: { config: {} }, 'AWS::CloudFormation::Authentication': { a: { type: 'S3', accessKeyID: 'x' } } },
      'did you mean accessKeyId?',
    ],
    [{ 'AWS::Cloudformation::Init': {} }, 'write AWS::CloudFormation::Init'],
    [{ files: {}, Metadata: 1 }, 'these are the sections of a config'],
    [{ [INIT]: { config: { packages: { Yum: {} } } } }, 'did you mean yum?'],
    [{ [INIT]: { config: { services: { sysvint: {} } } } }, 'did you mean sysvinit?'],
    [{ [INIT]: { config: { packages: { brew: {} } } } }, 'known: dpkg, rpm, apt'],
  ])('%j', (document, says) => {
    expect(saidOf(decodeText(JSON.stringify(document)))).toEqual([expect.stringContaining(says)]);
  });

  it('a config may be called so', () => {
    const init = { configSets: { default: ['configset'] }, configset: {} };
    expect(decodeText(JSON.stringify({ [INIT]: init })).findings).toEqual([]);
  });
});
