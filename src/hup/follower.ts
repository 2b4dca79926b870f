import { Problem } from '../errors.ts';
import { lastHolder } from '../system/lock.ts';
import { markOf, readProcess } from '../system/process-mark.ts';
import type { System } from '../system/system.ts';
import { DAEMON_LOCK } from './daemon.ts';
import { type Following, readFollowing } from './following.ts';

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
 * @param holder the process that took the daemon's lock last
 */
export async function findFollower(
  system: Pick<System, 'files' | 'exec'>,
  holder: number | undefined = lastHolder(DAEMON_LOCK),
): Promise<Follower> {
  const { files } = system;
  const daemon = readFollowing(system);
  if (daemon !== undefined) return { kind: 'daemon', daemon };
  const command =
    holder === undefined || markOf(files, holder) === undefined ? '' : readProcess(files, holder, 'cmdline');
  if (holder !== undefined && /(?:^|\/)cfn-hup\0(?:.*\0)?--daemon\0/s.test(command ?? ''))
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
async function unitStates({ files, exec }: Pick<System, 'files' | 'exec'>): Promise<ReadonlyMap<string, string>> {
  if (exec.find('systemctl') === undefined || files.entry('/run/systemd/system') === undefined) return new Map();
  const show = ['systemctl', 'show', '--property=Id,LoadState,ActiveState', SERVICE, TIMER];
  const { exitCode, output } = await exec.command(show, { timeout: PATIENCE });
  if (exitCode !== 0) return new Map([[SERVICE, 'unknown']]);
  const blocks = output.split(/\n\n+/).map((block) => new Map(block.split('\n').map(keyAndValue)));
  return new Map(
    blocks.flatMap((unit) => {
      const [id, state] = [unit.get('Id'), unit.get('ActiveState')];
      return id === undefined || state === undefined || unit.get('LoadState') === 'not-found' ? [] : [[id, state]];
    }),
  );
}

function keyAndValue(line: string): [string, string] {
  const index = line.indexOf('=');
  return [line.slice(0, index), line.slice(index + 1)];
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
