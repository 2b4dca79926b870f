import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { decodeMetadata } from '../../../src/config/decode.ts';
import { decodeConfig, decodeText, INIT, places } from './decoding.ts';

function configOf(config: unknown, beside: Record<string, unknown> = {}): Config {
  const { configs, findings } = decodeConfig(config, beside);
  expect(findings).toEqual([]);
  return configs[0] as Config;
}

describe('packages', () => {
  it.each<[list: unknown, expected: [name: string, versions: string[]][]]>([
    [{ httpd: [] }, [['httpd', []]]],
    [{ httpd: '' }, [['httpd', []]]],
    [{ httpd: [''] }, [['httpd', []]]],
    [{ httpd: null }, [['httpd', []]]],
    [{ httpd: '2.4.6' }, [['httpd', ['2.4.6']]]],
    [{ httpd: 2.5 }, [['httpd', ['2.5']]]],
    [{ httpd: 7 }, [['httpd', ['7']]]],
    [{ httpd: ['2.4', 2.5, ' 3 '] }, [['httpd', ['2.4', '2.5', '3']]]],
    [{ epel: 'http://h/epel.rpm' }, [['epel', ['http://h/epel.rpm']]]],
    [
      ['httpd', 'php'],
      [
        ['httpd', []],
        ['php', []],
      ],
    ],
    [
      { b: [], a: [] },
      [
        ['b', []],
        ['a', []],
      ],
    ],
    [{}, []],
  ])('%j', (list, expected) => {
    const [entry] = configOf({ packages: { yum: list } }).packages;
    expect(entry).toMatchObject({ name: 'yum', place: 'packages yum' });
    expect(entry?.packages.map(({ name, versions }) => [name, versions])).toEqual(expected);
  });

  it.each([
    ['[6.0]', ['6.0']],
    ['6.10', ['6.10']],
    ['["1", 0.0, 20240101000000000001]', ['1', '0.0', '20240101000000000001']],
  ])('takes the version %s as it is written', (versions, expected) => {
    const text = `{"${INIT}":{"config":{"packages":{"yum":{"other":[],"redis":${versions}}}}}}`;
    const { configs, findings } = decodeText(text);
    expect({ findings, versions: configs[0]?.packages[0]?.packages[1]?.versions }).toEqual({
      findings: [],
      versions: expected,
    });
  });

  it.each(['dpkg', 'rpm', 'apt', 'yum', 'dnf', 'zypper', 'python', 'rubygems'])('knows %s', (manager) => {
    expect(configOf({ packages: { [manager]: { x: [] } } }).packages[0]?.name).toBe(manager);
  });

  it.each<[packages: unknown, place: string]>([
    [{ msi: { x: 'http://h/x.msi' } }, 'packages/msi'],
    [{ yum: { x: { version: 1 } } }, 'packages/yum/x'],
    [{ yum: { x: [[1]] } }, 'packages/yum/x/0'],
    [{ yum: { '-x': [] } }, 'packages/yum/-x'],
    [{ yum: { x: '--force' } }, 'packages/yum/x'],
    [{ yum: { '': [] } }, 'packages/yum/'],
    [{ apt: { 'a^': [] } }, 'packages/apt/a^'],
    [{ apt: { a: ['1', '2 3'] } }, 'packages/apt/a'],
    [{ yum: ['a', 'b;c'] }, 'packages/yum/b;c'],
    [{ yum: 'x' }, 'packages/yum'],
  ])('refuses %j', (packages, place) => {
    expect(places(decodeConfig({ packages }))).toEqual([`error ${place}`]);
  });

  it('tells bad names beside what is wrong with other packages', () => {
    const packages = { yum: { 'b;c': [], x: { version: 1 }, y: '1 2' }, apt: { 'a^': [] } };
    expect(places(decodeConfig({ packages }))).toEqual([
      'error packages/apt/a^',
      'error packages/yum/b;c',
      'error packages/yum/x',
      'error packages/yum/y',
    ]);
  });
});

