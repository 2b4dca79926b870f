import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { type Ended, run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';
import { isRoot } from '../support/use-machine.ts';
import { BUILD_TIMEOUT, ensureGuest } from './use-images.ts';

const jeos = join(project, 'image-build/jeos');
const directory = inject('images');
const guest = (kind: string): string => join(directory, `guest.${kind}`);
const TIMEOUT = 20 * 60_000;

interface Manifest {
  /** Of everything in the image. */
  readonly date: string;
  readonly agent: { readonly package: string; readonly version: string } | null;
  readonly files: readonly { readonly file: string; readonly bytes: number; readonly sha256: string }[];
  readonly packages: readonly { readonly name: string }[];
}

const succeed = (ended: Ended): string => {
  if (ended.code !== 0) throw new Error(`exit code ${ended.code}: ${ended.stderr.slice(-3000)}`);
  return ended.stdout;
};
const shell = async (script: string, ...args: string[]): Promise<string> =>
  succeed(await run(['bash', '--norc', '-euc', script, 'bash', ...args], { timeout: TIMEOUT }));
/** Whether root has built the guest of this run from nothing: then its packages were not found in a cache of an earlier day. */
const isGuestFromNothing = (): boolean => readFileSync(guest('log'), 'utf8').includes('jeos: installing bookworm');
const manifestOf = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

prepareMachine(() => ensureGuest(directory), 2 * BUILD_TIMEOUT);

describe('the root directory', () => {
  let listing: ReadonlyMap<string, { readonly mode: string; readonly owner: string; readonly size: number }>;
  const cat = async (path: string): Promise<string> => shell('tar -xOf "$1" "$2"', guest('root.tar'), `.${path}`);

  beforeAll(async () => {
    const lines = (await shell('tar --numeric-owner -tvf "$1"', guest('root.tar'))).trimEnd().split('\n');
    listing = new Map(
      lines.map((line) => {
        const [, mode = '', owner = '', size = '', path = ''] = /^(\S+) (\S+) +(\d+) \S+ \S+ \.(.*)$/.exec(line) ?? [];
        return [path.replace(/ (->|link to) .*/, ''), { mode, owner, size: Number(size) }];
      }),
    );
  });

  test.each([
    '/usr/bin/cfntools',
    '/usr/bin/cloud-init',
    '/usr/bin/growpart',
    '/usr/sbin/sshd',
    '/usr/sbin/mkfs.ext4',
    '/usr/share/i18n/SUPPORTED',
    '/usr/share/i18n/locales/de_DE',
  ])('has %s', (path) => {
    expect([...listing.keys()].some((there) => there === path)).toBe(true);
  });

  test.each([
    ['ssh host keys', /^\/etc\/ssh\/ssh_host_/],
    ['name servers of the building machine', /^\/etc\/resolv\.conf$/],
    ['random seed', /^\/var\/lib\/systemd\/random-seed$/],
    ['second machine id', /^\/var\/lib\/dbus\/machine-id$/],
    ['package lists', /^\/var\/lib\/apt\/lists\/.*Packages/],
    ['logs', /^\/var\/log\/(?!README$).*[^/]$/],
    ['memory of cloud-init', /^\/var\/lib\/cloud\/./],
    ['link that starts cfn-hup', /\.wants\/cfn-hup/],
    ['device nodes', /^\/dev\/./],
    ['metadata or credentials', /^\/etc\/cfn\/.*[^/]$/],
  ])('has no %s', (_, pattern) => {
    const found = [...listing.keys()].filter((path) => pattern.test(path));
    expect(found).toEqual([]);
  });

  test('has an empty machine id, so that each machine makes its own', () => {
    expect(listing.get('/etc/machine-id')?.size).toBe(0);
  });

  test.each(['/var/lib/heat-cfntools/', '/var/cache/heat-cfntools/', '/var/lib/cfn-hup/'])(
    'keeps %s to root',
    (path) => {
      expect(listing.get(path)).toMatchObject({ mode: 'drwx------', owner: '0/0' });
    },
  );

  test('has no password', async () => {
    const passwords = (await cat('/etc/shadow'))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':')[1]);
    expect(passwords.filter((password) => password !== '*' && !password?.startsWith('!'))).toEqual([]);
  });

  test('closes copies of metadata from the start', () => {
    expect([...listing.keys()]).toEqual(
      expect.arrayContaining([
        '/usr/lib/tmpfiles.d/cfntools.conf',
        '/usr/lib/systemd/system/systemd-tmpfiles-setup.service.d/cfntools.conf',
      ]),
    );
  });

  test('has package sources without a user name', async () => {
    expect(await cat('/etc/apt/sources.list')).toMatch(/^(deb \S+ \S+ \S.*\n)+$/);
  });

  test.skipIf(!isRoot)('makes the locale that cloud-init asks for', async () => {
    const printed = await shell(
      `rm -rf "$2"; mkdir "$2" && tar -C "$2" -xpf "$1" --numeric-owner --exclude='./dev/*'
      chroot "$2" env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin locale-gen nl_NL.UTF-8 >/dev/null 2>&1
      chroot "$2" env -i PATH=/usr/bin:/bin locale -a; rm -r "$2"`,
      guest('root.tar'),
      join(directory, 'locale'),
    );
    expect(printed.split('\n')).toContain('nl_NL.utf8');
  });
});

