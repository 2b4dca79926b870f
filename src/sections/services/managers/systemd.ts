import { lastLine, Problem } from '../../../errors.ts';
import type { System } from '../../../system/system.ts';
import type { ServiceManager } from '../manager.ts';

/** systemctl's words for units that start at boot, or that something else starts and `enable` cannot change. */
const ENABLED = new Set(['enabled', 'enabled-runtime', 'static', 'alias', 'indirect']);
const RUNNING = new Set(['active', 'reloading', 'activating', 'refreshing']);

/** @param isRunning false where systemd is installed but does not run: then only enabling works */
export function systemd({ exec }: System, isRunning: boolean): ServiceManager {
  const systemctl = async (verb: string, ...units: string[]): Promise<void> => {
    const offline = isRunning ? [] : ['--root=/'];
    const { exitCode, output } = await exec.tool(['systemctl', ...offline, verb, ...units]);
    if (exitCode === 0) return;
    const hint = `${lastLine(output)}${verb.includes('start') ? `; see journalctl -u ${units.join(' ')}` : ''}`;
    throw new Problem(`systemctl ${verb} ended with exit code ${exitCode}`, { where: units.join(' '), hint, output });
  };
  return {
    name: 'systemd',
    canStart: isRunning,
    async status(service) {
      const unit = unitName(service);
      if (!isRunning) {
        const { exitCode, stdout } = await exec.tool(['systemctl', '--root=/', 'is-enabled', unit]);
        return {
          isKnown: stdout.trim() !== '' && stdout.trim() !== 'not-found',
          isEnabled: exitCode === 0,
          isRunning: false,
        };
      }
      const { stdout } = await exec.tool(['systemctl', 'show', '--property=LoadState,ActiveState,UnitFileState', unit]);
      const property = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
      const fileState = property('UnitFileState');
      // Of a SysV script systemd knows no state; systemctl asks the distribution's own tool for it.
      const isEnabled =
        fileState === '' || fileState === 'generated'
          ? (await exec.tool(['systemctl', 'is-enabled', unit])).exitCode === 0
          : ENABLED.has(fileState);
      return {
        isKnown: property('LoadState') !== 'not-found',
        isEnabled,
        isRunning: RUNNING.has(property('ActiveState')),
      };
    },
    enable: (service) => systemctl('enable', unitName(service)),
    disable: (service) => systemctl('disable', unitName(service)),
    start: (service) => systemctl('start', unitName(service)),
    stop: (service) => systemctl('stop', unitName(service)),
    restart: (service) => systemctl('restart', unitName(service)),
    reload: () => systemctl('daemon-reload'),
  };
}

/** `httpd`, `httpd.service`, `getty@tty1`, `foo.socket`; a path of an init script counts by its name. */
function unitName(service: string): string {
  const base = service.split('/').pop() ?? service;
  return /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/.test(base)
    ? base
    : `${base}.service`;
}
