import { resolve } from 'node:path';
import { lastLine, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { parseOctal } from '../octal.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';

/** Nova's label; on a vfat file system it is in upper case. */
const LABELS = ['config-2', 'CONFIG-2'];
const DOCUMENT = 'openstack/latest/meta_data.json';
const MOST_BYTES = 1024 * 1024;
/** Milliseconds for one program that reads a drive: an old drive without a medium takes seconds, a broken one never answers. */
const TOOL_TIMEOUT = 20_000;

/**
 * Mounts DEVICE over a directory and prints the document, in a mount namespace of its own. No other process ever sees the mount, and
 * it disappears with the shell, however that ends. So there is nothing to unmount or to clean up after a kill.
 */
const MOUNT_AND_PRINT = `
directory=$1
device=$2
mount -o ro,nosuid,nodev,noexec -- "$device" "$directory" || exit
exec head -c ${MOST_BYTES} -- "$directory/${DOCUMENT}"
`;

/** The device of the config drive, if udev has made a link for its label. */
export function configDriveDevice(files: FileSystem): string | undefined {
  for (const label of LABELS) {
    const link = `${paths.labels}/${label}`;
    try {
      if (files.entry(link)?.kind === 'symlink') return resolve(paths.labels, files.linkTarget(link));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
  return undefined;
}

/**
 * Reads Nova's metadata from the config drive: where it is already mounted, or else by a temporary mount, which needs root.
 * @param deadline when the mount is ended, on the clock of elapsed()
 * @returns undefined when it fails; the log says why
 */
export async function readConfigDrive(
  system: System,
  log: Log,
  device: string,
  deadline: number,
): Promise<string | undefined> {
  const { files, exec, self } = system;
  try {
    const place = mountPoint(files.readIfPresent(paths.mounts, MOST_BYTES)?.toString('utf8') ?? '', device);
    if (place !== undefined) return files.readIfPresent(`${place}/${DOCUMENT}`, MOST_BYTES)?.toString('utf8');
    if (self.uid !== 0) {
      log.debug(`the config drive is not mounted: ${device}: only root can mount it`);
      return undefined;
    }
    // /tmp exists in every system. Its content is hidden from this shell only.
    const command = ['unshare', '-m', 'sh', '-c', MOUNT_AND_PRINT, 'sh', '/tmp', device] as const;
    const result = await exec.query(command, { timeout: timeLeft(system, deadline) });
    if (result.exitCode === 0) return result.stdout;
    log.debug(`the config drive cannot be read: ${device}: ${lastLine(result.output)}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.debug(`the config drive cannot be read: ${error.line}`);
  }
  return undefined;
}

/** As readConfigDrive, for a machine without udev, or whose udev has made no link. Needs root. */
export async function searchConfigDrive(system: System, log: Log, deadline: number): Promise<string | undefined> {
  const { exec, self } = system;
  if (self.uid !== 0 || exec.find('blkid') === undefined) return undefined;
  try {
    for (const label of LABELS) {
      // Without its cache, which may have another disk with this name.
      const command = ['blkid', '-c', '/dev/null', '-t', `LABEL=${label}`, '-o', 'device'] as const;
      const { stdout } = await exec.query(command, { timeout: timeLeft(system, deadline) });
      const device = stdout.split('\n').find((line) => line.startsWith('/dev/'));
      if (device !== undefined) return readConfigDrive(system, log, device.trim(), deadline);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    log.debug(`no config drive was found: ${error.line}`);
  }
  return undefined;
}

/** Milliseconds that the next program may take. @throws Problem when none are left */
function timeLeft({ clock }: System, deadline: number): number {
  const left = deadline - clock.elapsed();
  if (left <= 0) throw new Problem('no time is left to search for it');
  return Math.min(left, TOOL_TIMEOUT);
}

/** Where a device is mounted, according to a table like /proc/self/mounts, where blanks in names are written as \040. */
export function mountPoint(table: string, device: string): string | undefined {
  for (const line of table.split('\n')) {
    const [source = '', place = ''] = line.split(' ').map(unescapeOctal);
    if (source === device && place.startsWith('/')) return place;
  }
  return undefined;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseOctal(digits) ?? 0));
}
