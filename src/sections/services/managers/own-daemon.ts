import type { System } from '../../../system/system.ts';

const DAEMON = 'cfn-hup.service';

/**
 * Whether a unit is the daemon whose action runs us. It waits for its actions before it ends, so whoever waits for its end
 * from within one waits for himself, until the daemon loses patience and ends him.
 */
export function isOwnDaemon(unit: string, { files }: Pick<System, 'files'>): boolean {
  if (unit !== DAEMON) return false;
  const groups = files.readIfPresent('/proc/self/cgroup', 65_536)?.toString('utf8') ?? '';
  return /\/cfn-hup\.service(?:\/.*)?$/m.test(groups);
}
