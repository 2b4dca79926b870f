import { resolve } from 'node:path';
import { lastLine, Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { parseOctal } from '../octal.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';

/** Nova's label; in the file system of a diskette it is in capitals. */
const LABELS = ['config-2', 'CONFIG-2'];
const DOCUMENT = 'openstack/latest/meta_data.json';
const MOST_BYTES = 1024 * 1024;
/** Milliseconds for one program that looks at a drive: an old one without a medium takes seconds, a broken one does not end. */
const TOOL_TIMEOUT = 20_000;

/**
 * Mounts DEVICE over a directory and prints the document. In a mount namespace of its own: no other process ever sees the
 * mount, and it goes with the shell however that ends, so there is nothing to unmount or to sweep after a kill.
 */
const MOUNT_AND_PRINT = `
directory=$1
device=$2
mount -o ro,nosuid,nodev,noexec -- "$device" "$directory" || exit
exec head -c ${MOST_BYTES} -- "$directory/${DOCUMENT}"
`;

/** The device of the config drive where udev has made the link for its label. */
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
 * Reads Nova's metadata from the config drive: where it is mounted already, or else by a mount for the read, which needs
 * root.
 * @param deadline when the mount is given up, on the clock of elapsed()
 * @returns undefined when that does not work out; the log says why
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
    // /tmp is there in every system; what is in it is out of sight for this one shell only.
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

/** As readConfigDrive, for a machine whose udev has made no link, or that has no udev. Needs root. */
export async function searchConfigDrive(system: System, log: Log, deadline: number): Promise<string | undefined> {
  const { exec, self } = system;
  if (self.uid !== 0 || exec.find('blkid') === undefined) return undefined;
  try {
    for (const label of LABELS) {
      // Without its cache, which may know another disk by this name.
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

/** Milliseconds that the next program may take. @throws Problem when there are none */
function timeLeft({ clock }: System, deadline: number): number {
  const left = deadline - clock.elapsed();
  if (left <= 0) throw new Problem('there is no time left to look for it');
  return Math.min(left, TOOL_TIMEOUT);
}

/** Where a device is mounted, by a table as in /proc/self/mounts: blanks in names are written as \040. */
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
