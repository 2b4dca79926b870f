import { paths } from '../../../paths.ts';
import { lastHolder } from '../../../system/lock.ts';
import { serviceOf } from '../../../system/processes.ts';

/** The unit of our package. */
export const HUP_UNIT = 'cfn-hup.service';

/**
 * Whether a unit, by whatever name, is the daemon whose action runs us. It waits for its actions before it ends, so an
 * action that waits for its end waits for itself, until the daemon's patience is over and it ends the action.
 */
export function isOwnDaemon(unit: string): boolean {
  if (serviceOf(process.pid) !== unit) return false;
  if (unit === HUP_UNIT) return true;
  const daemon = lastHolder(paths.hupDaemonLock);
  return daemon !== undefined && serviceOf(daemon) === unit;
}
