import { lastLine, Problem } from '../../../errors.ts';
import type { System } from '../../../system/system.ts';
import type { ServiceManager, ServiceStatus } from '../manager.ts';
import { type InitScript, initScripts, scriptName } from './init-scripts.ts';

const RUN_LEVELS = ['S', '2', '3', '4', '5'];

/** Init scripts: `service` runs them; chkconfig (Red Hat) or update-rc.d (Debian) enables them. */
export function sysvinit(system: System, timeout: number): ServiceManager {
  const { exec, files } = system;
  const scripts = initScripts(system, timeout, (name, verb) =>
    exec.find('service') === undefined ? [`/etc/init.d/${name}`, verb] : ['service', name, verb],
  );
  const hasChkconfig = (): boolean => exec.find('chkconfig') !== undefined;
  const run = async (...command: [string, ...string[]]): Promise<void> => {
    const { exitCode, output } = await exec.tool(command);
    if (exitCode !== 0)
      throw new Problem(`${command.join(' ')} ended with exit code ${exitCode}`, { hint: lastLine(output), output });
  };
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
    async status(service): Promise<ServiceStatus> {
      const id = scriptName(service);
      if (!scripts.isThere(id)) return { isKnown: false, isEnabled: false, isRunning: false, id, canStart: true };
      const { isRunning, isGuess, isMute }: InitScript = await scripts.status(id);
      return { isKnown: true, isEnabled: await isEnabled(id), isRunning, id, canStart: true, isGuess, isMute };
    },
    async enable(service) {
      const name = scriptName(service);
      // A script that was never registered has no links to enable.
      if (hasChkconfig()) {
        await run('chkconfig', '--add', name);
        return run('chkconfig', name, 'on');
      }
      await run('update-rc.d', name, 'defaults');
      return run('update-rc.d', name, 'enable');
    },
    disable: (service) =>
      hasChkconfig()
        ? run('chkconfig', scriptName(service), 'off')
        : run('update-rc.d', scriptName(service), 'disable'),
    start: (service) => scripts.run(service, 'start'),
    stop: (service) => scripts.run(service, 'stop'),
    restart: (service) => scripts.run(service, 'restart'),
    names: async () => scripts.names(),
    watch: async (service) => scripts.check(service),
  };
}
