import type { System } from '../../system/system.ts';
import type { ServiceManager } from './manager.ts';
import { systemd } from './managers/systemd.ts';
import { sysvinit } from './managers/sysvinit.ts';

/** The init system that runs here; where none does, the one that is installed, which can then only enable and disable. */
export function initSystem(system: System): ServiceManager {
  const hasSystemctl = system.exec.find('systemctl') !== undefined;
  if (hasSystemctl && system.files.entry('/run/systemd/system') !== undefined) return systemd(system, true);
  const hasInit = system.exec.find('service') !== undefined || system.exec.find('rc-service') !== undefined;
  return hasSystemctl && !hasInit ? systemd(system, false) : sysvinit(system);
}
