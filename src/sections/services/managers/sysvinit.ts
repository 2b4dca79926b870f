import { lastLine, Problem } from '../../../errors.ts';
import type { System } from '../../../system/system.ts';
import type { ServiceManager } from '../manager.ts';

const RUN_LEVELS = ['2', '3', '4', '5'];

/** Init scripts: `service` runs them; chkconfig (Red Hat) or update-rc.d (Debian) enables them. */
export function sysvinit({ exec, files }: System): ServiceManager {
  const run = async (...command: [string, ...string[]]): Promise<void> => {
    const { exitCode, output } = await exec.tool(command);
    if (exitCode !== 0)
      throw new Problem(`${command.join(' ')} ended with exit code ${exitCode}`, {
        where: scriptOf(command[1] ?? ''),
        hint: lastLine(output),
        output,
      });
  };
  const hasChkconfig = (): boolean => exec.find('chkconfig') !== undefined;
  const isEnabled = async (service: string): Promise<boolean> => {
    if (hasChkconfig()) return (await exec.tool(['chkconfig', service])).exitCode === 0;
    const link = new RegExp(`^S\\d\\d${service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
    return RUN_LEVELS.some(
      (level) =>
        files.entry(`/etc/rc${level}.d`) !== undefined &&
        files.names(`/etc/rc${level}.d`).some((name) => link.test(name)),
    );
  };
  return {
    name: 'sysvinit',
    canStart: true,
    async status(service) {
      const name = baseName(service);
      const isKnown = files.entry(scriptOf(name)) !== undefined;
      if (!isKnown) return { isKnown, isEnabled: false, isRunning: false };
      return {
        isKnown,
        isEnabled: await isEnabled(name),
        isRunning: (await exec.tool(['service', name, 'status'])).exitCode === 0,
      };
    },
    async enable(service) {
      const name = baseName(service);
      if (hasChkconfig()) return run('chkconfig', name, 'on');
      // A script that was never registered has no links to enable.
      await run('update-rc.d', name, 'defaults');
      return run('update-rc.d', name, 'enable');
    },
    disable: (service) =>
      hasChkconfig() ? run('chkconfig', baseName(service), 'off') : run('update-rc.d', baseName(service), 'disable'),
    start: (service) => run('service', baseName(service), 'start'),
    stop: (service) => run('service', baseName(service), 'stop'),
    restart: (service) => run('service', baseName(service), 'restart'),
    reload: async () => {}, // init scripts are read each time
  };
}

function baseName(service: string): string {
  return (service.split('/').pop() ?? service).replace(/\.service$/, '');
}

function scriptOf(name: string): string {
  return `/etc/init.d/${name}`;
}
