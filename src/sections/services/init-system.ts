import { paths } from '../../paths.ts';
import type { System } from '../../system/system.ts';
import { boundExec, type ServiceManager } from './manager.ts';

/** The pipe by which sysvinit is told things, in its new and its old place. */
const INIT_PIPES = ['/run/initctl', '/dev/initctl'];

/** Loaded when one is needed: a run without services should not cost their code. */
const managers = {
  systemd: async () => (await import('./managers/systemd.ts')).systemd,
  systemdOffline: async () => (await import('./managers/systemd-offline.ts')).systemdOffline,
  openrc: async () => (await import('./managers/openrc.ts')).openrc,
  sysvinit: async () => (await import('./managers/sysvinit.ts')).sysvinit,
} as const;

/** The init system of a machine. */
export interface InitSystem {
  readonly kind: keyof typeof managers;
  readonly manager: ServiceManager;
}

/**
 * The init system that runs here, whichever one the metadata names. Where none does (an image being built, a container,
 * a chroot) it is the one that is installed, and would run at the next boot.
 * @param timeout milliseconds that a service has to start or stop (serviceTimeout)
 * @param before what was found earlier in this run; it is kept unless a package has brought another one since
 */
export async function initSystem(machine: System, timeout: number, before?: InitSystem): Promise<InitSystem> {
  const system: System = { ...machine, exec: boundExec(machine.exec, timeout) };
  const kind = kindOf(system);
  if (before?.kind === kind) return before;
  const build = await managers[kind]();
  return { kind, manager: build(system, timeout) };
}

function kindOf({ exec, files, environment }: System): keyof typeof managers {
  const has = (program: string): boolean => exec.find(program) !== undefined;
  const exists = (path: string): boolean => files.entry(path) !== undefined;
  // systemd's own way to say so, for the tools that build images.
  const isOffline = /^(1|y|yes|t|true|on)$/i.test(environment['SYSTEMD_OFFLINE'] ?? '');
  const hasSystemctl = has('systemctl');
  if (hasSystemctl && !isOffline && exists(paths.systemdRuns)) return 'systemd';
  if (has('rc-service') && exists(paths.openrcLevel)) return 'openrc';
  if (INIT_PIPES.some(exists) && !exists(paths.systemdRuns)) return 'sysvinit';
  if (hasSystemctl) return 'systemdOffline';
  return has('rc-service') ? 'openrc' : 'sysvinit';
}