describe('groups and users', () => {
  it.each<[group: unknown, gid: number | undefined]>([
    [{}, undefined],
    [null, undefined],
    [{ gid: null }, undefined],
    [{ gid: '1000' }, 1000],
    [{ gid: 1000 }, 1000],
    [{ gid: ' 45 ' }, 45],
    [{ gid: 0 }, 0],
  ])('group %j', (group, gid) => {
    expect(configOf({ groups: { g: group } }).groups).toEqual([{ name: 'g', place: 'groups "g"', gid }]);
  });

  it.each<[user: unknown, expected: object]>([
    [{}, { uid: undefined, groups: undefined, home: undefined }],
    [null, { uid: undefined, groups: undefined, home: undefined }],
    [
      { uid: '50', groups: ['a', 'b'], homeDir: '/home/u' },
      { uid: 50, groups: ['a', 'b'], home: '/home/u' },
    ],
    [
      { uid: 50, groups: 'a' },
      { uid: 50, groups: ['a'] },
    ],
    [{ groups: 'a, b' }, { groups: ['a', 'b'] }],
    [{ groups: ['domain users', 'DOM\\x', 'a@b', 50] }, { groups: ['domain users', 'DOM\\x', 'a@b', '50'] }],
    [{ groups: [] }, { groups: [] }],
  ])('user %j', (user, expected) => {
    expect(configOf({ users: { u: user } }).users[0]).toMatchObject({ name: 'u', ...expected });
  });

  it.each<[config: unknown, place: string]>([
    [{ groups: { g: { gid: 'x' } } }, 'groups/g/gid'],
    [{ groups: { g: { gid: -1 } } }, 'groups/g/gid'],
    [{ groups: { g: { gid: 1.5 } } }, 'groups/g/gid'],
    [{ groups: { g: { gid: 4294967295 } } }, 'groups/g/gid'],
    [{ groups: { g: { gid: [] } } }, 'groups/g/gid'],
    [{ groups: { '-g': {} } }, 'groups/-g'],
    [{ users: { u: { uid: '0x10' } } }, 'users/u/uid'],
    [{ users: { u: { homeDir: 'u' } } }, 'users/u/homeDir'],
    [{ users: { u: { groups: {} } } }, 'users/u/groups'],
    [{ users: { 'a:b': {} } }, 'users/a:b'],
    [{ users: { u: { homeDir: '/a:/b' } } }, 'users/u/homeDir'],
    [{ users: { u: { groups: ['a', '-V'] } } }, 'users/u/groups'],
    [{ users: { u: { groups: 'a,--help' } } }, 'users/u/groups'],
  ])('refuses %j', (config, place) => {
    expect(places(decodeConfig(config))).toEqual([`error ${place}`]);
  });
});

describe('sources', () => {
  it.each(['http://h/a.tgz', 'https://h/a?x=%2f', 'file:///a.zip', '/srv/a.zip'])('takes %s', (url) => {
    expect(configOf({ sources: { '/opt/x': url } }).sources).toEqual([
      { name: '/opt/x', place: 'sources "/opt/x"', url, authentication: undefined },
    ]);
  });

  it('finds credentials by address', () => {
    const beside = {
      'AWS::CloudFormation::Authentication': { s: { type: 'S3', roleName: 'r', buckets: ['b'] } },
    };
    const { sources } = configOf({ sources: { '/x': 'https://b.s3.amazonaws.com/a.zip' } }, beside);
    expect(sources[0]?.authentication?.name).toBe('s');
  });

  it.each<[sources: unknown, place: string]>([
    [{ opt: '/a.zip' }, 'sources/opt'],
    [{ 'C:\\x': '/a.zip' }, 'sources/C:\\x'],
    [{ '/x': 'a.zip' }, 'sources/~1x'],
    [{ '/x': 's3://b/a.zip' }, 'sources/~1x'],
    [{ '/x': ['/a.zip'] }, 'sources/~1x'],
    [{ '/x': null }, 'sources/~1x'],
    [{ '/x': '/a\0.zip' }, 'sources/~1x'],
  ])('refuses %j', (sources, place) => {
    expect(places(decodeConfig({ sources }))).toEqual([`error ${place}`]);
  });
});

