import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata } from '../support/cfn-init.ts';
import { useMachine } from '../support/use-machine.ts';
import { makeTar } from '../unit/system/archive/samples.ts';

/** What root does below a directory of a user who is up to no good. */
const machine = useMachine();
const USER = 65_534;
const asUser = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'];
let count = 0;
let place = '';
let home = '';
let target = '';
let archive = '';

beforeEach((context) => {
  if (process.geteuid?.() !== 0) context.skip('needs root');
  place = join(machine().shared, `place-${count++}`);
  home = join(place, 'home');
  target = join(place, 'cron.d');
  archive = join(place, 'app.tar');
  for (const directory of [place, home, target]) mkdirSync(directory);
  chownSync(home, USER, USER);
  writeFileSync(archive, makeTar(Array.from({ length: 200 }, (_, index) => ({ name: `f${index}`, content: 'ours' }))));
});

describe('a link that the user made', () => {
  beforeEach(async () => {
    await machine().run([...asUser, 'ln', '-s', target, join(home, 'd')]);
    await machine().run([...asUser, 'ln', '-s', '../cron.d', join(home, 'relative')]);
  });

  test.each(['files', 'sources'] as const)('%s: it is refused, named, with how to allow it', async (section) => {
    for (const link of ['d', 'relative']) {
      const path = join(home, link, section === 'files' ? 'job' : '');
      const { code, stderr } = await cfnInit(machine(), {
        [section]: { [path]: section === 'files' ? { content: 'x' } : `file://${archive}` },
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^cfn-init: [^\n]+\n$/);
      expect(stderr).toContain(
        `unsafe path: the symbolic link ${join(home, link)}, which the user ${USER} can change, leads to ${target}`,
      );
      expect(stderr).toContain('allow-unsafe-paths = true in /etc/cfn/cfntools.conf');
      expect(readdirSync(target)).toEqual([]);
    }
  });

  test('is followed where cfntools.conf says so', async () => {
    const conf = machine().path('/etc/cfn/cfntools.conf');
    await machine().run('mkdir -p /etc/cfn && echo allow-unsafe-paths = true >/etc/cfn/cfntools.conf');
    try {
      const { code } = await cfnInit(machine(), {
        files: { [join(home, 'd/job')]: { content: 'x' } },
        sources: { [join(home, 'relative')]: `file://${archive}` },
      });
      expect(code).toBe(0);
      expect(readdirSync(target)).toHaveLength(201);
    } finally {
      writeFileSync(conf, '');
    }
  });

  test('does not make root read for him: a local source', async () => {
    const secret = join(target, 'secret');
    writeFileSync(secret, 'secret', { mode: 0o600 });
    await machine().run([...asUser, 'ln', '-s', secret, join(home, 'source')]);
    const copy = join(place, 'copy');
    const { code, stderr } = await cfnInit(machine(), { files: { [copy]: { source: `file://${home}/source` } } });
    expect({ code, isThere: existsSync(copy) }).toEqual({ code: 1, isThere: false });
    expect(stderr).toContain('unsafe path');
  });
});

test('what root made below a home directory is found again by the next run', async () => {
  const config = {
    sources: { [join(home, 'app')]: `file://${archive}` },
    files: { [join(home, 'app/conf/a')]: { content: 'x' }, [join(home, '.config/b')]: { content: 'y' } },
  };
  expect((await cfnInit(machine(), config)).code).toBe(0);
  const { code, stdout } = await cfnInit(machine(), config);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('3 unchanged') });
});

/** Renames what appears beside the destination, and puts a link to the target, or a directory of its own, in its place. */
const ATTACK = `
cd "$1" && mkdir fake && echo evil >fake/archive && for i in {0..50}; do echo evil >fake/$i; done
echo ready
n=0
while :; do
  for name in .cfntools-* .*.cfntools-*; do
    [ -e "$name" ] || [ -L "$name" ] || continue
    n=$((n + 1))
    mv -T -- "$name" "stolen-$n" || continue
    if [ $((n % 2)) = 0 ]; then ln -s "$2" "$name"; else cp -r fake "$name"; fi
  done 2>/dev/null
done
`;

test.each([
  ['of the user', 0o755],
  ['where everybody may write', 0o777],
])('whoever renames what is made beside the destination wins nothing: a directory %s', async (_, mode) => {
  if (mode === 0o777) chownSync(home, 0, 0);
  chmodSync(home, mode);
  const config = {
    sources: { [join(home, 'app')]: `file://${archive}` },
    files: { [join(home, 'conf')]: { content: 'ours', owner: 'root', mode: '000600' } },
  };
  const script = `
    coproc { exec ${asUser.join(' ')} bash -c "$0" attack "$1" "$2"; }
    read -r _ <&"\${COPROC[0]}"
    for _ in {1..5}; do "$3" - <<<"$4"; echo "code $?"; done
    kill -KILL "$COPROC_PID"`;
  const { stdout } = await machine().run(
    ['bash', '-c', script, ATTACK, home, target, binary('cfn-init'), metadata(config)],
    { timeout: 50_000 },
  );
  expect(stdout.match(/code \d+/g)).toHaveLength(5);
  // Nothing was put where the link leads, and nothing of the user's belongs to root.
  expect(readdirSync(target)).toEqual([]);
  for (const name of existsSync(join(home, 'app')) ? readdirSync(join(home, 'app')) : [])
    expect(readFileSync(join(home, 'app', name), 'utf8'), name).toBe('ours');
  expect(statSync(join(home, 'fake/archive')).uid).toBe(USER);
});

