import { nearestName } from '../nearest-name.ts';
import { NO_SECTION, type PythonIni, resolveSetting, type Setting } from '../python-ini.ts';

/** One file of the configuration, read. */
export interface ConfigFile {
  readonly path: string;
  readonly ini: PythonIni;
}

export interface PlacedSetting extends Setting {
  readonly file: string;
}

/** A section put together from all files. */
export interface ConfigSection {
  readonly name: string;
  /** Where it stands first. */
  readonly file: string;
  readonly line: number;
  readonly settings: ReadonlyMap<string, PlacedSetting>;
  /** What [DEFAULT] gives besides. */
  readonly defaults: ReadonlyMap<string, PlacedSetting>;
}

export interface Remarks {
  /** What keeps something from being used. */
  readonly problems: string[];
  /** What is odd but does no harm. */
  readonly warnings: string[];
}

export interface ReadSetting {
  readonly value: string;
  /** `FILE:LINE` */
  readonly place: string;
}

/** How configuration is complained about: `FILE[:LINE]: what: what next`, in one line. No value of a setting that could be secret. */
export function remark(place: string, what: string, hint?: string): string {
  return [place, what, ...(hint === undefined ? [] : [hint])].join(': ').replace(/\s*\n\s*/g, ' ');
}

/** Where a section or a setting is, as `FILE:LINE`, or `FILE` where the line is not known. */
export function fileLine({ file, line }: { readonly file: string; readonly line: number | undefined }): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** The faults of a file, one line each. @param section the one that the file should begin with */
export function faultLines({ path, ini }: ConfigFile, section: string): readonly string[] {
  return ini.faults.map(({ line, what }) => {
    const hint = what === NO_SECTION ? `the file is not used: begin it with a line ${section}` : 'the file is not used';
    return remark(fileLine({ file: path, line }), what, hint);
  });
}

/**
 * Puts files together as configparser's read() does: a section that stands in several has the keys of all, the last one
 * counts, and its place is the first one's. [DEFAULT] is everybody's. Files with faults are to be left out before.
 */
export function mergeConfigFiles(
  files: readonly ConfigFile[],
  { warnings }: Remarks,
): ReadonlyMap<string, ConfigSection> {
  const merged = new Map<string, ConfigSection & { readonly settings: Map<string, PlacedSetting> }>();
  const defaults = new Map<string, PlacedSetting>();
  for (const { path, ini } of files) {
    for (const [key, setting] of ini.defaults) defaults.set(key, { ...setting, file: path });
    for (const [name, { line, settings }] of ini.sections) {
      const section = merged.get(name) ?? { name, file: path, line, settings: new Map(), defaults };
      if (section.file !== path) {
        warnings.push(
          remark(
            fileLine({ file: path, line }),
            `[${name}] is also in ${section.file}`,
            'these keys win over those there',
          ),
        );
      }
      for (const [key, setting] of settings) section.settings.set(key, { ...setting, file: path });
      merged.set(name, section);
    }
  }
  return merged;
}

/** The value of a key, which may also be written with `_` for `-`; undefined when it is not there or a problem. */
export function readSetting(
  section: ConfigSection,
  key: string,
  { problems }: Pick<Remarks, 'problems'>,
): ReadSetting | undefined {
  const all = new Map([...section.defaults, ...section.settings]);
  const underscored = key.replaceAll('-', '_');
  const written = all.has(key) || !all.has(underscored) ? key : underscored;
  const setting = all.get(written);
  const resolved = resolveSetting(all, written);
  if (setting === undefined || resolved === undefined) return undefined;
  const place = fileLine(setting);
  if ('value' in resolved) return { value: resolved.value, place };
  problems.push(remark(place, resolved.fault, 'a %( that is meant as it stands is written %%('));
  return undefined;
}

/** As readSetting, for what has to be one line: an indented next line is a slip of the pen. */
export function readLine(
  section: ConfigSection,
  key: string,
  remarks: Pick<Remarks, 'problems'>,
): ReadSetting | undefined {
  const setting = readSetting(section, key, remarks);
  if (!setting?.value.includes('\n')) return setting;
  remarks.problems.push(
    remark(setting.place, `${key} has more than one line`, 'is the next line indented by mistake?'),
  );
  return undefined;
}

/** As readLine, for a look at a value which, when it cannot be read, has been complained about already. */
export function valueIn(section: ConfigSection | undefined, key: string): ReadSetting | undefined {
  return section === undefined ? undefined : readLine(section, key, { problems: [] });
}

/** An unknown key by which a missing one is meant, as in `trigers` for `triggers`: where it is, and what to write. */
export function misspelling(
  { settings }: ConfigSection,
  key: string,
  known: readonly string[],
): { readonly place: string; readonly hint: string } | undefined {
  for (const [written, setting] of settings) {
    const name = written.replaceAll('_', '-');
    if (!known.includes(name) && nearestName(name, known) === key)
      return { place: fileLine(setting), hint: `${written}= has to be written ${key}=` };
  }
  return undefined;
}

/** Warns of keys that mean nothing here. What [DEFAULT] gives may be meant for others. */
export function warnOfUnknownKeys(section: ConfigSection, known: readonly string[], { warnings }: Remarks): void {
  for (const [key, setting] of section.settings) {
    const name = key.replaceAll('_', '-');
    if (known.includes(name)) {
      if (name !== key && section.settings.has(name))
        warnings.push(remark(fileLine(setting), `${key} is ignored`, `${name} is there too`));
      continue;
    }
    const near = nearestName(name, known);
    warnings.push(
      remark(fileLine(setting), `unknown key ${key}`, near === undefined ? 'ignored' : `is ${near} meant?`),
    );
  }
}
