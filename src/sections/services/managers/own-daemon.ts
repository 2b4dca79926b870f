import { paths } from '../../../paths.ts';
import { lastHolder } from '../../../system/lock.ts';
import { serviceOf } from '../../../system/processes.ts';

const DAEMON = 'cfn-hup.service';

/**
 * Whether a unit, by whatever name, is the daemon whose action runs us. It waits for its actions before it ends, so whoever
 * waits for its end from within one waits for himself, until the daemon loses patience and ends him.
 */
export function isOwnDaemon(unit: string): boolean {
  if (serviceOf(process.pid) !== unit) return false;
  if (unit === DAEMON) return true;
  const daemon = lastHolder(paths.hupDaemonLock);
  return daemon !== undefined && serviceOf(daemon) === unit;
}
