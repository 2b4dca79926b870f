import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';

const upload = join(project, 'image-build/upload');
const place = mkdtempSync(join(tmpdir(), 'cfntools-upload-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const GiB = 2 ** 30;
const image = (name: string, bytes: number): string => {
  const path = join(place, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
};

/** A program in the place of the real client, which prints what it is called with, one argument a line. */
const client = (): Record<string, string> => {
  writeFileSync(join(place, 'openstack'), '#!/bin/sh\nprintf "called: %s\\n" "$@"\n', { mode: 0o755 });
  return { ...(process.env as Record<string, string>), PATH: `${place}:${process.env['PATH'] ?? ''}` };
};

describe('image-build/upload', () => {
  test('prints the command, with the disk that the image needs at least', async () => {
    const path = image('debian-12.raw', GiB + 1);
    const { code, stdout } = await run([upload, path]);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(
      `openstack image create --file ${path} --disk-format raw --container-format bare --min-disk 2 --min-ram 512 ` +
        '--property os_type=linux --property architecture=x86_64 --property hw_rng_model=virtio ' +
        '--property hw_disk_bus=virtio --property hw_vif_model=virtio --property hw_scsi_model=virtio-scsi ' +
        '--property hw_cdrom_bus=scsi --property os_distro=debian --property os_version=12 debian-12',
    );
  });

  test('with --run hands it to the client, with the options behind --', async () => {
    const path = image('my image.raw', GiB);
    const { code, stdout } = await run([upload, path, '--run', '--name', 'my image', '--', '--public'], {
      env: client(),
    });
    const called = stdout.split('\n').flatMap((line) => (line.startsWith('called: ') ? [line.slice(8)] : []));
    expect({ code, first: called.slice(0, 4), last: called.slice(-2) }).toEqual({
      code: 0,
      first: ['image', 'create', '--file', path],
      last: ['--public', 'my image'],
    });
  });

  test('an image that is not what its sums say is not uploaded', async () => {
    const path = image('changed.raw', 4096);
    writeFileSync(join(place, 'changed.sha256'), `${'0'.repeat(64)}  changed.raw\n`);
    const { code, stdout, stderr } = await run([upload, path, '--run'], { env: client() });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('not what changed.sha256 says');
  });

  test.each([
    { args: [], code: 2, says: 'which image?' },
    { args: ['--public'], code: 2, says: 'options of the openstack command go behind --' },
    { args: ['/nonexistent.qcow2'], code: 1, says: 'no such file' },
    { args: ['/etc/passwd'], code: 1, says: 'has to end in .qcow2' },
  ])('$args: exit code $code', async ({ args, code, says }) => {
    const ended = await run([upload, ...args]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).toContain(says);
  });
});
