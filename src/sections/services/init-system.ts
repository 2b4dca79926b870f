import type { System } from '../../system/system.ts';
import { boundExec } from './bounds.ts';
import type { ServiceManager } from './manager.ts';
import { hasBooted, openrc } from './managers/openrc.ts';
import { systemd } from './managers/systemd.ts';
import { systemdOffline } from './managers/systemd-offline.ts';
import { sysvinit } from './managers/sysvinit.ts';

/** The pipe by which sysvinit is told things, in its new and its old place. */
const INIT_PIPES = ['/run/initctl', '/dev/initctl'];

/**
 * The init system that runs here, whichever one the metadata names. Where none does (an image being built, a container,
 * a chroot) it is the one that is installed, and would run at the next boot.
 * @param timeout milliseconds that a service has to start or stop (serviceTimeout)
 */
export function initSystem(machine: System, timeout: number): ServiceManager {
  const system: System = { ...machine, exec: boundExec(machine.exec, timeout) };
  const { exec, files, environment } = system;
  const has = (program: string): boolean => exec.find(program) !== undefined;
  const stands = (path: string): boolean => files.entry(path) !== undefined;
  // systemd's own way to say so, for the tools that build images.
  const isOffline = /^(1|y|yes|t|true|on)$/i.test(environment['SYSTEMD_OFFLINE'] ?? '');
  const hasSystemctl = has('systemctl');
  if (hasSystemctl && !isOffline && stands('/run/systemd/system')) return systemd(system, timeout);
  if (has('rc-service') && hasBooted(system)) return openrc(system, timeout);
  if (INIT_PIPES.some(stands) && !stands('/run/systemd/system')) return sysvinit(system, timeout);
  if (hasSystemctl) return systemdOffline(system, timeout);
  return has('rc-service') ? openrc(system, timeout) : sysvinit(system, timeout);
}
