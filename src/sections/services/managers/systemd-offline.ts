import { lastLine, Problem } from '../../../errors.ts';
import { paths } from '../../../paths.ts';
import type { System } from '../../../system/system.ts';
import type { ServiceManager, ServiceStatus } from '../manager.ts';
import { scriptName } from './init-scripts.ts';
import { sysvinit } from './sysvinit.ts';
import { alsoOf, hasInstall, isEnabledByItself, notEnabledBy, serviceNames, unitName } from './unit-name.ts';

const ENABLED = new Set(['enabled']);
const UNIT_DIRECTORIES = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/**
 * A systemd that is installed and does not run: an image being built, a container, a chroot. Units are enabled for the
 * next boot. What has an init script can be started all the same, by `service`, as in many containers.
 */
export function systemdOffline(system: System, timeout: number): ServiceManager {
  const { exec, files } = system;
  const scripts = sysvinit(system, timeout);
  const systemctl = (...words: string[]) => exec.tool(['systemctl', '--root=/', ...words]);
  const run = async (verb: string, service: string): Promise<void> => {
    const { exitCode, output } = await systemctl(verb, '--', unitName(service));
    if (exitCode !== 0)
      throw new Problem(`systemctl ${verb} ended with exit code ${exitCode}`, {
        where: unitName(service),
        hint: lastLine(output),
        output,
      });
  };
  const fileState = async (unit: string): Promise<string> =>
    (await systemctl('is-enabled', '--', unit)).stdout.trim().split('\n').pop() ?? '';
  /** Without a running systemd systemctl has no `cat`. */
  const textOf = (unit: string): string => {
    const contents = UNIT_DIRECTORIES.map((path) => files.readIfPresent(`${path}/${unit}`)?.toString('utf8'));
    return contents.find((text) => text !== undefined) ?? '';
  };
  const isEnabled = async (unit: string, state: string): Promise<boolean> => {
    if (state !== 'indirect') return ENABLED.has(state);
    const unitFile = textOf(unit);
    if (isEnabledByItself(unitFile)) return false;
    const also = alsoOf(unitFile).filter((other) => other !== unit);
    const states = await Promise.all(also.map(fileState));
    return states.every((word) => ENABLED.has(word) || word === 'static');
  };
  /** The unit that an alias stands for: `enable` takes no alias. */
  const target = (alias: string): string | undefined => {
    const directory = UNIT_DIRECTORIES.find((path) => files.entry(`${path}/${alias}`)?.kind === 'symlink');
    return directory === undefined ? undefined : files.linkTarget(`${directory}/${alias}`).split('/').pop();
  };
  return {
    name: 'systemd',
    async status(service): Promise<ServiceStatus> {
      const unit = unitName(service);
      let id = unit;
      let state = await fileState(id);
      if (state === 'alias') {
        id = target(unit) ?? unit;
        state = await fileState(id);
      }
      const isStatic = state.startsWith('linked') && !hasInstall(textOf(id));
      const hasScript = files.entry(`/etc/init.d/${scriptName(id)}`) !== undefined;
      // In a chroot on a machine with systemd, `service` would ask that.
      const canStart = hasScript && files.entry(paths.systemdRuns) === undefined;
      const script = canStart ? await scripts.status(id) : undefined;
      return {
        isKnown: hasScript || (state !== '' && state !== 'not-found'),
        isEnabled: await isEnabled(id, state),
        isRunning: script?.isRunning === true,
        id,
        canStart,
        isMasked: state.startsWith('masked'),
        notEnabled: hasScript ? undefined : notEnabledBy(isStatic ? 'static' : state),
        isGuess: script?.isGuess === true,
      };
    },
    enable: (service) => run('enable', service),
    disable: (service) => run('disable', service),
    start: (service) => scripts.start(service),
    stop: (service) => scripts.stop(service),
    restart: (service) => scripts.restart(service),
    async names() {
      const { stdout } = await systemctl('list-unit-files', '--no-legend', '--no-pager');
      return serviceNames(stdout, await scripts.names());
    },
    watch: (service, since) => scripts.watch(service, since),
  };
}
