import { Problem } from '../../../errors.ts';

/**
 * `httpd`, `httpd.service`, `getty@tty1`, `foo.socket`: the name of a unit; a path of an init script counts by its name.
 * @throws Problem for a template, which has no instance that could run
 */
export function unitName(service: string): string {
  const base = service.split('/').pop() ?? service;
  const hasSuffix = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/.test(base);
  const unit = hasSuffix ? base : `${base}.service`;
  if (/@\.\w+$/.test(unit))
    throw new Problem(`${unit} is a template`, {
      where: service,
      hint: `name an instance of it, as in ${unit.replace(/@\.service$/, '@NAME').replace('@.', '@NAME.')}`,
    });
  return unit;
}

/** The units that `systemctl list-unit-files` printed, and init scripts, without `.service`, as metadata names them. */
export function serviceNames(listing: string, scripts: readonly string[]): string[] {
  const units = listing.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '');
  return [...units, ...scripts].filter((name) => name !== '').map((name) => name.replace(/\.service$/, ''));
}

/** What the `Also=` lines of a unit's files list: other units that are enabled with it. */
export function alsoOf(unitFiles: string): string[] {
  return [...unitFiles.matchAll(/^Also=(.*)$/gm)].flatMap(([, list = '']) => list.trim().split(/\s+/)).filter(Boolean);
}

/** Whether there is anything that systemctl could enable; the state of a unit file that is a link does not tell. */
export function hasInstall(unitFiles: string): boolean {
  return isEnabledByItself(unitFiles) || alsoOf(unitFiles).length > 0;
}

/**
 * Whether a unit's files say how it is enabled itself. systemd calls a unit `indirect` that only enables others, and also
 * a disabled one that a link gives a second name.
 */
export function isEnabledByItself(unitFiles: string): boolean {
  let section = '';
  return unitFiles.split('\n').some((line) => {
    section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
    return section === 'Install' && /^\s*(?:WantedBy|RequiredBy|UpheldBy|Alias)\s*=\s*\S/.test(line);
  });
}

/**
 * Why systemctl does not enable a unit, and what to do.
 * @param fileState its UnitFileState
 * @param source the file that a generator has made it from, where that is known
 * @returns undefined when it can be enabled, as far as its state tells
 */
export function notEnabledBy(fileState: string, source = ''): string | undefined {
  switch (fileState) {
    case 'static':
      return 'its unit file has no [Install] section, or an empty one, so only other units start it at boot: write [Install] with WantedBy=multi-user.target';
    case 'transient':
      return 'it is a transient unit, which is gone at the next boot: write a unit file';
    case 'generated':
      return `a generator made it${source === '' ? '' : ` from ${source}`}, which decides what starts at boot: enable it there`;
    default:
      return undefined;
  }
}
