import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import {
  configDriveDevice,
  mountPoint,
  readConfigDrive,
  searchConfigDrive,
} from '../../../src/metadata/config-drive.ts';
import type { Exec, ToolResult } from '../../../src/system/programs/exec.ts';
import type { System } from '../../../src/system/system.ts';
import { temporaryRoot } from '../temporary-root.ts';
import { fakeGuest } from './fake-system.ts';

describe('configDriveDevice', () => {
  it.each<[label: string, target: string, device: string | undefined]>([
    ['config-2', '../../sr0', '/dev/sr0'],
    ['CONFIG-2', '../../vdb', '/dev/vdb'],
    ['config-2', '/dev/sr1', '/dev/sr1'],
    ['config-2', '../../mapper/./x', '/dev/mapper/x'],
    ['config-1', '../../sr0', undefined],
  ])('%s -> %s: %s', (label, target, device) => {
    const { files } = temporaryRoot();
    files.writeLink(`/dev/disk/by-label/${label}`, target);
    expect(configDriveDevice(files)).toBe(device);
  });

  it('is none without udev', () => {
    expect(configDriveDevice(temporaryRoot().files)).toBeUndefined();
  });
});

describe('mountPoint', () => {
  const table = [
    'proc /proc proc rw,nosuid 0 0',
    '/dev/vda1 / ext4 rw 0 0',
    '/dev/sr0 /media/config\\040drive iso9660 ro 0 0',
    '/dev/sr1 none iso9660 ro 0 0',
    '',
  ].join('\n');
  it.each<[device: string, place: string | undefined]>([
    ['/dev/vda1', '/'],
    ['/dev/sr0', '/media/config drive'],
    ['/dev/sr1', undefined],
    ['/dev/sr', undefined],
    ['proc', '/proc'],
  ])('%s: %s', (device, place) => {
    expect(mountPoint(table, device)).toBe(place);
  });
  it('of an empty table', () => expect(mountPoint('', '/dev/sr0')).toBeUndefined());
});

/** A guest on which each tool answers as `answer` says. */
function guestWith(answer: (words: readonly string[]) => Partial<ToolResult>, uid: number) {
  const guest = fakeGuest({});
  const ran: (readonly string[])[] = [];
  const timeouts: (number | undefined)[] = [];
  const exec: Exec = {
    ...guest.system.exec,
    find: (program) => `/usr/sbin/${program}`,
    async query(words, options) {
      ran.push(words);
      timeouts.push(options?.timeout);
      return { exitCode: 0, stdout: '', output: '', ...answer(words) };
    },
  };
  const system: System = { ...guest.system, exec, self: { uid, gid: 0 } };
  return { ...guest, system, ran, timeouts };
}

describe('readConfigDrive', () => {
  it('reads it where it is mounted already', async () => {
    const guest = guestWith(() => ({}), 1000);
    guest.write('/proc/self/mounts', '/dev/sr0 /mnt/config iso9660 ro 0 0\n');
    guest.write('/mnt/config/openstack/latest/meta_data.json', '{"uuid": "x"}');
    expect(await readConfigDrive(guest.system, guest.log, '/dev/sr0', 60_000)).toBe('{"uuid": "x"}');
    expect(guest.ran).toEqual([]);
  });

  it('mounts it otherwise, where only the read can see it and nothing in it can be run', async () => {
    const guest = guestWith(() => ({ stdout: '{"uuid": "x"}' }), 0);
    expect(await readConfigDrive(guest.system, guest.log, '/dev/sr0', 60_000)).toBe('{"uuid": "x"}');
    const [words = []] = guest.ran;
    expect(words.slice(0, 4)).toEqual(['unshare', '-m', 'sh', '-c']);
    expect(words[4]).toContain('mount -o ro,nosuid,nodev,noexec -- ');
    expect(words.slice(5)).toEqual(['sh', '/tmp', '/dev/sr0']);
  });

  it.each<[what: string, uid: number, says: string]>([
    ['an ordinary user', 1000, 'DEBUG the config drive is not mounted: /dev/sr0: only root can mount it'],
    [
      'a failed mount',
      0,
      "DEBUG the config drive cannot be read: /dev/sr0: it printed last: mount: unknown filesystem type 'iso9660'.",
    ],
  ])('%s goes without, and the log says why', async (_, uid, says) => {
    const output = "mount: unknown filesystem type 'iso9660'.\n";
    const guest = guestWith(() => ({ exitCode: 32, output }), uid);
    expect(await readConfigDrive(guest.system, guest.log, '/dev/sr0', 60_000)).toBeUndefined();
    expect(guest.said).toEqual([says]);
  });
});

describe('searchConfigDrive', () => {
  it.each<[label: string]>([['config-2'], ['CONFIG-2']])('finds a device labelled %s', async (label) => {
    const guest = guestWith(
      ([tool, ...words]) =>
        tool !== 'blkid'
          ? { stdout: `from ${words.at(-1)}` }
          : words.includes(`LABEL=${label}`)
            ? { stdout: '/dev/vdc\n' }
            : { exitCode: 2 },
      0,
    );
    expect(await searchConfigDrive(guest.system, guest.log, 60_000)).toBe('from /dev/vdc');
  });

  it('finds none', async () => {
    const guest = guestWith(() => ({ exitCode: 2 }), 0);
    expect(await searchConfigDrive(guest.system, guest.log, 60_000)).toBeUndefined();
    expect(guest.ran.map(([tool]) => tool)).toEqual(['blkid', 'blkid']);
  });

  it('gives each program what is left of the time, and runs none when nothing is left', async () => {
    const guest = guestWith(() => ({ exitCode: 2 }), 0);
    expect(await searchConfigDrive(guest.system, guest.log, 5_000)).toBeUndefined();
    expect(guest.timeouts).toEqual([5_000, 5_000]);
    expect(await searchConfigDrive(guest.system, guest.log, 0)).toBeUndefined();
    expect(guest.timeouts).toHaveLength(2);
  });

  it('a program that does not end is one that finds nothing', async () => {
    const guest = guestWith(() => {
      throw new Problem('blkid does not answer');
    }, 0);
    expect(await searchConfigDrive(guest.system, guest.log, 5_000)).toBeUndefined();
    expect(guest.said).toEqual(['DEBUG no config drive was found: blkid does not answer']);
  });

  it('is nothing for an ordinary user', async () => {
    const guest = guestWith(() => ({}), 1000);
    expect(await searchConfigDrive(guest.system, guest.log, 60_000)).toBeUndefined();
    expect(guest.ran).toEqual([]);
  });
});