test('a step does not fail for names that somebody else has taken', async () => {
  const shared = join(place, 'tmp');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  const squat = `cd "$0" && for i in $(seq "$1" $(($1 + 5000))); do echo ".cfntools-sources-$i" ".cfntools-download-$i" ".conf.cfntools-$i"; done | xargs mkdir`;
  // The process ids of the next commands.
  const { stdout: pid } = await machine().run('echo $$');
  await machine().run([...asUser, 'bash', '-c', squat, shared, pid.trim()]);
  const { code, stderr } = await cfnInit(machine(), {
    sources: { [join(shared, 'app')]: `file://${archive}` },
    files: { [join(shared, 'conf')]: { content: 'ours' } },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test.each<[what: string, mode: number, entry: object]>([
  ['both', 0o6755, { owner: 'root', group: 'root' }],
  ['the group alone', 0o2755, { group: 'root' }],
  ['the owner alone', 0o4755, { owner: 'root' }],
])('a file that changes hands loses its set-id bits: %s', async (_, mode, entry) => {
  const tool = join(home, 'tool');
  writeFileSync(tool, 'evil');
  chownSync(tool, USER, USER);
  chmodSync(tool, mode);
  expect((await cfnInit(machine(), { files: { [tool]: { content: 'ours', ...entry } } })).code).toBe(0);
  expect(statSync(tool).mode & 0o7777).toBe(0o755);
});

test('a file that keeps its owner and group keeps its set-id bits', async () => {
  const tool = join(place, 'tool');
  writeFileSync(tool, 'old');
  chmodSync(tool, 0o4755);
  expect((await cfnInit(machine(), { files: { [tool]: { content: 'new', owner: 'root' } } })).code).toBe(0);
  expect(statSync(tool).mode & 0o7777).toBe(0o4755);
});

describe('a file that the user put where everybody may write', () => {
  const script = (): string => join(place, 'tmp/setup.sh');
  beforeEach(() => {
    mkdirSync(join(place, 'tmp'));
    chmodSync(join(place, 'tmp'), 0o1777);
    writeFileSync(script(), 'evil');
    chownSync(script(), USER, USER);
    chmodSync(script(), 0o777);
  });

  test.each<[entry: object, mode: number]>([
    [{}, 0o644],
    [{ mode: '000755' }, 0o755],
    [{ group: 'root' }, 0o644],
  ])('is replaced by one of our own: %o', async (entry, mode) => {
    const config = { files: { [script()]: { content: 'ours', ...entry } } };
    expect((await cfnInit(machine(), config)).code).toBe(0);
    const { uid, gid, mode: found } = statSync(script());
    expect({ uid, gid, mode: found & 0o7777 }).toEqual({ uid: 0, gid: 0, mode });
    expect((await cfnInit(machine(), config)).stdout).toContain('1 unchanged');
  });

  test('stays the user’s where the document says so', async () => {
    const entry = { content: 'ours', owner: String(USER), group: String(USER), mode: '000700' };
    expect((await cfnInit(machine(), { files: { [script()]: entry } })).code).toBe(0);
    expect(statSync(script()).uid).toBe(USER);
  });
});

describe('what is named like something that a killed run left', () => {
  const left = '.cfntools-sources-4000000-q';
  const unpack = () => cfnInit(machine(), { sources: { [join(home, 'app')]: `file://${archive}` } });

  test.each(['a file of another name', 'a directory'])('stays when it holds %s', async (what) => {
    for (const parent of [home, place]) {
      mkdirSync(join(parent, left), { mode: 0o700 });
      if (what === 'a directory') mkdirSync(join(parent, left, '0'));
      else writeFileSync(join(parent, left, 'key'), 'precious');
    }
    const { code, stderr } = await unpack();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const parent of [home, place]) expect(readdirSync(join(parent, left))).toHaveLength(1);
  });

  test('is not looked into where the user could have renamed it', async () => {
    mkdirSync(join(home, left), { mode: 0o700 });
    writeFileSync(join(home, left, '0'), 'precious');
    mkdirSync(join(place, left), { mode: 0o700 });
    writeFileSync(join(place, left, '0'), 'half an archive');
    expect((await unpack()).code).toBe(0);
    expect(readdirSync(home).sort()).toEqual([left, 'app']);
    expect(existsSync(join(place, left))).toBe(false);
  });
});

test('--root does not change the accounts of the machine by a link in the tree', async () => {
  const image = join(place, 'image');
  mkdirSync(join(image, 'proc/self/root/etc'), { recursive: true });
  await machine().run(`cp /etc/{passwd,group,shadow,gshadow,login.defs} ${image}/proc/self/root/etc/`);
  await machine().run(['ln', '-s', '/proc/self/root/etc', join(image, 'etc')]);
  const before = machine().read('/etc/group');
  const { code, stderr } = await cfnInit(machine(), { groups: { evil: {} } }, ['--root', image]);
  expect({ code, after: machine().read('/etc/group') }).toEqual({ code: 1, after: before });
  expect(stderr).toContain(`a symbolic link among the account files: ${image}/etc: `);
});
