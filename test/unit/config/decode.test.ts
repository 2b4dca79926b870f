import { describe, expect, it } from 'vitest';
import { decodeMetadata } from '../../../src/config/decode.ts';
import { decodeConfig, decodeText, INIT, places } from './decoding.ts';

describe('the document', () => {
  it.each<[name: string, text: string, pointer: string, says: RegExp]>([
    ['no object', '[]', '', /object/],
    ['null', 'null', '', /object/],
    ['no Init: it says what there is', '{"a": 1, "b": 2}', '', /AWS::CloudFormation::Init.*\ba\b.*\bb\b/],
    ['an empty document', '{}', '', /AWS::CloudFormation::Init/],
    ['Init that is text', `{"${INIT}": "x"}`, `/${INIT}`, /object/],
    ['Init that is null', `{"${INIT}": null}`, `/${INIT}`, /object/],
  ])('%s is refused', (_name, text, pointer, says) => {
    const { configs, findings } = decodeText(text);
    expect(configs).toEqual([]);
    expect(findings).toEqual([expect.objectContaining({ severity: 'error', pointer })]);
    expect(`${findings[0]?.what} ${findings[0]?.hint}`).toMatch(says);
  });

  it('an empty Init asks for nothing', () => {
    expect(decodeText(`{"${INIT}": {}}`)).toEqual({
      configs: [],
      findings: [],
      secrets: [],
      privateTexts: [],
      openTexts: [],
    });
  });

  it.each([
    ['an empty config', {}],
    ['null sections', { packages: null, groups: null, users: null, sources: null, files: null, commands: null }],
    ['empty sections', { packages: {}, files: {}, commands: {}, services: {} }],
    ['null managers', { packages: { yum: null }, services: { systemd: null } }],
  ])('%s asks for nothing', (_name, config) => {
    const { configs, findings } = decodeConfig(config);
    expect(findings).toEqual([]);
    expect(configs).toHaveLength(1);
    const { name, packages, ...sections } = configs[0] as NonNullable<(typeof configs)[0]>;
    expect(name).toBe('config');
    expect(packages.flatMap((entry) => entry.packages)).toEqual([]);
    expect(Object.values(sections).flat()).toEqual([]);
  });

  it('a config that is selected twice is applied twice, its problems are told once', () => {
    const init = { a: { commands: { x: { command: 'true', old: 1 } } }, configSets: { default: ['a', 'a'] } };
    const { configs, findings } = decodeMetadata(
      { value: { [INIT]: init }, text: JSON.stringify({ [INIT]: init }) },
      [],
    );
    expect(configs.map(({ name }) => name)).toEqual(['a', 'a']);
    expect(findings).toHaveLength(1);
  });

  it('what is not selected is not looked at', () => {
    const init = { a: {}, bad: { files: 7 }, configSets: { default: ['a'], other: ['bad'] } };
    const text = JSON.stringify({ [INIT]: init });
    expect(decodeText(text).findings).toEqual([]);
    expect(decodeText(text, ['other']).findings).toHaveLength(1);
  });
});

