import { basename, dirname, resolve } from 'node:path';
import { Problem } from '../errors.ts';
import { decodePythonIni } from '../python-ini.ts';
import type { FileSystem } from '../system/files/file-system.ts';
import { joinPath, MOST_LINKS } from '../system/files/path.ts';
import { findUntrusted } from '../system/files/trusted-path.ts';
import type { System } from '../system/system.ts';
import {
  type ConfigFile,
  type ConfigSection,
  faultLines,
  fileLine,
  mergeConfigFiles,
  type Remarks,
  remark,
} from './config-sections.ts';
import { decodeHooks } from './hooks.ts';
import { decodeSettings, type HupConfig, type HupSettings, isMeantAsMain } from './settings.ts';

const ROOT = '/etc/cfn';
const MAIN_FILE = 'cfn-hup.conf';
const HOOKS_FILE = 'hooks.conf';
const HOOKS_DIRECTORY = 'hooks.d';
/** Larger than any file of hooks. */
const MOST_BYTES = 1024 * 1024;
/** Backup files of editors and package managers, and files that somebody has renamed to disable them. */
export const BACKUP =
  /^\.|~$|^#.*#$|\.(?:bak|old|orig|rej|disabled|sw[a-p]|rpm(?:save|new|orig)|dpkg-(?:old|new|dist|tmp|bak)|ucf-(?:old|new|dist))$/i;

/** The paths of the configuration, whether the files exist or not. */
export interface ConfigPlaces {
  readonly main: string;
  readonly hooksFile: string;
  readonly hooksDirectory: string;
}

/** The configuration and all its problems. */
export interface InspectedConfig extends Omit<HupConfig, 'settings'> {
  readonly places: ConfigPlaces;
  /** The sections of all files, those of broken hooks included. */
  readonly sections: ReadonlyMap<string, ConfigSection>;
  /** Undefined when [main] cannot be used; mainProblems then say why. */
  readonly settings: HupSettings | undefined;
  readonly mainProblems: readonly string[];
}

/**
 * Reads cfn-hup's configuration: the main file, hooks.conf, and the files of hooks.d in the order of their names. Cheap
 * enough for every pass.
 * @param option the value of -c: the configuration root, the hooks directory, or the main file
 * @throws Problem when the main file does not exist or cannot be used
 */
export function readHupConfig(
  system: Pick<System, 'files' | 'self' | 'absolutePath'>,
  option: string | undefined,
): HupConfig {
  const { settings, hooks, main, files, problems, warnings, mainProblems } = inspectHupConfig(system, option);
  if (settings === undefined || mainProblems.length > 0) {
    throw new Problem(mainProblems.join('; '), mainProblems.length > 1 ? { hint: 'cfn-hup --check lists all' } : {});
  }
  return { settings, hooks, main, files, problems, warnings };
}

/** As readHupConfig, but continues after problems as far as possible. @throws Problem when there is no main file */
export function inspectHupConfig(
  { files, self, absolutePath }: Pick<System, 'files' | 'self' | 'absolutePath'>,
  option: string | undefined,
): InspectedConfig {
  const places = findConfigFiles({ files, absolutePath }, option);
  const remarks: Remarks = { problems: [], warnings: [] };
  const mainProblems: string[] = [];
  const read = (path: string, complaints: string[]): ConfigFile | undefined => {
    try {
      const untrusted = findUntrusted(files, path, self.uid);
      if (untrusted !== undefined) {
        complaints.push(remark(untrusted.path, `${untrusted.what}, so it is not used`, untrusted.hint));
        return undefined;
      }
      const content = files.readIfPresent(path, MOST_BYTES);
      if (content === undefined) {
        if (files.entry(path) !== undefined) complaints.push(remark(path, 'a broken link', 'repair or remove it'));
        return undefined;
      }
      const file = { path, ini: decodePythonIni(content) };
      complaints.push(...faultLines(file, path === places.main ? '[main]' : '[NAME]'));
      return file.ini.faults.length === 0 ? file : undefined;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      complaints.push(remark(path, error.message, error.hint));
      return undefined;
    }
  };

  const main = read(places.main, mainProblems);
  if (main === undefined && mainProblems.length === 0) throw noMainFile(places.main);
  const hookFiles = [places.hooksFile, ...hookFileNames(files, places.hooksDirectory, self.uid, remarks)];
  const sections = mergeConfigFiles(
    [main, ...hookFiles.map((path) => read(path, remarks.problems))].filter((file) => file !== undefined),
    remarks,
  );
  const settings =
    main === undefined
      ? undefined
      : decodeSettings(sections, places.main, { problems: mainProblems, warnings: remarks.warnings });
  const misnamed = [...sections.values()].filter(isMeantAsMain);
  // Without [main], the problem of the missing [main] names this section.
  for (const section of sections.has('main') ? misnamed : [])
    remarks.problems.push(
      remark(fileLine(section), `[${section.name}] has no triggers, path or action`, 'did you mean [main]?'),
    );
  const placed = linkResolver(files);
  const origin = { main: placed(places.main) };
  const hookSections = new Map([...sections].filter(([, section]) => !misnamed.includes(section)));
  const hooks = decodeHooks(hookSections, remarks).map((hook) => ({
    ...hook,
    origin: { ...origin, file: placed(hook.file) },
  }));
  if (hooks.length === 0 && remarks.problems.length === 0) {
    remarks.warnings.push(
      remark(`${places.hooksFile}, ${places.hooksDirectory}`, 'there are no hooks', 'add some there'),
    );
  }
  const { problems, warnings } = remarks;
  const all = { ...origin, files: [places.main, ...hookFiles].map(placed) };
  return { places, sections, settings, mainProblems, hooks, ...all, problems, warnings };
}

