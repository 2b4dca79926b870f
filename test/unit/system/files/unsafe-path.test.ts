import { spawn } from 'node:child_process';
import { existsSync, lchownSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../../../src/errors.ts';
import { createFileSystem } from '../../../../src/system/files/file-system.ts';
import { temporaryRoot, us } from '../../temporary-root.ts';

const ROOT = 0;
const ALICE = 20_001;
const BOB = 20_002;
const attributes = { mode: 0o644, ...us };

/** A path, who owns it, and what it is: a directory, a file with that content, or a link. */
type Laid = readonly [path: string, owner: number, what?: string | { readonly link: string }];

/** Lays out a tree in which each directory that is not named belongs to root. */
function tree(entries: readonly Laid[]) {
  const { root, files } = temporaryRoot();
  for (const [path, owner, what] of entries) {
    const place = `${root}${path}`;
    mkdirSync(dirname(place), { recursive: true });
    if (what === undefined) mkdirSync(place, { recursive: true });
    else if (typeof what === 'string') writeFileSync(place, what);
    else symlinkSync(what.link, place);
    lchownSync(place, owner, owner);
  }
  return { root, files };
}

const homes: readonly Laid[] = [
  ['/etc/cron.d', ROOT],
  ['/etc/secret', ROOT, 'secret'],
  ['/home/alice', ALICE],
  ['/home/bob', BOB],
];

const refused: readonly (readonly [what: string, entries: readonly Laid[], path: string])[] = [
  ["a user's link to a directory of root's", [['/home/alice/x', ALICE, { link: '/etc/cron.d' }]], '/home/alice/x/f'],
  ['a relative one', [['/home/alice/x', ALICE, { link: '../../etc/cron.d' }]], '/home/alice/x/f'],
  ['a link to the root directory', [['/home/alice/x', ALICE, { link: '/' }]], '/home/alice/x/f'],
  ['a link to .. of its own directory', [['/home/alice/x', ALICE, { link: '..' }]], '/home/alice/x/f'],
  ['a link further up', [['/home/alice/x', ALICE, { link: '/etc' }]], '/home/alice/x/cron.d/f'],
  ["a link to another user's directory", [['/home/alice/x', ALICE, { link: '/home/bob' }]], '/home/alice/x/f'],
  [
    "a link that leads through the user's own directory and out again",
    [['/home/alice/x', ALICE, { link: '/home/alice/../../etc/cron.d' }]],
    '/home/alice/x/f',
  ],
  [
    'a link to another one that leads out',
    [
      ['/home/alice/x', ALICE, { link: 'y' }],
      ['/home/alice/y', ALICE, { link: '/etc/cron.d' }],
    ],
    '/home/alice/x/f',
  ],
  [
    "a user's link to a link of root's that leads out",
    [
      ['/home/alice/x', ALICE, { link: '/var/lib/jobs' }],
      ['/var/lib/jobs', ROOT, { link: '/etc/cron.d' }],
    ],
    '/home/alice/x/f',
  ],
  [
    "a link of root's in a user's directory, which the user can give any name",
    [['/home/alice/x', ROOT, { link: '/etc/cron.d' }]],
    '/home/alice/x/f',
  ],
  ["a user's link in a directory of root's", [['/srv/x', ALICE, { link: '/etc/cron.d' }]], '/srv/x/f'],
  ["another user's directory in a user's", [['/home/alice/d', BOB]], '/home/alice/d/f'],
  [
    "a user's link, and .. from where it leads",
    [['/home/alice/x', ALICE, { link: '/home/alice' }]],
    '/home/alice/x/../f',
  ],
  [
    "a link to a directory of root's in another user's",
    [
      ['/home/bob/d', ROOT],
      ['/home/alice/x', ALICE, { link: '/home/bob/d' }],
    ],
    '/home/alice/x/f',
  ],
  ["another user's link in a user's directory", [['/home/alice/x', BOB, { link: '/home/bob' }]], '/home/alice/x/f'],
];

const allowed: readonly (readonly [what: string, entries: readonly Laid[], path: string, place: string])[] = [
  ["a user's own directory", [['/home/alice/d', ALICE]], '/home/alice/d/f', '/home/alice/d/f'],
  ["a directory of root's in a user's", [['/home/alice/d', ROOT]], '/home/alice/d/f', '/home/alice/d/f'],
  ['a directory that is missing', [], '/home/alice/new/f', '/home/alice/new/f'],
  [
    "a user's link to the user's own directory",
    [
      ['/home/alice/releases/1', ALICE],
      ['/home/alice/current', ALICE, { link: 'releases/1' }],
    ],
    '/home/alice/current/f',
    '/home/alice/releases/1/f',
  ],
  [
    'an absolute one, to another place',
    [
      ['/var/lib/alice', ALICE],
      ['/home/alice/data', ALICE, { link: '/var/lib/alice' }],
    ],
    '/home/alice/data/f',
    '/var/lib/alice/f',
  ],
  [
    "a link of root's in a user's directory to the user's own",
    [
      ['/home/alice/releases/1', ALICE],
      ['/home/alice/current', ROOT, { link: 'releases/1' }],
    ],
    '/home/alice/current/f',
    '/home/alice/releases/1/f',
  ],
  [
    "a link to a directory of root's in the user's own",
    [
      ['/home/alice/releases/1', ROOT],
      ['/home/alice/current', ROOT, { link: 'releases/1' }],
      ['/home/alice', ALICE],
    ],
    '/home/alice/current/f',
    '/home/alice/releases/1/f',
  ],
  [
    "a link of root's",
    [
      ['/home/alice/app', ALICE],
      ['/srv/app', ROOT, { link: '/home/alice/app' }],
    ],
    '/srv/app/f',
    '/home/alice/app/f',
  ],
];

describe('the path of a user', () => {
  beforeEach((context) => {
    if (us.uid !== ROOT) context.skip('only root can make files of other users');
  });

  describe.each(refused)('%s', (_, entries, path) => {
    it('is refused, and nothing is written', () => {
      const { root, files } = tree([...homes, ...entries]);
      const work = {
        write: () => files.write(path, Buffer.from('x'), attributes),
        'write below': () => files.write(`${path}/g`, Buffer.from('x'), attributes),
        link: () => files.writeLink(path, 'target'),
        make: () => files.makeDirectory(path),
        scratch: () => files.openScratch(path, 'sources'),
        look: () => files.entry(path),
        read: () => files.read(path),
        list: () => files.names(dirname(path)),
      };
      for (const [name, attempt] of Object.entries(work)) {
        expect(attempt, name).toThrow(
          expect.toSatisfy(
            (error) =>
              error instanceof Problem &&
              /unsafe path: .* user 2000\d/.test(error.message) &&
              error.hint?.includes('allow-unsafe-paths = true in /etc/cfn/cfntools.conf') === true,
          ),
        );
      }
      // Nothing is made on a way that is refused in the end either.
      expect(() => files.write(`${path}/new/deep/g`, Buffer.from('x'), attributes)).toThrow(Problem);
      expect(existsSync(`${root}/etc/new`) || existsSync(`${root}/etc/cron.d/new`)).toBe(false);
      for (const directory of ['/etc', '/etc/cron.d', '/home/bob'])
        expect(existsSync(`${root}${directory}/f`), directory).toBe(false);
    });

    it('is taken where the operator allows it', () => {
      const { files } = tree([...homes, ...entries]);
      files.allowUnsafePaths();
      files.write(path, Buffer.from('x'), attributes);
      expect(files.read(path).toString()).toBe('x');
    });
  });

  it.each(allowed)('%s is taken', (_, entries, path, place) => {
    const { root, files } = tree([...homes, ...entries]);
    files.write(path, Buffer.from('x'), attributes);
    expect(readFileSync(`${root}${place}`, 'utf8')).toBe('x');
    expect(files.read(path).toString()).toBe('x');
  });

  it('a link to what is not there makes nothing there', () => {
    const { root, files } = tree([...homes, ['/home/alice/x', ALICE, { link: '/etc/new/deep' }]]);
    expect(() => files.write('/home/alice/x/f', Buffer.from('x'), attributes)).toThrow(/unsafe path/);
    expect(existsSync(`${root}/etc/new`)).toBe(false);
  });

  it('a link that can never be read is refused at once', () => {
    const { files } = tree([...homes, ['/home/alice/x', ALICE, { link: '/proc/self/fd/999999999/exe' }]]);
    expect(() => files.write('/home/alice/x/f', Buffer.from('x'), attributes)).toThrow(Problem);
    // A zombie's: the link is there, and reading it says ENOENT each time.
    const zombie = spawn('sh', ['-c', 'true & exec sleep 60'], { stdio: 'ignore' });
    try {
      const children = `/proc/${zombie.pid}/task/${zombie.pid}/children`;
      const deadline = Date.now() + 10_000;
      let child = '';
      while (child === '' && Date.now() < deadline) child = readFileSync(children, 'utf8').trim();
      const status = (): string => readFileSync(`/proc/${child}/status`, 'utf8');
      while (!/^State:\tZ/m.test(status()) && Date.now() < deadline);
      expect(status()).toMatch(/^State:\tZ/m);
      expect(() => createFileSystem('/').write(`/proc/${child}/exe/f`, Buffer.from('x'), attributes)).toThrow(Problem);
    } finally {
      zombie.kill('SIGKILL');
    }
  });

  it('a link at the very path is replaced, not followed', () => {
    const { root, files } = tree([...homes, ['/home/alice/x', ALICE, { link: '/etc/secret' }]]);
    files.write('/home/alice/x', Buffer.from('new'), attributes);
    expect(readFileSync(`${root}/etc/secret`, 'utf8')).toBe('secret');
    expect(lstatSync(`${root}/home/alice/x`).isFile()).toBe(true);
  });

  it.each<[what: string, link: Laid, isRead: boolean]>([
    ["a file of root's", ['/home/alice/x', ALICE, { link: '/etc/secret' }], false],
    ["another user's file", ['/home/alice/x', ALICE, { link: '/home/bob/notes' }], false],
    ["a file of root's by a link of root's", ['/home/alice/x', ROOT, { link: '/etc/secret' }], false],
    ["the user's own file", ['/home/alice/x', ALICE, { link: 'notes' }], true],
    ["the user's own file by a link of root's elsewhere", ['/srv/x', ROOT, { link: '/home/alice/notes' }], true],
  ])('reading %s through a link', (_, link, isRead) => {
    const { files } = tree([...homes, ['/home/alice/notes', ALICE, 'notes'], ['/home/bob/notes', BOB, 'secret'], link]);
    if (isRead) expect(files.read(link[0]).toString()).toBe('notes');
    else
      expect(() => files.read(link[0])).toThrow(
        /unsafe path: the symbolic link \/home\/alice\/x, which the user 20001 can change, leads/,
      );
  });

  it('the owner of the root directory is trusted: an unprivileged container shows root as nobody', () => {
    const { root, files } = tree([
      ['/home/alice', ALICE],
      ['/etc/cron.d', BOB],
      ['/home/alice/d', BOB],
      ['/srv', BOB, { link: '/home/alice' }],
    ]);
    lchownSync(root, BOB, BOB);
    files.write('/home/alice/d/f', Buffer.from('x'), attributes);
    files.write('/srv/f', Buffer.from('x'), attributes);
    expect(files.names('/home/alice')).toEqual(['d', 'f']);
  });
});
