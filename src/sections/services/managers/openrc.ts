import { lastLine, Problem } from '../../../errors.ts';
import { paths } from '../../../paths.ts';
import type { System } from '../../../system/system.ts';
import type { ServiceManager, ServiceStatus } from '../manager.ts';
import { initScripts, scriptName } from './init-scripts.ts';

/** The levels that every boot passes through. */
const RUN_LEVELS = ['sysinit', 'boot', 'default'];
/** Exit codes of `rc-service NAME status`: started; being started; started, and waiting for something of the machine. */
const RUNNING = new Set([0, 8, 16]);
/** The exit code for one that was started, and whose program has ended since. */
const CRASHED = 32;

/** OpenRC (Alpine, Gentoo): `rc-service` runs its scripts, `rc-update` puts them into the runlevel `default`. */
export function openrc(system: System, timeout: number): ServiceManager {
  const { exec, files } = system;
  const levelsOf = (name: string): string[] =>
    RUN_LEVELS.filter((level) => files.entry(`/etc/runlevels/${level}/${name}`) !== undefined);
  const scripts = initScripts(system, timeout, (name, verb) => ['rc-service', name, verb], RUNNING);
  /** The services that were found crashed. */
  const crashed = new Set<string>();
  const update = async (...words: string[]): Promise<void> => {
    const { exitCode, output } = await exec.tool(['rc-update', ...words]);
    if (exitCode !== 0)
      throw new Problem(`rc-update ${words.join(' ')} ended with exit code ${exitCode}`, {
        hint: lastLine(output),
        output,
      });
  };
  const start = async (name: string): Promise<undefined> => {
    // For OpenRC it is still started, so that a start would do nothing.
    if (crashed.has(name)) await exec.tool(['rc-service', name, 'zap']);
    return scripts.run(name, 'start');
  };
  return {
    name: 'openrc',
    stopsOthers: new Set(['stop', 'restart']),
    async status(service): Promise<ServiceStatus> {
      const id = scriptName(service);
      const isKnown = scripts.isThere(id);
      const canStart = system.files.entry(paths.openrcLevel) !== undefined;
      const script = isKnown && canStart ? await scripts.status(id) : undefined;
      if (script?.exitCode === CRASHED) crashed.add(id);
      else crashed.delete(id);
      return {
        isKnown,
        isEnabled: levelsOf(id).length > 0,
        isRunning: script?.isRunning === true,
        id,
        canStart,
      };
    },
    enable: (service) => update('add', scriptName(service), 'default'),
    // Not `--all`, which ends with an error for each runlevel that has it not.
    disable: (service) => update('del', scriptName(service), ...levelsOf(scriptName(service))),
    start: (service) => start(scriptName(service)),
    stop: (service) => scripts.run(service, 'stop'),
    restart: (service) =>
      crashed.has(scriptName(service)) ? start(scriptName(service)) : scripts.run(service, 'restart'),
    names: async () => scripts.names(),
    watch: async (service) => scripts.check(service),
  };
}
