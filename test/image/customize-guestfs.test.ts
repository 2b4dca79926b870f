import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { project } from '../support/binary.ts';
import { type Ended, run } from '../support/process.ts';
import { prepareMachine } from '../support/second-attempt.ts';
import { isInstalled, isRoot } from '../support/use-machine.ts';
import { allPassed, useImages } from './use-images.ts';

const place = join(inject('images'), 'guestfs');
const TIMEOUT = 15 * 60_000;

const jeos = (...options: string[]): Promise<Ended> =>
  run([join(project, 'image-build/jeos'), '--output', place, '--no-agent', ...options], { timeout: TIMEOUT });

/** As on a machine where libguestfs works. */
const withGuestfs = (command: readonly string[], input = ''): Promise<Ended> =>
  run(
    [
      join(project, 'test/image/with-guestfs.sh'),
      join(inject('images'), 'guest'),
      join(place, 'appliance'),
      ...command,
    ],
    { cwd: place, input, timeout: TIMEOUT },
  );

const succeeds = async (ended: Promise<Ended>): Promise<void> => {
  const { code, stderr } = await ended;
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr.slice(-2000)}`);
};

/** The root of a JeOS has no room to spare; that of a cloud image has. */
const GROW = `
run
part-expand-gpt /dev/sda
part-resize /dev/sda 1 2000000
e2fsck-f /dev/sda1
resize2fs /dev/sda1
`;

describe.skipIf(!isRoot || !isInstalled('virt-customize'))('image-build/customize with libguestfs', () => {
  const images = useImages();

  prepareMachine(async () => {
    mkdirSync(place, { recursive: true });
    await succeeds(jeos('--name', 'full', '--formats', 'qcow2'));
    await succeeds(jeos('--name', 'bare', '--formats', 'qcow2', '--size', '1G'));
    await succeeds(withGuestfs(['guestfish', '-a', 'bare.qcow2'], GROW));
  }, TIMEOUT);

  const customize = (image: string, output: string): Promise<Ended> =>
    withGuestfs([join(project, 'image-build/customize'), image, '--output', output, '--with', 'guestfs']);

  test(
    'installs the package in a disk; what is in it, booted: all of the flow',
    async () => {
      const { code, stderr } = await customize('bare.qcow2', 'new.qcow2');
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      await succeeds(withGuestfs(['virt-tar-out', '-a', 'new.qcow2', '/', 'new.tar']));
      const status = ['tar', '-xOf', join(place, 'new.tar'), './var/lib/dpkg/status'];
      expect((await run(status)).stdout).toMatch(/^Package: cfntools\nStatus: install ok installed$/m);
      const booted = await images().boot(join(place, 'new.tar'), ['--nspawn'], TIMEOUT);
      expect({ code: booted.ended.code, checks: booted.checks }).toEqual({
        code: 0,
        checks: allPassed(['ephemeral disk mounted', 'root has grown']),
      });
    },
    TIMEOUT,
  );

  test(
    'a root without room: exit code 1, what to do, and nothing is left',
    async () => {
      const { code, stderr } = await customize('full.qcow2', 'never.qcow2');
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /No space left on device[\s\S]*\ncustomize: [^\n]*has to be made larger first \(virt-resize\)\n$/,
      );
      expect(readdirSync(place).filter((name) => name.startsWith('work.') || name.startsWith('never'))).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    'a libguestfs that cannot start: exit code 1, and who tells why',
    async () => {
      const { code, stderr } = await withGuestfs([
        ...['env', 'LIBGUESTFS_HV=/bin/false', join(project, 'image-build/customize'), 'full.qcow2'],
        ...['--output', 'never.qcow2', '--with', 'guestfs'],
      ]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /\ncustomize: virt-inspector cannot look into full\.qcow2: [^\n]*libguestfs-test-tool[^\n]*\n$/,
      );
    },
    TIMEOUT,
  );
});