describe('the disk', () => {
  const OFFSET = 10 * 1024 * 1024;

  test('has a partition for each kind of firmware, and the root last', async () => {
    const { partitiontable } = JSON.parse(await shell('sfdisk --json "$1"', guest('raw'))) as {
      partitiontable: { label: string; partitions: { node: string; start: number; size: number; name: string }[] };
    };
    const numbers = partitiontable.partitions.map(({ node, name }) => [node.slice(guest('raw').length), name]);
    expect([partitiontable.label, numbers]).toEqual([
      'gpt',
      [
        ['1', 'root'],
        ['14', 'bios'],
        ['15', 'esp'],
      ],
    ]);
    const starts = partitiontable.partitions.map(({ start }) => start);
    expect(Math.max(...starts)).toBe(partitiontable.partitions[0]?.start);
  });

  test('has a sound root file system', async () => {
    const printed = await shell('e2fsck -f -n "$1?offset=$2" 2>&1', guest('raw'), String(OFFSET));
    expect(printed).not.toMatch(/error|\?/i);
  });

  test('has the loader of UEFI', async () => {
    expect(await shell('mdir -b -i "$1@@2M" ::/EFI/BOOT', guest('raw'))).toContain('BOOTX64.EFI');
  });

  test('has a boot sector that leads to the core of GRUB, and the core to the rest of itself', () => {
    const head = readFileSync(guest('raw')).subarray(0, 2 * 1024 * 1024);
    const core = Number(head.readBigUInt64LE(0x5c));
    expect([core, Number(head.readBigUInt64LE(core * 512 + 0x1f4))]).toEqual([2048, 2049]);
    const sectors = head.readUInt16LE(core * 512 + 0x1f4 + 8);
    expect(head.subarray((core + sectors) * 512, (core + sectors + 1) * 512).some((byte) => byte !== 0)).toBe(true);
  });
});

