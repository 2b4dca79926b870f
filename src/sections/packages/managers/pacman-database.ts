import type { World } from '../../step.ts';

const CONFIGURATION = '/etc/pacman.conf';
/** A directory `NAME-VERSION-RELEASE` for each package that is installed. */
const DATABASE = '/var/lib/pacman/local';

/**
 * Which of the packages are installed: the version of each. Read from pacman's database when all are there, which
 * costs less than to start pacman; else asked of pacman in one query, since a name may be one that another package
 * provides.
 */
export async function installedByPacman(
  names: readonly string[],
  { system }: World,
): Promise<ReadonlyMap<string, string>> {
  const { exec, files } = system;
  if (names.length === 0 || exec.find('pacman') === undefined) return new Map();
  const configuration = files.readIfPresent(CONFIGURATION)?.toString('utf8') ?? '';
  if (!isDatabaseElsewhere(configuration) && files.entry(DATABASE) !== undefined) {
    const present = parseDatabase(files.names(DATABASE));
    const found = names.flatMap((name) => {
      const version = present.get(name);
      return version === undefined ? [] : [[name, version] as const];
    });
    if (found.length === names.length) return new Map(found);
  }
  const { stdout, output } = await exec.query(['pacman', '-Q', '--color', 'never', '--', ...names]);
  return parseQuery(names, stdout, output);
}

/** True when the options of pacman.conf move the database, or may do so in a file that they include. */
export function isDatabaseElsewhere(configuration: string): boolean {
  const [options = ''] = configuration.split(/^\s*\[(?!options\])/m);
  return /^\s*(?:DBPath|RootDir|Include)\s*=/m.test(options);
}

/** Splits the names of the database's directories. */
export function parseDatabase(directories: readonly string[]): ReadonlyMap<string, string> {
  const present = new Map<string, string>();
  for (const directory of directories) {
    const [, name, version] = /^(.+)-([^-]+-[^-]+)$/.exec(directory) ?? [];
    if (name !== undefined && version !== undefined) present.set(name, version);
  }
  return present;
}

/**
 * Reads `NAME VERSION` lines, which come in the order of the names that were found.
 * @param output with the complaints about the others
 */
export function parseQuery(names: readonly string[], stdout: string, output: string): ReadonlyMap<string, string> {
  const absent = new Set([...output.matchAll(/^error: package '(.+)' was not found$/gm)].map(([, name]) => name));
  const versions = [...stdout.matchAll(/^(\S+) (\S+)$/gm)];
  const found = names.filter((name) => !absent.has(name));
  if (found.length !== versions.length)
    return new Map(versions.map(([, name = '', version = '']) => [name, version] as const));
  return new Map(found.map((name, index) => [name, versions[index]?.[2] ?? ''] as const));
}

/** The members of those names that are package groups, as the repositories were last seen. */
export async function groupMembers(
  names: readonly string[],
  { system }: World,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const members = new Map<string, string[]>();
  if (names.length === 0 || system.exec.find('pacman') === undefined) return members;
  const { stdout } = await system.exec.query(['pacman', '-Sg', '--color', 'never', '--', ...names]);
  for (const [, group = '', member = ''] of stdout.matchAll(/^(\S+) (\S+)$/gm))
    members.set(group, [...(members.get(group) ?? []), member]);
  return members;
}

/** The versions that the repositories have of each package, as they were last seen. */
export async function repositoryVersions(
  names: readonly string[],
  { system }: World,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (names.length === 0) return new Map();
  const { stdout } = await system.exec.query(['pacman', '-Si', '--color', 'never', '--', ...names]);
  return parseInformation(stdout);
}

/** Reads the `Name : x` and `Version : y` lines of `pacman -Si`. */
export function parseInformation(text: string): ReadonlyMap<string, readonly string[]> {
  const versions = new Map<string, string[]>();
  for (const [, name = '', version = ''] of text.matchAll(/^Name +: (\S+)\nVersion +: (\S+)$/gm))
    versions.set(name, [...(versions.get(name) ?? []), version]);
  return versions;
}

/** The package files that pacman has kept, by directory. */
export async function cachedFiles({ system }: World): Promise<readonly string[]> {
  const { exitCode, stdout } = await system.exec.query(['pacman-conf', 'CacheDir']);
  const directories = exitCode === 0 ? stdout.split('\n').filter((line) => line.startsWith('/')) : [];
  return directories.flatMap((directory) => {
    const path = directory.replace(/\/+$/, '');
    if (system.files.entry(path) === undefined) return [];
    return system.files
      .names(path)
      .filter((name) => /\.pkg\.tar(?:\.\w+)?$/.test(name))
      .map((name) => `${path}/${name}`);
  });
}

/** The version of a package's file, `NAME-VERSION-RELEASE-ARCHITECTURE.pkg.tar.zst`; undefined for another package's. */
export function versionOfFile(path: string, name: string): string | undefined {
  const [, found, version] = /([^/]+)-([^-/]+-[^-/]+)-[^-/]+\.pkg\.tar(?:\.\w+)?$/.exec(path) ?? [];
  return found === name ? version : undefined;
}

/** In pacman a version may come without its release: `1.0` is any `1.0-1`. */
export function isVersion(present: string, wanted: string): boolean {
  return present === wanted || (!wanted.includes('-') && present.replace(/-[^-]*$/, '') === wanted);
}
