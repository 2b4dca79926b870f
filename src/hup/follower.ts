import { Problem } from '../errors.ts';
import { paths } from '../paths.ts';
import { holderOf } from '../system/lock.ts';
import type { System } from '../system/system.ts';
import { hasSystemd, showUnits } from '../system/systemctl.ts';
import { type Following, readFollowing } from './following.ts';
import { optionsOf } from './rival.ts';

/** Who sees to it that changes are followed. */
export type Follower =
  | { readonly kind: 'daemon'; readonly daemon: Following }
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
const SERVICE = 'cfn-hup.service';
const TIMER = 'cfn-hup.timer';
/** What crond reads, and what crontab(1) writes for root, by distribution. */
const CRON_DIRECTORY = '/etc/cron.d';
const CRON_FILES = ['/etc/crontab', '/var/spool/cron/crontabs/root', '/var/spool/cron/root', '/etc/crontabs/root'];

/**
 * Finds out who follows changes: the daemon that lives, else cfn-hup.timer, else a line for cron. Nothing is changed, and
 * systemd has a bound.
 * @param holder the process that has the daemon's lock
 */
export async function findFollower(
  system: Pick<System, 'files' | 'exec'>,
  holder: number | undefined = holderOf(paths.hupDaemonLock),
): Promise<Follower> {
  const daemon = readFollowing(system);
  if (daemon !== undefined) return { kind: 'daemon', daemon };
  if (holder !== undefined && optionsOf(system, holder)?.includes('--daemon') === true)
    return { kind: 'process', pid: holder };
  const units = await unitStates(system);
  if (units.get(TIMER) === 'active') return { kind: 'timer' };
  const file = cronFile(system);
  if (file !== undefined) return { kind: 'cron', file };
  return { kind: 'nobody', advice: adviceFor(units.get(SERVICE)) };
}

function adviceFor(service: string | undefined): string {
  switch (service) {
    case undefined:
      return 'run cfn-hup (a daemon), or cfn-hup -f by cron';
    case 'unknown':
      return 'systemctl does not answer';
    case 'failed':
      return `${SERVICE} has failed: see journalctl -u cfn-hup`;
    case 'active':
    case 'activating':
      return `${SERVICE} does not stay up: journalctl -u cfn-hup`;
    default:
      return `start it by systemctl enable --now ${SERVICE}`;
  }
}

/** By unit: its ActiveState, `unknown` when systemd does not answer; none for units that it does not know, or without systemd. */
async function unitStates(system: Pick<System, 'files' | 'exec'>): Promise<ReadonlyMap<string, string>> {
  if (!hasSystemd(system)) return new Map();
  const units = await showUnits(system.exec, ['Id', 'LoadState', 'ActiveState'], [SERVICE, TIMER], PATIENCE);
  if (units === undefined) return new Map([[SERVICE, 'unknown']]);
  return new Map(
    units.flatMap(({ Id, LoadState, ActiveState }) =>
      Id === undefined || ActiveState === undefined || LoadState === 'not-found' ? [] : [[Id, ActiveState]],
    ),
  );
}

/** The first file with a line that makes passes. */
function cronFile({ files }: Pick<System, 'files'>): string | undefined {
  const read = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  };
  const names = read(() => (files.entry(CRON_DIRECTORY) === undefined ? [] : files.names(CRON_DIRECTORY))) ?? [];
  return [...names.map((name) => `${CRON_DIRECTORY}/${name}`), ...CRON_FILES].find((path) =>
    read(() => files.readIfPresent(path, MOST_BYTES)?.toString('utf8'))
      ?.split('\n')
      .some(isCronLine),
  );
}

/** A line such as `* * * * * root /opt/aws/bin/cfn-hup -f`. */
function isCronLine(line: string): boolean {
  return /^\s*(?:[*\d]|@(?!reboot))/.test(line) && /[\s/;&|(]cfn-hup(?![\w.-])(?!.*--(?:check|status))/.test(line);
}