describe('commands', () => {
  it.each<[command: Record<string, unknown>, expected: object]>([
    [{ command: 'echo $HOME' }, { command: 'echo $HOME', test: undefined, env: undefined, cwd: undefined }],
    [{ command: ['echo', 1, true] }, { command: ['echo', '1', 'true'] }],
    [{ command: 'x', test: ['a', 'b'] }, { test: ['a', 'b'] }],
    [{ command: 'x', env: { A: '1', B: 2, C: true, D: '' } }, { env: { A: '1', B: '2', C: 'true', D: '' } }],
    [{ command: 'x', env: {} }, { env: {} }],
    [{ command: 'x', cwd: '~/src' }, { cwd: '~/src' }],
    [{ command: 'x', runas: ' DOMAIN\\user ' }, { runas: 'DOMAIN\\user' }],
    [{ command: 'x', runas: 33 }, { runas: '33' }],
    [{ command: 'x', ignoreErrors: 'true' }, { ignoreErrors: true }],
    [{ command: 'x', ignoreErrors: 'No' }, { ignoreErrors: false }],
    [{ command: 'x', ignoreErrors: 1 }, { ignoreErrors: true }],
    [{ command: 'x' }, { ignoreErrors: false, waitAfterCompletion: 0 }],
    [{ command: 'x', waitAfterCompletion: '5' }, { waitAfterCompletion: 5 }],
    [{ command: 'x', waitAfterCompletion: 0 }, { waitAfterCompletion: 0 }],
    [{ command: 'x', waitAfterCompletion: 90 }, { waitAfterCompletion: 90 }],
    [
      { command: 'x', test: null, env: null, cwd: null, runas: null, ignoreErrors: null },
      { ignoreErrors: false, env: undefined, runas: undefined },
    ],
  ])('%j', (command, expected) => {
    expect(configOf({ commands: { c: command } }).commands[0]).toMatchObject({ name: 'c', ...expected });
  });

  it.each<[command: Record<string, unknown>, place: string]>([
    [{ command: [] }, '/command'],
    [{ command: {} }, '/command'],
    [{ command: null }, '/command'],
    [{ command: [['a']] }, '/command/0'],
    [{ command: 'a\0b' }, '/command'],
    [{ command: 'x', test: 1 }, '/test'],
    [{ command: 'x', env: ['A=1'] }, '/env'],
    [{ command: 'x', env: { 'A=B': '1' } }, '/env/A=B'],
    [{ command: 'x', env: { A: [1] } }, '/env/A'],
    [{ command: 'x', cwd: 1 }, '/cwd'],
    [{ command: 'x', cwd: 'C:\\x' }, '/cwd'],
    [{ command: 'C:\\cfn\\run.bat' }, '/command'],
    [{ command: 'x', test: ['powershell', 'C:\\cfn\\done'] }, '/test'],
    [{ command: 'x', runas: '' }, '/runas'],
    [{ command: 'x', runas: '-i' }, '/runas'],
    [{ command: 'x', runas: 'a:b' }, '/runas'],
    [{ command: 'x', runas: ['a'] }, '/runas'],
    [{ command: 'x', ignoreErrors: 'perhaps' }, '/ignoreErrors'],
    [{ command: 'x', ignoreErrors: [true] }, '/ignoreErrors'],
    [{ command: 'x', waitAfterCompletion: 'forever' }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: -1 }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: '10s' }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: '1e3' }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: '' }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: 'NaN' }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: true }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: 1e15 }, '/waitAfterCompletion'],
    [{ command: 'x', waitAfterCompletion: 'soon' }, '/waitAfterCompletion'],
  ])('refuses %j', (command, place) => {
    expect(places(decodeConfig({ commands: { c: command } }))).toEqual([`error commands/c${place}`]);
  });
});

