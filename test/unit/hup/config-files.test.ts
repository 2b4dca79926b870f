import { chmodSync, chownSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import { findConfigFiles, readHupConfig } from '../../../src/hup/config-files.ts';
import type { HupConfig } from '../../../src/hup/settings.ts';
import { absolutePath } from '../../../src/system/files/path.ts';
import { findUntrusted } from '../../../src/system/files/trusted-path.ts';
import { temporaryRoot, us } from '../temporary-root.ts';

const MAIN = '[main]\nstack=s\n';

function hook(name: string): string {
  return `[${name}]\ntriggers=post.update\npath=Resources.Web.Metadata\naction=true\n`;
}

interface Guest {
  readonly root: string;
  readonly read: (option?: string) => HupConfig;
  /** The line of the Problem that reading throws. */
  readonly refusal: (option?: string) => string;
  readonly put: (path: string, content: string | Buffer, mode?: number) => void;
}

/** A guest with these files, all 0600 and ours. */
function guest(given: Readonly<Record<string, string | Buffer>>): Guest {
  const { root, files } = temporaryRoot();
  const put: Guest['put'] = (path, content, mode = 0o600) => {
    mkdirSync(dirname(root + path), { recursive: true, mode: 0o755 });
    writeFileSync(root + path, content);
    chmodSync(root + path, mode);
  };
  for (const [path, content] of Object.entries(given)) put(path, content);
  const read: Guest['read'] = (option) => readHupConfig({ files, self: us, absolutePath }, option);
  return {
    root,
    read,
    put,
    refusal(option) {
      try {
        read(option);
      } catch (error) {
        if (error instanceof Problem) return error.line;
        throw error;
      }
      return 'none';
    },
  };
}

function namesOf(config: HupConfig): string[] {
  return config.hooks.map(({ name }) => name);
}

describe('-c', () => {
  const both = {
    '/etc/cfn/cfn-hup.conf': '[main]\nstack=fixed\n',
    '/etc/cfn/hooks.conf': hook('fixed'),
    '/etc/cfn/hooks.d/a': hook('fixed-d'),
    '/opt/cfn/cfn-hup.conf': '[main]\nstack=opt\n',
    '/opt/cfn/hooks.conf': hook('opt'),
    '/opt/cfn/hooks.d/a': hook('opt-d'),
    '/opt/hooks/a': hook('lone'),
    '/opt/empty/sub/x': '',
  };
  it.each<[option: string | undefined, stack: string, hooks: string[]]>([
    [undefined, 'fixed', ['fixed', 'fixed-d']],
    ['/etc/cfn', 'fixed', ['fixed', 'fixed-d']],
    ['/etc/cfn/', 'fixed', ['fixed', 'fixed-d']],
    ['/etc/cfn/hooks.d', 'fixed', ['fixed', 'fixed-d']],
    ['/opt/cfn', 'opt', ['opt', 'opt-d']],
    ['/opt/../opt/cfn/cfn-hup.conf', 'opt', ['opt', 'opt-d']],
    ['/opt/hooks', 'fixed', ['fixed', 'lone']],
    ['/opt/cfn/hooks.d', 'fixed', ['fixed', 'opt-d']],
    ['/opt/empty', 'fixed', ['fixed']],
  ])('%j', (option, stack, hooks) => {
    const config = guest(both).read(option);
    expect(config.settings.stack).toBe(stack);
    expect(namesOf(config)).toEqual(hooks);
    expect(config.problems).toEqual([]);
  });

  it('may be a link to a directory', () => {
    const { root, read } = guest(both);
    symlinkSync('opt/cfn', join(root, 'link'));
    expect(namesOf(read('/link'))).toEqual(['opt', 'opt-d']);
    // Or to the main file, which then is where it leads.
    symlinkSync('/link/cfn-hup.conf', join(root, 'main'));
    symlinkSync('main', join(root, 'again'));
    expect(namesOf(read('/again'))).toEqual(['opt', 'opt-d']);
  });

  it.each<[option: string | undefined, origins: [main: string, file: string][]]>([
    ...[undefined, '/etc/cfn', '/etc/cfn/hooks.d/', '/etc/cfn/../cfn/cfn-hup.conf', '/srv/link'].map(
      (option): [string | undefined, [string, string][]] => [
        option,
        ['/etc/cfn/hooks.conf', '/etc/cfn/hooks.d/a'].map((file) => ['/etc/cfn/cfn-hup.conf', file]),
      ],
    ),
    ['/opt/cfn', ['/opt/cfn/hooks.conf', '/opt/cfn/hooks.d/a'].map((file) => ['/opt/cfn/cfn-hup.conf', file])],
    ['/opt/cfn/hooks.d', ['/etc/cfn/hooks.conf', '/opt/cfn/hooks.d/a'].map((file) => ['/etc/cfn/cfn-hup.conf', file])],
  ])('%j: its hooks are told by where the files really are', (option, origins) => {
    const { root, read } = guest({ ...both, '/srv/x': '' });
    symlinkSync('/etc/cfn', join(root, 'srv/link'));
    const { hooks, main, files } = read(option);
    expect(hooks.map(({ origin }) => [origin.main, origin.file])).toEqual(origins);
    expect([main, ...files]).toEqual([origins[0]?.[0], origins[0]?.[0], ...origins.map(([, file]) => file)]);
  });

  it('may be relative', () => {
    const { files } = temporaryRoot();
    expect(
      findConfigFiles({ files: createdAt(files, join(process.cwd(), 'cfn/cfn-hup.conf')), absolutePath }, 'cfn').main,
    ).toBe(join(process.cwd(), 'cfn/cfn-hup.conf'));
  });

  it.each<[option: string | undefined, files: Record<string, string>, line: string]>([
    [undefined, {}, 'there is no such file: /etc/cfn/cfn-hup.conf: write it with [main] and a line stack=NAME'],
    ['', {}, '-c is empty: an empty variable? give the configuration directory'],
    [
      '/nowhere',
      { '/etc/cfn/cfn-hup.conf': MAIN },
      'there is no such directory: /nowhere: name a directory with a cfn-hup.conf, or a hooks directory for /etc/cfn/cfn-hup.conf',
    ],
    [
      '/opt/cfn/cfn-hup.conf',
      { '/etc/cfn/cfn-hup.conf': MAIN },
      'there is no such file: /opt/cfn/cfn-hup.conf: write it with [main] and a line stack=NAME',
    ],
    [
      '/etc/cfn/cfn-hup.conf',
      {},
      'there is no such file: /etc/cfn/cfn-hup.conf: write it with [main] and a line stack=NAME',
    ],
    ['/a/b', { '/a/b': MAIN }, 'not a directory: /a/b: name a directory with a cfn-hup.conf, or a hooks directory'],
    [
      '/opt/hooks',
      { '/opt/hooks/a': hook('a') },
      'there is no cfn-hup.conf: /opt/hooks, /etc/cfn: write one with [main] and a line stack=NAME',
    ],
    [
      '/etc/cfn',
      { '/etc/cfn/hooks.conf': hook('a') },
      'there is no cfn-hup.conf: /etc/cfn: write one with [main] and a line stack=NAME',
    ],
    [
      '/opt/cfn',
      { '/opt/cfn/hooks.d/a': hook('a'), '/etc/cfn/cfn-hup.conf': MAIN },
      'there is no such file: /opt/cfn/cfn-hup.conf: write it with [main] and a line stack=NAME',
    ],
  ])('%j refused', (option, given, line) => {
    expect(guest(given).refusal(option)).toBe(line);
  });
});

function createdAt(files: ReturnType<typeof temporaryRoot>['files'], path: string): typeof files {
  files.write(path, Buffer.from(MAIN), { mode: 0o600, ...us });
  return files;
}

describe('the main file', () => {
  it.each<[content: string | Buffer, line: string]>([
    ['[main]\nregion=r', '/etc/cfn/cfn-hup.conf:1: [main] names no stack: add a line stack=NAME'],
    [
      'stack=s',
      '/etc/cfn/cfn-hup.conf:1: text before the first section: the file is not used: begin it with a line [main]',
    ],
    [Buffer.from([0xff]), '/etc/cfn/cfn-hup.conf: not UTF-8 text: the file is not used'],
    [
      '[main]\ninterval=-1\numask=9',
      '/etc/cfn/cfn-hup.conf:1: [main] names no stack: add a line stack=NAME; ' +
        '/etc/cfn/cfn-hup.conf:3: umask is "9": give octal digits from 0 to 0777; ' +
        '/etc/cfn/cfn-hup.conf:2: interval is "-1": give minutes, or a time such as 30s, 2m or 1h, from 1s to a week: ' +
        'cfn-hup --check lists all',
    ],
    [Buffer.alloc(2 * 1024 * 1024, '#'), '/etc/cfn/cfn-hup.conf: larger than 1048576 bytes'],
  ])('that cannot be used: %#', (content, line) => {
    expect(guest({ '/etc/cfn/cfn-hup.conf': content, '/etc/cfn/hooks.conf': hook('a') }).refusal()).toBe(line);
  });

  it('that others may write to is not used', () => {
    const { put, refusal } = guest({});
    put('/etc/cfn/cfn-hup.conf', MAIN, 0o664);
    expect(refusal()).toBe(
      '/etc/cfn/cfn-hup.conf: other users may write to it, so it is not used: chmod go-w /etc/cfn/cfn-hup.conf',
    );
  });

  it('that is a link to nothing is named', () => {
    const { root, refusal } = guest({ '/etc/cfn/hooks.conf': hook('a') });
    symlinkSync('gone', join(root, 'etc/cfn/cfn-hup.conf'));
    expect(refusal()).toBe('/etc/cfn/cfn-hup.conf: a broken link: repair or remove it');
  });

  it('may hold hooks, as for heat-cfntools', () => {
    expect(namesOf(guest({ '/etc/cfn/cfn-hup.conf': `${MAIN}${hook('a')}` }).read())).toEqual(['a']);
  });
});

describe('hooks', () => {
  const main = { '/etc/cfn/cfn-hup.conf': MAIN };

  it('are those of hooks.conf, then of hooks.d by name', () => {
    const { read } = guest({
      ...main,
      '/etc/cfn/hooks.d/20-b.conf': hook('b'),
      '/etc/cfn/hooks.d/10-c': hook('c'),
      '/etc/cfn/hooks.d/100': hook('d'),
      '/etc/cfn/hooks.conf': hook('z'),
    });
    expect(namesOf(read())).toEqual(['z', 'c', 'd', 'b']);
  });

  it('may be none, with a warning', () => {
    expect(guest(main).read()).toMatchObject({
      hooks: [],
      problems: [],
      warnings: ['/etc/cfn/hooks.conf, /etc/cfn/hooks.d: there are no hooks: add some there'],
    });
  });

  it('do not stand in backups', () => {
    const backups = [
      'a~',
      'a.bak',
      'a.swp',
      '.a.swp',
      'a.rpmsave',
      'a.rpmnew',
      'a.rpmorig',
      'a.dpkg-old',
      'a.dpkg-new',
      'a.dpkg-dist',
      'a.dpkg-tmp',
      'a.orig',
      'a.rej',
      'a.disabled',
      '.hidden',
      '#a#',
      '.a.cfntools-1-2',
    ];
    const { read } = guest({
      ...main,
      ...Object.fromEntries(backups.map((name) => [`/etc/cfn/hooks.d/${name}`, hook(name)])),
      '/etc/cfn/hooks.d/bak': hook('used'),
      '/etc/cfn/hooks.d/original.conf': hook('used too'),
    });
    expect(read()).toMatchObject({ hooks: [{ name: 'used' }, { name: 'used too' }], problems: [], warnings: [] });
  });

  it('go on without a broken file or a broken hook', () => {
    const { read } = guest({
      ...main,
      '/etc/cfn/hooks.conf': '[h]\nnonsense\n',
      '/etc/cfn/hooks.d/a': `[broken]\n${hook('after').replace('true', '')}${hook('good')}`,
      '/etc/cfn/hooks.d/b': Buffer.from('[h]\naction=gr\xfcn', 'latin1'),
      '/etc/cfn/hooks.d/c': `${hook('twice')}${hook('twice')}`,
      '/etc/cfn/hooks.d/d': Buffer.alloc(2 * 1024 * 1024, '#'),
      '/etc/cfn/hooks.d/e': hook('last'),
      '/etc/cfn/hooks.d/f': 'triggers=post.update\n',
      '/etc/cfn/hooks.d/g': '[Main]\ninterval=2\n',
    });
    const { hooks, problems } = read();
    expect(hooks.map(({ name }) => name)).toEqual(['good', 'last']);
    expect(problems).toEqual([
      '/etc/cfn/hooks.conf:2: neither a section nor a setting: the file is not used',
      '/etc/cfn/hooks.d/b: not UTF-8 text: the file is not used',
      '/etc/cfn/hooks.d/c:5: the section [twice] is repeated, first on line 1: the file is not used',
      '/etc/cfn/hooks.d/d: larger than 1048576 bytes',
      '/etc/cfn/hooks.d/f:1: text before the first section: the file is not used: begin it with a line [NAME]',
      '/etc/cfn/hooks.d/g:1: [Main] has no triggers, path or action: did you mean [main]?',
      '/etc/cfn/hooks.d/a:1: hook [broken]: no triggers: name one or more of post.add, post.update, post.remove, service.restarted',
      '/etc/cfn/hooks.d/a:1: hook [broken]: no path: as in path=Resources.RES.Metadata',
      '/etc/cfn/hooks.d/a:1: hook [broken]: no action: give the command to run',
      '/etc/cfn/hooks.d/a:5: hook [after]: action is empty: give the command to run',
    ]);
  });

  it('name the file and the line of what they override', () => {
    const { read } = guest({
      ...main,
      '/etc/cfn/hooks.conf': hook('h'),
      '/etc/cfn/hooks.d/a': '[h]\naction=false',
    });
    expect(read()).toMatchObject({
      hooks: [{ name: 'h', action: 'false' }],
      warnings: ['/etc/cfn/hooks.d/a:1: [h] is also in /etc/cfn/hooks.conf: its keys here replace those there'],
    });
  });

  it('are regular files or links to them', () => {
    const { root, read } = guest({ ...main, '/opt/real': hook('linked'), '/etc/cfn/hooks.d/sub/x': hook('deep') });
    symlinkSync('/opt/real', join(root, 'etc/cfn/hooks.d/link'));
    symlinkSync('../../nowhere', join(root, 'etc/cfn/hooks.d/nothing'));
    const { hooks, problems, warnings } = read();
    expect(hooks).toMatchObject([{ name: 'linked', file: '/etc/cfn/hooks.d/link' }]);
    expect(problems).toEqual(['/etc/cfn/hooks.d/nothing: a broken link: repair or remove it']);
    expect(warnings).toEqual(['/etc/cfn/hooks.d/sub: a directory: ignored']);
  });

  it.each<[what: string, path: string, mode: number, problem: string, hooks: string[]]>([
    [
      'a file for its group',
      '/etc/cfn/hooks.d/a',
      0o660,
      '/etc/cfn/hooks.d/a: other users may write to it, so it is not used: chmod go-w /etc/cfn/hooks.d/a',
      ['z', 'b'],
    ],
    [
      'a file for everybody',
      '/etc/cfn/hooks.conf',
      0o602,
      '/etc/cfn/hooks.conf: other users may write to it, so it is not used: chmod go-w /etc/cfn/hooks.conf',
      ['a', 'b'],
    ],
    [
      'the directory',
      '/etc/cfn/hooks.d',
      0o777,
      '/etc/cfn/hooks.d: other users may write to it, so its hooks are not used: chmod go-w /etc/cfn/hooks.d',
      ['z'],
    ],
  ])('that others may write to are not used: %s', (_, path, mode, problem, hooks) => {
    const { root, read } = guest({
      ...main,
      '/etc/cfn/hooks.conf': hook('z'),
      '/etc/cfn/hooks.d/a': hook('a'),
      '/etc/cfn/hooks.d/b': hook('b'),
    });
    chmodSync(root + path, mode);
    const config = read();
    expect(namesOf(config)).toEqual(hooks);
    expect(config.problems).toEqual([problem]);
  });

  it('are not used through a directory that others may write to', () => {
    const { root, refusal } = guest(main);
    chmodSync(join(root, 'etc'), 0o775);
    expect(refusal()).toBe('/etc: other users may write to it, so it is not used: chmod go-w /etc');
  });
});

describe('what somebody else could have put there', () => {
  it.each<[what: string, prepare: (root: string) => void, found: object | undefined]>([
    ['nothing', () => undefined, undefined],
    ['a file of ours', (root) => writeFileSync(join(root, 'd/f'), ''), undefined],
    [
      'a link through their directory',
      (root) => {
        mkdirSync(join(root, 'theirs'));
        chmodSync(join(root, 'theirs'), 0o777);
        writeFileSync(join(root, 'theirs/f'), '');
        symlinkSync('../theirs/../theirs/f', join(root, 'd/f'));
      },
      { path: '/theirs', what: 'other users may write to it', hint: 'chmod go-w /theirs' },
    ],
    [
      'our file in a directory for all, as /tmp',
      (root) => {
        mkdirSync(join(root, 'tmp'));
        chmodSync(join(root, 'tmp'), 0o1777);
        writeFileSync(join(root, 'tmp/f'), '');
        symlinkSync('/tmp/f', join(root, 'd/f'));
      },
      undefined,
    ],
    [
      'a link to itself',
      (root) => symlinkSync('f', join(root, 'd/f')),
      { path: '/d/f', what: 'too many symbolic links', hint: 'put the file itself there' },
    ],
  ])('%s', (_, prepare, found) => {
    const { root, files } = temporaryRoot();
    mkdirSync(join(root, 'd'));
    prepare(root);
    expect(findUntrusted(files, '/d/f', us.uid)).toEqual(found);
  });

  it.runIf(us.uid === 0)('is theirs when they own it', () => {
    const { root, files } = temporaryRoot();
    mkdirSync(join(root, 'd'));
    writeFileSync(join(root, 'd/f'), '');
    chownSync(join(root, 'd/f'), 4711, 4711);
    const theirs = { path: '/d/f', what: 'it belongs to the user 4711, who could write anything there' };
    expect(findUntrusted(files, '/d/f', 0)).toMatchObject({ ...theirs, hint: 'chown root /d/f' });
    expect(findUntrusted(files, '/d/f', 4711)).toBeUndefined();
    expect(mkdtempSync(join(root, 'd/x'))).toContain('/d/x');
  });
});
