import { paths } from '../../../paths.ts';
import { serviceOf } from '../../../system/service-of.ts';
import type { System } from '../../../system/system.ts';

const DAEMON = 'cfn-hup.service';

/**
 * Whether a unit, by whatever name, is the daemon whose action runs us. It waits for its actions before it ends, so whoever
 * waits for its end from within one waits for himself, until the daemon loses patience and ends him.
 */
export function isOwnDaemon(unit: string, { files }: Pick<System, 'files'>): boolean {
  if (serviceOf(files, 'self') !== unit) return false;
  if (unit === DAEMON) return true;
  const daemon = Number.parseInt(files.readIfPresent(paths.hupDaemonLock, 64)?.toString('utf8') ?? '', 10);
  return Number.isInteger(daemon) && serviceOf(files, daemon) === unit;
}