describe('building', () => {
  test(
    'again makes the same bytes, and leaves no work files, mounts or loop devices',
    async () => {
      const state = async (): Promise<string> =>
        shell('cat /proc/mounts; cat /sys/block/loop*/loop/backing_file 2>/dev/null || true');
      const before = await state();
      await shell('exec "$0" --name guest --output "$1" >&2'.replace('$0', jeos), join(directory, 'again'));
      const sums = (place: string): unknown => manifestOf(join(place, 'guest.manifest.json')).files;
      expect(sums(join(directory, 'again'))).toEqual(sums(directory));
      rmSync(join(directory, 'again'), { recursive: true });
      expect(await state()).toBe(before);
    },
    TIMEOUT,
  );

  test(
    'without the agent leaves it out, and the agent adds no more than 130 MiB, 40 MiB compressed',
    async () => {
      const without = join(directory, 'without');
      succeed(await run([jeos, '--no-agent', '--name', 'guest', '--output', without], { timeout: TIMEOUT }));
      for (const [place, isThere] of [
        [directory, true],
        [without, false],
      ] as const) {
        const { agent, packages } = manifestOf(join(place, 'guest.manifest.json'));
        expect([agent !== null, packages.some((one) => one.name === 'cfntools')]).toEqual([isThere, isThere]);
      }
      const more = Object.fromEntries(
        ['root.tar', 'raw', 'qcow2', 'vmdk', 'ova'].map((kind) => {
          const size = (place: string): number => statSync(join(place, `guest.${kind}`)).size / 2 ** 20;
          return [kind, size(directory) - size(without)];
        }),
      );
      rmSync(without, { recursive: true });
      console.log('MiB more:', more);
      expect(more['root.tar']).toBeGreaterThan(50);
      for (const kind of ['root.tar', 'raw']) expect(more[kind], kind).toBeLessThanOrEqual(130);
      for (const kind of ['qcow2', 'vmdk', 'ova']) expect(more[kind], kind).toBeLessThanOrEqual(40);
    },
    TIMEOUT,
  );

  test.each([
    { args: ['--formats', 'iso'], code: 2, says: 'no format iso, there are tar, raw' },
    { args: ['--size', 'big'], code: 2, says: '--size is like 4G: big' },
    { args: ['--suite', '../etc'], code: 2, says: 'no name of a suite: ../etc' },
    { args: ['--name', 'a/b'], code: 2, says: '--name has letters' },
    { args: ['--colour'], code: 2, says: 'no option --colour' },
    { args: ['--output'], code: 2, says: '--output needs a value' },
    { args: ['--package', '/nonexistent.deb'], code: 1, says: 'no such file: /nonexistent.deb' },
    { args: ['--package', '/etc/passwd'], code: 1, says: '/etc/passwd: not a whole deb' },
    { args: ['--no-agent', '--suite', 'nowhere'], code: 1, says: 'no apt sources for nowhere' },
    {
      args: ['--no-agent', '--mirror', 'http://me:secret@mirror.example.com/'],
      code: 1,
      says: 'have a user name in them',
    },
  ])('$args: exit code $code, and why', async ({ args, code, says }) => {
    const ended = await run([jeos, ...args], { cwd: directory });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toContain('secret');
  });

  test(
    'a mirror that does not answer: exit code 1, the end of the log and where all of it is',
    async () => {
      const cache = join(directory, 'cache-of-no-mirror');
      const ended = await run([
        jeos,
        '--no-agent',
        '--mirror',
        'http://127.0.0.1:9/debian',
        '--cache',
        cache,
        '--output',
        cache,
      ]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain('mmdebstrap: bookworm could not be installed: the whole log is in ');
      expect(readdirSync(cache).filter((name) => !/\.(log|lock)$/.test(name))).toEqual([]);
    },
    TIMEOUT,
  );

  test.skipIf(!isRoot)(
    'as an ordinary user, from nothing, makes the same bytes as root',
    async () => {
      const place = join(directory, 'ordinary');
      rmSync(place, { recursive: true, force: true });
      mkdirSync(place, { mode: 0o777 });
      const { date, agent } = manifestOf(guest('manifest.json'));
      const deb = agent?.package ?? '';
      copyFileSync(join(project, 'dist', deb), join(place, deb));
      const options = ['--name', 'guest', '--formats', 'tar,raw', '--package', join(place, deb)];
      const env = { ...(process.env as Record<string, string>), SOURCE_DATE_EPOCH: String(Date.parse(date) / 1000) };
      await shellAsUser(
        place,
        [jeos, ...options, '--output', join(place, 'user'), '--cache', join(place, 'user-cache')],
        env,
      );
      let asRoot = directory;
      if (!isGuestFromNothing()) {
        asRoot = join(place, 'root');
        const root = [jeos, ...options, '--output', asRoot, '--cache', join(place, 'root-cache')];
        succeed(await run(root, { timeout: TIMEOUT, env }));
      }
      const made = (where: string): Manifest => {
        const { files, ...rest } = manifestOf(join(where, 'guest.manifest.json'));
        return { ...rest, files: files.filter(({ file }) => file === 'guest.root.tar' || file === 'guest.raw') };
      };
      expect(made(join(place, 'user')).files).toHaveLength(2);
      expect(made(join(place, 'user'))).toEqual(made(asRoot));
    },
    2 * TIMEOUT,
  );
});

/**
 * Runs a command as a new user with user ids to map, in a view of this machine. The root is changed by pivot_root: in a
 * chroot the kernel refuses user namespaces.
 */
async function shellAsUser(place: string, command: readonly string[], env: Record<string, string>): Promise<void> {
  const script = `
    place=$1; shift
    mount --make-rprivate /
    view=$(mktemp -d); mount -t tmpfs -o mode=755 tmpfs "$view"; cd "$view"
    mkdir upper work root
    mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
    mkdir -p "root$place"; mount --bind "$place" "root$place"
    mount --rbind /dev root/dev; mount -t proc proc root/proc; mount -t sysfs -o ro sysfs root/sys
    mkdir -p root/old-root; cd root; pivot_root . old-root; cd /; umount -l old-root
    useradd --create-home builder
    grep -q '^builder:' /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 builder
    mkdir -p "$place/home"; chown builder "$place" "$place/home"
    chmod 755 "$(dirname "$place")"
    exec setpriv --reuid builder --regid builder --init-groups env HOME="$place/home" "$@"`;
  succeed(
    await run(
      ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'bash', '-euc', script, 'bash', place, ...command],
      { timeout: TIMEOUT, env },
    ),
  );
}