describe('problems', () => {
  it('are all told at once, with exact pointers', () => {
    const decoded = decodeConfig({
      packages: { portage: { x: [] }, msi: { y: 'z' }, yum: 'httpd' },
      groups: { g: { gid: 'many' } },
      users: { u: { uid: -1, homeDir: 'home' }, '-x': {} },
      sources: { 'relative/dir': 'http://h/a.tgz', '/opt': 'ftp://h/a.tgz' },
      files: { '/etc/motd': { content: 'x', mode: 123 }, '/a/b~c': { content: 'x', owner: '', encoding: 'gzip' } },
      commands: {
        a: {},
        b: { command: 7 },
        c: { command: 'x', waitAfterCompletion: 'forever', ignoreErrors: 'maybe' },
      },
      services: { windows: {}, launchd: {}, systemd: { s: { enabled: 'on', files: { a: 1 } } } },
    });
    expect(places(decoded)).toEqual(
      [
        'error packages/portage',
        'error packages/msi',
        'error packages/yum',
        'error groups/g/gid',
        'error users/u/uid',
        'error users/u/homeDir',
        'error users/-x',
        'error sources/relative~1dir',
        'error sources/~1opt',
        'error files/~1etc~1motd/mode',
        'error files/~1a~1b~0c/owner',
        'error files/~1a~1b~0c/encoding',
        'error commands/a',
        'error commands/b/command',
        'error commands/c/waitAfterCompletion',
        'error commands/c/ignoreErrors',
        'error services/windows',
        'error services/launchd',
        'error services/systemd/s/enabled',
        'error services/systemd/s/files',
      ].sort(),
    );
  });

  it('of several configs are told together', () => {
    const init = { a: { files: [] }, b: { commands: 'x' }, configSets: { default: ['a', 'b', 'c'] } };
    expect(decodeText(JSON.stringify({ [INIT]: init })).findings.map(({ pointer }) => pointer)).toEqual([
      `/${INIT}/configSets/default/2`,
      `/${INIT}/a/files`,
      `/${INIT}/b/commands`,
    ]);
  });

  it('in the content of a file are told beside those of its name and mode', () => {
    const decoded = decodeConfig({
      files: {
        '/a': { content: '!', encoding: 'base64', mode: 'rw' },
        b: { content: '{{#x}}', context: {} },
        '/c': { source: 'nowhere', mode: 'rw' },
      },
    });
    expect(places(decoded)).toEqual([
      'error files/b',
      'error files/b/content',
      'error files/~1a/content',
      'error files/~1a/mode',
      'error files/~1c/mode',
      'error files/~1c/source',
    ]);
  });

  it('in the contents of files are told beside those of form', () => {
    const decoded = decodeConfig({
      files: { '/a': { content: '!', encoding: 'base64' }, '/b': {}, '/c': { content: 'x', mode: 'rw' } },
      commands: { x: {} },
    });
    expect(places(decoded)).toEqual([
      'error commands/x',
      'error files/~1a/content',
      'error files/~1b',
      'error files/~1c/mode',
    ]);
  });

  it('name what is missing', () => {
    const { findings } = decodeConfig({ commands: { x: { test: 'true' } } });
    expect(findings[0]?.what).toMatch(/command.*missing/);
  });

  it.each([
    ['packages', []],
    ['groups', 'wheel'],
    ['users', ['joe']],
    ['sources', 1],
    ['files', '/etc/motd'],
    ['commands', ['true']],
    ['services', true],
  ])('%s as %j is refused', (section, value) => {
    expect(places(decodeConfig({ [section]: value }))).toEqual([`error ${section}`]);
  });

  it.each(['__proto__', 'constructor', 'prototype'])(
    'a name that JavaScript keeps for itself is not dropped: %s',
    (name) => {
      const config = `{"commands": {"${name}": {"command": "true"}}, "packages": {"python": {"${name}": []}}}`;
      const { configs, findings } = decodeText(`{"${INIT}": {"config": ${config}}}`);
      const names = configs.flatMap(({ commands, packages }) => [
        ...commands.map((command) => command.name),
        ...packages.flatMap((entry) => entry.packages.map((request) => request.name)),
      ]);
      const refused = findings.filter(({ severity }) => severity === 'error').map(({ pointer }) => pointer);
      expect(names.length + refused.length).toBe(2);
    },
  );
});

describe('unknown keys', () => {
  it('are warnings, and the rest is applied', () => {
    const decoded = decodeConfig({
      comment: 'x',
      files: { '/a': { content: '', permissions: '0644' } },
      commands: { c: { command: 'true', timeout: 5 } },
      groups: { g: { name: 'x' } },
      users: { u: { shell: '/bin/sh' } },
      services: { sysvinit: { s: { ensureRunning: true, restart: 'x' } } },
    });
    expect(places(decoded)).toEqual([
      'warning commands/c/timeout',
      'warning comment',
      'warning files/~1a/permissions',
      'warning groups/g/name',
      'warning services/sysvinit/s/restart',
      'warning users/u/shell',
    ]);
    expect(decoded.configs[0]?.commands).toHaveLength(1);
    expect(decoded.configs[0]?.files).toHaveLength(1);
  });

  it('name the keys that are known', () => {
    const { findings } = decodeConfig({ commands: { c: { command: 'true', enviroment: {} } } });
    expect(findings[0]?.what).toContain('enviroment');
    expect(findings[0]?.hint).toContain('env');
  });

  it("in contexts and contents are nobody's business", () => {
    expect(decodeConfig({ files: { '/a': { content: { x: 1 }, context: { y: { z: 2 } } } } }).findings).toEqual([]);
  });
});

describe('secrets', () => {
  const authentication = {
    'AWS::CloudFormation::Authentication': { a: { type: 'basic', username: 'joe', password: 'joes-password' } },
  };

  it.each<[mode: unknown, isSecret: boolean]>([
    ['000600', true],
    ['0400', true],
    ['0700', true],
    [384, true],
    ['0644', false],
    ['0640', true],
    ['0660', true],
    ['0440', true],
    ['0750', true],
    ['0604', false],
    [undefined, false],
  ])('the content of a file with mode %j: %s', (mode, isSecret) => {
    const { privateTexts } = decodeConfig({ files: { '/a': { content: 'top-secret', mode } } });
    expect(privateTexts.map(({ text }) => text)).toEqual(isSecret ? ['top-secret'] : []);
  });

  it('are what is written: decoded and rendered', () => {
    const { privateTexts } = decodeConfig({
      files: {
        '/a': { content: 'dG9wLXNlY3JldA==', encoding: 'base64', mode: '0600' },
        '/b': { content: 'key={{k}}', context: { k: 'rendered' }, mode: '0600' },
      },
    });
    expect(privateTexts.map(({ text }) => text)).toEqual(['top-secret', 'key=rendered']);
  });

  it('are the values of authentications, also where no config is', () => {
    expect(decodeConfig({}, authentication).secrets).toEqual(['joes-password']);
    expect(decodeText(JSON.stringify({ [INIT]: {}, ...authentication })).secrets).toEqual(['joes-password']);
  });
});
