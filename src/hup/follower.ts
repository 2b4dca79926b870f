import { Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import { HUP_UNIT } from '../sections/services/managers/systemd-jobs.ts';
import type { System } from '../system/system.ts';
import { hasSystemd, showUnits } from '../system/systemctl.ts';
import { BACKUP } from './config-files.ts';
import { type Following, readFollowing } from './following.ts';
import { followsOther, isSameConfig, nameOther, optionsOf } from './rival.ts';

/** Who sees to it that changes are followed. */
export type Follower =
  /** isOther: it is known to follow other hooks than those that are asked about. */
  | { readonly kind: 'daemon'; readonly daemon: Following; readonly isOther: boolean }
  /** A daemon that has left no note: one of an older version. */
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'timer' }
  /** A line of this file calls cfn-hup. */
  | { readonly kind: 'cron'; readonly file: string }
  /** `advice` says what can be done about it. */
  | { readonly kind: 'nobody'; readonly advice: string };

/** Milliseconds that systemctl may take. */
const PATIENCE = 5000;
const MOST_BYTES = 1024 * 1024;
const TIMER = 'cfn-hup.timer';
/** What crond reads, and what crontab(1) writes for root, by distribution. */
const CRON_DIRECTORY = '/etc/cron.d';
const CRON_FILES = ['/etc/crontab', '/var/spool/cron/crontabs/root', '/var/spool/cron/root', '/etc/crontabs/root'];

/**
 * Finds out who follows changes: the daemon that lives, else cfn-hup.timer, else a line for cron. Nothing is changed, and
 * systemd has a bound. What is known to follow another configuration counts only where nothing else follows this one.
 * @param option -c as it was given
 * @param holder the process that has the daemon's lock
 */
export async function findFollower(
  system: System,
  option?: string,
  holder: number | undefined = system.locks.holderOf(paths.hupDaemonLock),
): Promise<Follower> {
  const daemon = readFollowing(system);
  const isOther = (pid: number): boolean => followsOther(system, pid, option);
  if (daemon !== undefined && !isOther(daemon.pid)) return { kind: 'daemon', daemon, isOther: false };
  const isNoteless = daemon === undefined && holder !== undefined && !isOther(holder);
  if (isNoteless && optionsOf(system, holder)?.includes('--daemon') === true) return { kind: 'process', pid: holder };
  const isUsual = isSameConfig(system, undefined, option);
  // The package's units are for the usual configuration.
  const units = isUsual ? await unitStates(system) : new Map<string, string>();
  if (units.get(TIMER) === 'active') return { kind: 'timer' };
  const file = cronFile(system, option);
  if (file !== undefined) return { kind: 'cron', file };
  if (daemon !== undefined) return { kind: 'daemon', daemon, isOther: true };
  return { kind: 'nobody', advice: isUsual ? adviceFor(units.get(HUP_UNIT)) : `call cfn-hup -f -c ${option} by cron` };
}

function adviceFor(service: string | undefined): string {
  switch (service) {
    case undefined:
      return 'run cfn-hup (a daemon), or cfn-hup -f by cron';
    case 'unknown':
      return 'systemctl does not answer';
    case 'failed':
      return `${HUP_UNIT} has failed: see journalctl -u cfn-hup`;
    case 'deactivating':
      return `${HUP_UNIT} is about to stop`;
    case 'active':
    case 'activating':
      return `${HUP_UNIT} does not stay up: journalctl -u cfn-hup`;
    default:
      return `start it by systemctl enable --now ${HUP_UNIT}`;
  }
}

/** By unit: its ActiveState, `unknown` when systemd does not answer; none for units that it does not know, or without systemd. */
async function unitStates(system: Pick<System, 'files' | 'exec'>): Promise<ReadonlyMap<string, string>> {
  if (!hasSystemd(system)) return new Map();
  const units = await showUnits(system.exec, ['Id', 'LoadState', 'ActiveState'], [HUP_UNIT, TIMER], PATIENCE);
  if (units === undefined) return new Map([[HUP_UNIT, 'unknown']]);
  return new Map(
    units.flatMap(({ Id, LoadState, ActiveState }) =>
      Id === undefined || ActiveState === undefined || LoadState === 'not-found' ? [] : [[Id, ActiveState]],
    ),
  );
}

/** The first file with a line that makes passes. */
function cronFile(system: Pick<System, 'files' | 'absolutePath'>, option: string | undefined): string | undefined {
  const { files } = system;
  const read = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  };
  const names = read(() => (files.entry(CRON_DIRECTORY) === undefined ? [] : files.names(CRON_DIRECTORY))) ?? [];
  // No cron reads what a package manager or an editor has put aside.
  const used = names.filter((name) => !BACKUP.test(name));
  return [...used.map((name) => `${CRON_DIRECTORY}/${name}`), ...CRON_FILES].find((path) =>
    read(() => files.readIfPresent(path, MOST_BYTES)?.toString('utf8'))
      ?.split('\n')
      .some((line) => isCronLine(line) && !nameOther(system, wordsBehind(line), option)),
  );
}

/** A line such as `* * * * * root /opt/aws/bin/cfn-hup -f`. */
function isCronLine(line: string): boolean {
  return /^\s*(?:[*\d]|@(?!reboot))/.test(line) && /[\s/;&|(]cfn-hup(?![\w.-])(?!.*--(?:check|status))/.test(line);
}

/** What a line gives to cfn-hup. */
function wordsBehind(line: string): readonly string[] {
  const [, options = ''] = /[\s/;&|(]cfn-hup(?![\w.-])([^;&|>]*)/.exec(line) ?? [];
  return options.split(/\s+/).map((word) => word.replaceAll(/["']/g, ''));
}
