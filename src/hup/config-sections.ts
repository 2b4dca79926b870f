import { nearestName } from '../nearest-name.ts';
import { NO_SECTION, type PythonIni, resolveSetting, type Setting } from '../python-ini.ts';

/** One file of the configuration, parsed. */
export interface ConfigFile {
  readonly path: string;
  readonly ini: PythonIni;
}

export interface PlacedSetting extends Setting {
  readonly file: string;
}

/** A section, merged from all files. */
export interface ConfigSection {
  readonly name: string;
  /** The first file that has it. */
  readonly file: string;
  readonly line: number;
  readonly settings: ReadonlyMap<string, PlacedSetting>;
  /** The keys of [DEFAULT]. */
  readonly defaults: ReadonlyMap<string, PlacedSetting>;
}

export interface Remarks {
  /** Faults: the file or hook is not used. */
  readonly problems: string[];
  /** Oddities that do no harm. */
  readonly warnings: string[];
}

export interface ReadSetting {
  readonly value: string;
  /** `FILE:LINE` */
  readonly place: string;
}

/** A line about the configuration: `FILE[:LINE]: what: hint`. It must not contain a value that could be secret. */
export function remark(place: string, what: string, hint?: string): string {
  return [place, what, ...(hint === undefined ? [] : [hint])].join(': ').replace(/\s*\n\s*/g, ' ');
}

/** The place of a section or a setting: `FILE:LINE`, or `FILE` where the line is not known. */
export function fileLine({ file, line }: { readonly file: string; readonly line: number | undefined }): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** The faults of a file, one line each. @param section the section that the file should begin with */
export function faultLines({ path, ini }: ConfigFile, section: string): readonly string[] {
  return ini.faults.map(({ line, what }) => {
    const hint = what === NO_SECTION ? `the file is not used: begin it with a line ${section}` : 'the file is not used';
    return remark(fileLine({ file: path, line }), what, hint);
  });
}

/**
 * Merges files as configparser's read() does: a section that is in several files has the keys of all. The last value of a key
 * counts, and the place of the section is the first one. [DEFAULT] is for all sections. The caller leaves out files with faults.
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
            'its keys here replace those there',
          ),
        );
      }
      for (const [key, setting] of settings) section.settings.set(key, { ...setting, file: path });
      merged.set(name, section);
    }
  }
  return merged;
}

/** The value of a key, which may also be written with `_` for `-`; undefined when it is missing or a problem. */
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
  problems.push(remark(place, resolved.fault, 'write %%( for a literal %('));
  return undefined;
}

/** As readSetting, for a value of one line: an indented next line is a mistake. */
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

/** As readLine, for a value whose problems have been reported already. */
export function valueIn(section: ConfigSection | undefined, key: string): ReadSetting | undefined {
  return section === undefined ? undefined : readLine(section, key, { problems: [] });
}

/** Finds a misspelling of a missing key, such as `trigers` for `triggers`: its place, and what to write. */
export function misspelling(
  { settings }: ConfigSection,
  key: string,
  known: readonly string[],
): { readonly place: string; readonly hint: string } | undefined {
  for (const [written, setting] of settings) {
    const name = written.replaceAll('_', '-');
    if (!known.includes(name) && nearestName(name, known) === key)
      return { place: fileLine(setting), hint: `write ${key}= instead of ${written}=` };
  }
  return undefined;
}

/** Warns about keys that are ignored. Those of [DEFAULT] may be for other sections. */
export function warnOfUnknownKeys(section: ConfigSection, known: readonly string[], { warnings }: Remarks): void {
  for (const [key, setting] of section.settings) {
    const name = key.replaceAll('_', '-');
    if (known.includes(name)) {
      if (name !== key && section.settings.has(name))
        warnings.push(remark(fileLine(setting), `${key} is ignored`, `${name} is also set`));
      continue;
    }
    const near = nearestName(name, known);
    warnings.push(
      remark(fileLine(setting), `unknown key ${key}`, near === undefined ? 'ignored' : `did you mean ${near}?`),
    );
  }
}
