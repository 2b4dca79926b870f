import { describe, expect, test } from 'vitest';
import {
  accountFault,
  homeFault,
  isAccountId,
  newAccountFault,
  packageFault,
  type RuledManager,
  serviceFault,
} from '../../src/names.ts';

const accepts = (fault: (name: string) => unknown, names: readonly string[]): void => {
  expect(names.filter((name) => fault(name) !== undefined)).toEqual([]);
};
const refuses = (fault: (name: string) => unknown, names: readonly string[]): void => {
  expect(names.filter((name) => fault(name) === undefined)).toEqual([]);
};
/** No name of any kind. */
const NEVER = ['', '-i', '--help', '-', '--', 'a\0b', 'a\nb', 'a\x1b[31mb', 'a\x7f', '\n'];

describe('accounts', () => {
  test('that are there may have any name of a directory service, or be numbers', () => {
    accepts(accountFault, [
      'root',
      'www-data',
      '_apt',
      'a.b',
      'Samba$',
      '9lives',
      'user@example.com',
      'DOMAIN\\user',
      'DOMAIN\\domain users',
      'domain admins',
      'DOM+user',
      'müller',
      '0',
      '0005',
      '4294967294',
      'a'.repeat(255),
    ]);
  });

  test.each([
    ...NEVER,
    ' root',
    'root ',
    '+',
    '+0',
    '-0',
    '+@netgroup',
    '-s files',
    '--service=files',
    '--no-idn',
    'a:b',
    'a/b',
    '.',
    '..',
    '4294967295',
    '18446744073709551616',
    'ü'.repeat(128),
    'a'.repeat(100_000),
    'lone \ud800',
  ])('%j is none', (name) => {
    expect(accountFault(name)).toEqual({
      what: expect.stringMatching(/^".* is not the name of an account$/),
      hint: 'write the name or number of an account',
    });
  });

  test('that are made have names that useradd takes', () => {
    accepts(newAccountFault, ['web', '_web', 'Web-1', 'a.b', 'host$', 'a'.repeat(32)]);
    refuses(newAccountFault, [...NEVER, '1a', '12', '.', '..', '.a', 'a b', 'a@b', 'D\\a', 'ü', 'a$b', 'a'.repeat(33)]);
  });

  test('have homes without what parts the fields and lines of passwd', () => {
    accepts(homeFault, ['/home/web', '/srv/a b', '/ü', '/-x']);
    refuses(homeFault, ['/a:/b', '/a\nroot2::0:0::/:/bin/sh', '/a\tb']);
  });

  test('have numbers of 32 bits, without the one that means no change', () => {
    accepts((text) => (isAccountId(text) ? undefined : true), ['0', '65534', '4294967294', '00']);
    refuses(
      (text) => (isAccountId(text) ? undefined : true),
      ['', '-1', '+1', ' 1', '1.5', '0x1', '4294967295', '1e3'],
    );
  });
});

describe('services', () => {
  test('are named as units and init scripts are', () => {
    accepts(serviceFault, [
      'httpd',
      'httpd.service',
      'cfn-hup',
      'getty@tty1',
      'getty@tty1.service',
      'foo.socket',
      'a:b',
      'dev-disk\\x2dby.device',
      'hwclock.sh',
      'net.eth0',
      '/etc/init.d/nginx',
      `${'a'.repeat(247)}`,
    ]);
  });

  test.each([
    ...NEVER,
    '*',
    '[a-z]*',
    'ht?pd',
    'a b',
    'a/b',
    'x/-Hevil',
    '/etc/init.d/-Hevil',
    '/etc/init.d/*',
    '/etc/init.d/..',
    '/etc/init.d/',
    '.',
    '..',
    '.hidden',
    '@a',
    'a+b',
    'a;b',
    'ü',
    'a'.repeat(248),
    `${'a'.repeat(248)}.service`,
  ])('%j is none', (name) => {
    expect(serviceFault(name)?.what).toMatch(/ is not the name of a service$/);
  });
});

describe('packages', () => {
  const rpms = {
    names: [
      'httpd',
      'gcc-c++',
      'php8.1-fpm',
      'java-1.8.0-openjdk',
      'glibc.i686',
      'NetworkManager',
      '2ping',
      'php-*',
      '*-devel',
      'kernel-[0-9]*',
      'perl(Foo::Bar)',
      'bundled(npm(foo))',
      'bundled(golang(github.com/x/y)) = 1.0',
      'libc.so.6()(64bit)',
      'vim >= 8',
      'vim>=8.0-1',
      'foo-1:2.0-3.x86_64',
      '/usr/bin/env',
      '/opt/x-1.0.rpm',
      'https://h/x.rpm',
      'HTTP://h/x.rpm',
      '@*gnome*',
      '@^*server*',
    ],
    versions: ['1.0', '1.0-1.el9', '2:1.0', '1.0~rc1', '1.0^git1', '1.*', 'https://h/x.rpm', '/x.rpm'],
    noNames: [
      '*',
      '?*',
      '@*',
      '@^[a-z]*',
      'a(b(c(d)))',
      'a(b',
      'x.rpm',
      '[a-z]*',
      '!foo',
      '~foo',
      '+foo',
      'foo=',
      'a,b',
      'a b',
      'a;b',
      '$(x)',
      'foo;rm',
      '(a or b)',
    ],
    noVersions: ['1.0 -x', '1 0', '$(x)', '1;2', '1.0"'],
  };
  const files = {
    names: ['x', 'a b', 'x;y', 'gcc-c++'],
    versions: ['https://h/x.rpm', '/srv/a b.deb', 'file:///x', '1.0'],
    noNames: [],
    noVersions: [],
  };
  interface Table {
    readonly names: readonly string[];
    readonly versions: readonly string[];
    readonly noNames: readonly string[];
    readonly noVersions: readonly string[];
  }
  const tables: Readonly<Record<RuledManager, Table>> = {
    dpkg: files,
    rpm: files,
    apt: {
      names: ['nginx', 'libstdc++6', 'libc6:i386', 'g++', 'python3.11', 'cfn-plus+', '0ad'],
      versions: ['1.0', '2:1.0-1+deb12u1', '1.0~rc1', '1.*', 'http://h/x.deb', 'ftp://h/x', '/x.deb'],
      noNames: [
        '+foo',
        'foo=1',
        'foo/stable',
        'foo,bar',
        'a b',
        'foo*',
        'fo.*o$',
        '?installed',
        'task^',
        '~n',
        './x.deb',
      ],
      noVersions: ['1 0', '$(x)', '1.0/x', '1,0'],
    },
    yum: {
      ...rpms,
      names: [...rpms.names, './x.rpm', '@core', '@Development Tools', '@^minimal', '@nodejs:18/common'],
    },
    dnf: { ...rpms, names: [...rpms.names, '@core', '@Development Tools', '@^minimal', '@nodejs:18/common'] },
    zypper: { ...rpms, names: [...rpms.names, 'pattern:devel_basis', 'repo:vim'] },
    apk: {
      names: [
        'nginx',
        'nginx@edge',
        'g++',
        'so:libc.musl-x86_64.so.1',
        'cmd:bash',
        'py3-pip',
        'nginx~1.2',
        'nginx>=1.2',
      ],
      versions: ['1.2.3-r0', '1.2_rc1', '~1.2', '1.2.3a', '/x.apk'],
      noNames: ['!nginx', '.virtual', 'a b', 'a;b', 'nginx@', 'x/y', 'nginx>'],
      noVersions: ['1 2', '!1', '=1', '$(x)'],
    },
    pacman: {
      names: ['nginx', 'gtk2+extra', 'lib32-glibc', 'base-devel', 'extra/nginx', 'bash>=3.2', '@x', 'libfoo.so=1-64'],
      versions: ['1.0-1', '2:1.0-1', '1.0', '1.0+r1', 'https://h/x', '/x'],
      noNames: ['a b', 'a;b', '$(x)', 'a|b', '.a', 'a/b/c', '/x', 'a&b', "a'b", 'a>'],
      noVersions: ['1 0', '$(x)', '1;2', '>=1'],
    },
    python: {
      names: [
        'requests',
        'ruamel.yaml',
        'requests[security,socks]',
        'requests >= 2.8, < 3',
        'requests (>=2.8)',
        "requests[security]>=2.8.1,==2.8.*; python_version < '2.7'",
        'pip @ https://h/pip.zip#sha1=1',
        'https://h/x.tar.gz',
        'git+https://h/r.git@v1#egg=x',
        '/opt/wheels/x.whl',
        './x-1.0-py3-none-any.whl',
        '../x-1.0.tar.gz',
      ],
      versions: [
        '1.0',
        '1.*',
        '>=1.0,<2',
        '~= 1.4',
        '1!2.0',
        '1.0+local',
        '1.0rc1',
        'git+ssh://git@h/r@v1',
        '/opt/a b.whl',
      ],
      noNames: [
        '-r x',
        'x-1.0-py3-none-any.whl',
        './x y.whl',
        '.',
        './x',
        'x/y',
        'a b',
        'a --index-url=http://evil',
        'a;',
        'a ; x\n-r y',
        'hg+http://h/r@--config=alias.clone=!x',
        'git+ssh://-oProxyCommand=x/r',
        `a${' '.repeat(4000)}!`,
      ],
      noVersions: ['1.0 --no-deps', '1.0 2.0', '=', '1.0; x', 'hg+http://h/r@--config=x', './x'],
    },
    rubygems: {
      names: ['rails', 'json_pure', 'ruby-progressbar', '3scale-api', '/opt/x-1.0.gem', './x-1.0.gem', '../x.gem'],
      versions: ['1.3.6', '0.10.2', '2.0.0.rc1', '~> 1.0', '>= 1', '/x.gem', 'http://h/x.gem'],
      noNames: ['rails:5', '.x', 'tgem-1.0.gem', 'a b', 'a;b', 'x/y', 'ü'],
      noVersions: ['1.0, 2.0', 'latest', '1 0', '$(x)', '>= 1 -x'],
    },
  };

  describe.each(Object.entries(tables) as [RuledManager, Table][])('of %s', (manager, table) => {
    test('names', () => {
      accepts((name) => packageFault(manager, name, []), table.names);
      refuses((name) => packageFault(manager, name, []), table.noNames);
      refuses(
        (name) => packageFault(manager, name, []),
        NEVER.filter((name) => name !== ''),
      );
      refuses((name) => packageFault(manager, name, []), ['a'.repeat(5000)]);
    });

    test('versions', () => {
      accepts((version) => packageFault(manager, 'x', [version]), table.versions);
      refuses((version) => packageFault(manager, 'x', ['1', version]), table.noVersions);
      refuses((version) => packageFault(manager, 'x', [version]), ['-1', '--force', 'a\nb', 'a\0', '1'.repeat(5000)]);
    });
  });

  test('a file without ./ is told how to be written', () => {
    expect(packageFault('rubygems', 'tgem-1.0.gem', [])).toEqual({
      what: '"tgem-1.0.gem" is the name of a file, not of a gem',
      hint: 'write ./tgem-1.0.gem',
    });
    expect(packageFault('python', 'x-1.0.tar.gz', [])?.hint).toBe('write ./x-1.0.tar.gz');
    expect(packageFault('dnf', 'x.rpm', [])?.hint).toBe('write ./x.rpm');
  });

  test('a source of pip may be called anything', () => {
    expect(packageFault('python', 'my app; v2', ['git+https://h/r.git'])).toBeUndefined();
    expect(packageFault('python', '-r', ['git+https://h/r.git'])).toBeDefined();
  });

  test('what is said shows a long text cut, and nothing of a URL', () => {
    expect(packageFault('apt', `a ${'b'.repeat(100)}`, [])?.what).toHaveLength(101);
    expect(packageFault('apt', 'http://me:secret@h/', [])?.what).toBe('this URL is not the name of a Debian package');
  });

  test('hostile texts are told at once', () => {
    const begin = performance.now();
    for (const manager of Object.keys(tables) as RuledManager[])
      for (const part of [' ', 'a', '(', ')', '()', ',', '1,', '>=', '@', '.', '-', '[a', '~', 'a ', '1.', ' ,'])
        for (const text of [`a${part.repeat(4000 / part.length)}!`, `@a${part.repeat(4000 / part.length)}\0`]) {
          packageFault(manager, text, []);
          packageFault(manager, 'a', [text]);
        }
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});
