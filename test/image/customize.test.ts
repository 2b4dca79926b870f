import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';

const customize = join(project, 'image-build/customize');
const place = join(inject('images'), 'customize');
const TIMEOUT = 300_000;

const shell = async (script: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(['bash', '--norc', '-euc', script, 'bash', ...args], {
    cwd: place,
    timeout: TIMEOUT,
  });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr.slice(-2000)}`);
  return stdout;
};

/** A package of the same shape as the real one, built in a second. */
const PACKAGE = `
  umask 022
  mkdir -p deb/DEBIAN deb/usr/bin deb/opt/aws/bin deb/var/lib/heat-cfntools
  printf 'Package: cfntools\\nVersion: 9\\nArchitecture: amd64\\nMaintainer: n <n@example.com>\\nDescription: d\\n' >deb/DEBIAN/control
  head -c 3000000 /dev/urandom >deb/usr/bin/cfntools; chmod 755 deb/usr/bin/cfntools
  ln -s cfntools deb/usr/bin/cfn-init; ln -s /usr/bin/cfn-init deb/opt/aws/bin/cfn-init; chmod 700 deb/var/lib/heat-cfntools
  dpkg-deb --root-owner-group --build deb cfntools_9_amd64.deb
  sed -i s/amd64/arm64/ deb/DEBIAN/control
  dpkg-deb --root-owner-group --build deb cfntools_9_arm64.deb`;

/** disk NAME ID MIB: a disk with a partition that is not the root, and one that is. */
const DISK = `
  mkdir -p "$1/usr/lib" "$1/usr/bin" "$1/var/lib"; chmod 711 "$1/usr/bin"
  printf 'ID=%s\\n' "$2" >"$1/usr/lib/os-release"
  mke2fs -q -t ext4 -d "$1" "$1.ext4" "$3M" 2>/dev/null
  truncate -s "$(($3 + 10))M" "$1.raw"
  printf 'label: gpt\\nsize=4M\\nstart=16384,size=%sM,type=L\\n' "$3" | sfdisk -q "$1.raw"
  dd if="$1.ext4" of="$1.raw" bs=1M seek=8 conv=notrunc status=none
  qemu-img convert -O qcow2 "$1.raw" "$1.qcow2"`;
const OFFSET = 8 * 1024 * 1024;

beforeAll(async () => {
  mkdirSync(place, { recursive: true });
  await shell(PACKAGE);
  for (const [name, id, size] of [
    ['debian', 'debian', '64'],
    ['fedora', 'fedora', '64'],
    ['full', 'debian', '8'],
  ] as const)
    await shell(DISK, name, id, size);
}, TIMEOUT);

const options = ['--with', 'debugfs', '--package', 'cfntools_9_amd64.deb'];

describe('image-build/customize without libguestfs', () => {
  test('puts the files of the package into the root, as root’s, and leaves the image as it was', async () => {
    const before = readFileSync(join(place, 'debian.qcow2'));
    const { code, stderr } = await run([customize, 'debian.qcow2', '--output', 'new.qcow2', ...options], {
      cwd: place,
      timeout: TIMEOUT,
    });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    await shell('qemu-img convert -O raw new.qcow2 new.raw');
    const stat = async (path: string): Promise<string> =>
      shell(`debugfs -R 'stat ${path}' "new.raw?offset=${OFFSET}" 2>/dev/null`);
    expect(await stat('/usr/bin/cfntools')).toMatch(/Type: regular +Mode: +0755[\s\S]*User: +0 +Group: +0 /);
    expect(await stat('/usr/bin/cfn-init')).toContain('Fast link dest: "cfntools"');
    expect(await stat('/opt/aws/bin/cfn-init')).toContain('Fast link dest: "/usr/bin/cfn-init"');
    expect(await stat('/var/lib/heat-cfntools')).toMatch(/Type: directory +Mode: +0700/);
    // What was there keeps its mode.
    expect(await stat('/usr/bin')).toMatch(/Mode: +0711/);
    await shell(
      `debugfs -R 'dump /usr/bin/cfntools dumped' "new.raw?offset=${OFFSET}"; e2fsck -fn "new.raw?offset=${OFFSET}"`,
    );
    const sum = (path: string): string =>
      createHash('sha256')
        .update(readFileSync(join(place, path)))
        .digest('hex');
    expect(sum('dumped')).toBe(sum('deb/usr/bin/cfntools'));
    expect(readFileSync(join(place, 'debian.qcow2')).equals(before)).toBe(true);
    expect(readdirSync(place).filter((name) => name.startsWith('work.'))).toEqual([]);
  });

  test('has cloud-init ask the metadata service where the package is for arm64, and leaves a policy as it is', async () => {
    const read = (path: string, file: string): Promise<string> =>
      shell(`debugfs -R 'cat ${path}' "$1?offset=${OFFSET}" 2>/dev/null`, file);
    const path = '/etc/cloud/ds-identify.cfg';
    const convert = `
      "$0" debian.qcow2 --output amd64.qcow2 "$@"
      "$0" debian.qcow2 --output arm64.qcow2 "$@" --package cfntools_9_arm64.deb
      qemu-img convert -O raw amd64.qcow2 amd64.raw; qemu-img convert -O raw arm64.qcow2 arm64.raw
      cp arm64.raw own.raw; printf 'policy: disabled\n' >own
      printf 'cd /etc/cloud\nrm ds-identify.cfg\nwrite own ds-identify.cfg\n' | debugfs -w -f - "own.raw?offset=${OFFSET}" 2>/dev/null
      "$0" own.raw --output kept.raw "$@" --package cfntools_9_arm64.deb`;
    await shell(convert.replaceAll('"$0"', customize), ...options);
    expect(await read(path, 'amd64.raw')).toBe('');
    expect(await read(path, 'arm64.raw')).toMatch(/^policy: .*maybe=all/m);
    expect(await read(path, 'kept.raw')).toBe('policy: disabled\n');
  });

  test('does it a second time with the same result', async () => {
    await shell('"$0" debian.qcow2 --output one.raw "$@"'.replace('$0', customize), ...options);
    await shell('"$0" one.raw --output two.raw "$@"'.replace('$0', customize), ...options);
    const list = (file: string): Promise<string> =>
      shell(`debugfs -R 'ls -p /usr/bin' "$1?offset=${OFFSET}" 2>/dev/null | cut -d/ -f3-`, file);
    await shell('qemu-img convert -O raw one.raw one-flat.raw; qemu-img convert -O raw two.raw two-flat.raw');
    expect(await list('two-flat.raw')).toBe(await list('one-flat.raw'));
  });

  test.each([
    { image: 'fedora.qcow2', says: 'neither Debian nor Ubuntu: --with guestfs installs an rpm' },
    { image: 'full.qcow2', says: 'MiB free and' },
    { image: 'cfntools_9_amd64.deb', says: 'no ext4 with a system on it' },
  ])('$image: refused, and nothing is written', async ({ image, says }) => {
    const ended = await run([customize, image, '--output', 'never', ...options], { cwd: place, timeout: TIMEOUT });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(says);
    expect(readdirSync(place)).not.toContain('never');
  });

  test.each([
    { args: [], code: 2, says: 'which image?' },
    { args: ['debian.qcow2'], code: 2, says: 'no --output' },
    { args: ['debian.qcow2', '--output', 'debian.qcow2'], code: 1, says: 'is the image itself' },
    { args: ['debian.qcow2', '--output', 'x', '--with', 'magic'], code: 2, says: 'there are guestfs and debugfs' },
    { args: ['absent.qcow2', '--output', 'x'], code: 1, says: 'no such file: absent.qcow2' },
    {
      args: ['debian.qcow2', '--output', 'x', '--with', 'debugfs', '--package', 'debian.raw'],
      code: 1,
      says: 'takes a deb',
    },
  ])('$args: exit code $code', async ({ args, code, says }) => {
    const ended = await run([customize, ...args], { cwd: place });
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(says);
  });
});