describe('services', () => {
  const none = { files: [], sources: [], commands: [], packages: [] };

  it.each<[service: unknown, expected: object]>([
    [{}, { enabled: undefined, ensureRunning: undefined, restartOn: none }],
    [null, { enabled: undefined, ensureRunning: undefined, restartOn: none }],
    [
      { enabled: 'true', ensureRunning: 'false' },
      { enabled: true, ensureRunning: false },
    ],
    [
      { enabled: true, ensureRunning: 'yes' },
      { enabled: true, ensureRunning: true },
    ],
    [{ files: ['/a', '/b'] }, { restartOn: { ...none, files: ['/a', '/b'] } }],
    [
      { files: '/a', sources: '/s', commands: 'c' },
      { restartOn: { ...none, files: ['/a'], sources: ['/s'], commands: ['c'] } },
    ],
    [
      { packages: { yum: ['a', 'b'], python: 'p' } },
      { restartOn: { ...none, packages: ['yum:a', 'yum:b', 'python:p'] } },
    ],
    [{ files: null, packages: { yum: null } }, { restartOn: none }],
  ])('%j', (service, expected) => {
    expect(configOf({ services: { sysvinit: { s: service } } }).services).toEqual([
      expect.objectContaining({
        name: 's',
        manager: 'sysvinit',
        place: 'services sysvinit "s"',
        ...expected,
      }),
    ]);
  });

  it('knows systemd and its unit names', () => {
    const names = ['httpd.service', 'getty@tty1.service', 'a-b_c', '/etc/init.d/nginx'];
    const { services } = configOf({ services: { systemd: Object.fromEntries(names.map((name) => [name, {}])) } });
    expect(services.map(({ name, manager }) => [manager, name])).toEqual(names.map((name) => ['systemd', name]));
  });

  it.each<[services: unknown, place: string]>([
    [{ windows: { 'cfn-hup': {} } }, 'services/windows'],
    [{ upstart: {} }, 'services/upstart'],
    [{ systemd: { '--now': {} } }, 'services/systemd/--now'],
    [{ systemd: { 'a b': {} } }, 'services/systemd/a b'],
    [{ sysvinit: { '*': {} } }, 'services/sysvinit/*'],
    [{ sysvinit: { 'x/-H': {} } }, 'services/sysvinit/x~1-H'],
    [{ systemd: { s: true } }, 'services/systemd/s'],
    [{ systemd: { s: { enabled: 'on' } } }, 'services/systemd/s/enabled'],
    [{ systemd: { s: { packages: ['a'] } } }, 'services/systemd/s/packages'],
  ])('refuses %j', (services, place) => {
    expect(places(decodeConfig({ services }))).toEqual([`error ${place}`]);
  });
});

describe('a bad name in a tolerated section', () => {
  it('leaves its entry out, and the others stay', () => {
    const config = {
      packages: { apt: { ' lamp^ ': [], nginx: [] }, yum: ['-x', 'httpd'] },
      users: { a: { groups: '-V' }, b: {} },
      services: { systemd: { '*': {}, nginx: {} } },
      groups: { '-g': {} },
    };
    const tolerated = new Set(['packages', 'users', 'services'] as const);
    const decode = (names: object) => {
      const text = JSON.stringify({ [INIT]: { config: { ...config, ...names } } });
      return decodeMetadata({ value: JSON.parse(text), text }, [], tolerated);
    };
    expect(places(decode({}))).toEqual([
      'error groups/-g',
      'warning packages/apt/lamp^',
      'warning packages/yum/-x',
      'warning services/systemd/*',
      'warning users/a/groups',
    ]);
    const [decoded] = decode({ groups: {} }).configs;
    expect(decoded?.packages.map(({ packages }) => packages.map(({ name }) => name))).toEqual([['nginx'], ['httpd']]);
    expect(decoded?.users.map(({ name }) => name)).toEqual(['b']);
    expect(decoded?.services.map(({ name }) => name)).toEqual(['nginx']);
  });
});