/**
 * Finds the configuration that -c names (contract section 2, cfn-hup). A directory with a cfn-hup.conf is the configuration
 * root, as for AWS's agent. Any other directory is the hooks directory, as for heat-cfntools, whose main file is fixed.
 * @throws Problem with the path that does not exist
 */
export function findConfigFiles(
  { files, absolutePath }: Pick<System, 'files' | 'absolutePath'>,
  option: string | undefined,
): ConfigPlaces {
  if (option === undefined) return placesBelow(ROOT);
  if (option === '') throw new Problem('-c is empty', { hint: 'an empty variable? give the configuration directory' });
  const path = absolutePath(option);
  if (!files.isDirectory(path)) {
    if (files.entry(path) === undefined && basename(path) === MAIN_FILE) throw noMainFile(path);
    if (files.entry(path) === undefined)
      throw new Problem('there is no such directory', {
        where: path,
        hint: `name a directory with a ${MAIN_FILE}, or a hooks directory for ${ROOT}/${MAIN_FILE}`,
      });
    const main = mainFileAt(files, path);
    if (main !== undefined) return placesBelow(dirname(main));
    throw new Problem('not a directory', {
      where: path,
      hint: `name a directory with a ${MAIN_FILE}, or a hooks directory`,
    });
  }
  // A directory with hooks.d in it is a root whose main file is missing.
  if (files.entry(joinPath(path, MAIN_FILE)) !== undefined || files.isDirectory(joinPath(path, HOOKS_DIRECTORY)))
    return placesBelow(path);
  if (files.entry(joinPath(ROOT, MAIN_FILE)) === undefined)
    throw new Problem(`there is no ${MAIN_FILE}`, {
      where: path === ROOT ? path : `${path}, ${ROOT}`,
      hint: 'write one with [main] and a line stack=NAME',
    });
  return { ...placesBelow(ROOT), hooksDirectory: path };
}

/** The main file at a path, or at the target of a link there. */
function mainFileAt(files: FileSystem, path: string): string | undefined {
  let place = path;
  for (let links = 0; links < MOST_LINKS && basename(place) !== MAIN_FILE; links++) {
    if (files.entry(place)?.kind !== 'symlink') return undefined;
    place = resolve(dirname(place), files.linkTarget(place));
  }
  return basename(place) === MAIN_FILE ? place : undefined;
}

function placesBelow(root: string): ConfigPlaces {
  return {
    main: joinPath(root, MAIN_FILE),
    hooksFile: joinPath(root, HOOKS_FILE),
    hooksDirectory: joinPath(root, HOOKS_DIRECTORY),
  };
}

function noMainFile(path: string): Problem {
  return new Problem('there is no such file', { where: path, hint: 'write it with [main] and a line stack=NAME' });
}

/** The files of hooks.d, in order. */
function hookFileNames(files: FileSystem, directory: string, self: number, { problems, warnings }: Remarks): string[] {
  if (files.entry(directory) === undefined) return [];
  try {
    const untrusted = findUntrusted(files, directory, self);
    if (untrusted !== undefined) {
      const { path, what, hint } = untrusted;
      const whose = path === directory ? 'its hooks are' : `the hooks in ${directory} are`;
      problems.push(remark(path, `${what}, so ${whose} not used`, hint));
      return [];
    }
    return files
      .names(directory)
      .filter((name) => !BACKUP.test(name))
      .map((name) => joinPath(directory, name))
      .filter((path) => {
        const kind = files.entry(path)?.kind;
        if (kind !== 'other' && !files.isDirectory(path)) return kind !== undefined;
        warnings.push(remark(path, kind === 'other' ? 'not a regular file' : 'a directory', 'ignored'));
        return false;
      });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problems.push(remark(directory, error.message, error.hint));
    return [];
  }
}

/**
 * Makes a function that resolves the links among the directories of a path. A link at the end is kept, since two
 * configurations may each have a link to the same hooks.
 */
function linkResolver(files: FileSystem): (path: string) => string {
  const known = new Map<string, string>();
  return (path) => {
    const directory = dirname(path);
    const real = known.get(directory) ?? realPath(files, directory);
    known.set(directory, real);
    return joinPath(real, basename(path));
  };
}

/** A path with the links among its directories resolved; a name at its end that is not a directory is kept. */
export function realPath(files: FileSystem, path: string): string {
  return realDirectory(files, path) ?? joinPath(realDirectory(files, dirname(path)) ?? dirname(path), basename(path));
}

function realDirectory(files: FileSystem, path: string): string | undefined {
  try {
    const directory = files.openDirectory(path);
    try {
      const real = directory.realPath();
      return files.root !== '/' && real.startsWith(`${files.root}/`) ? real.slice(files.root.length) : real;
    } finally {
      directory.close();
    }
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
