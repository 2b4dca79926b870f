import type { World } from '../../step.ts';

/** The versions of a package that are installed: `version` and `version-release` of each. */
export type InstalledVersions = ReadonlyMap<string, ReadonlySet<string>>;

const FORMAT = '%{NAME}\\t%{VERSION}\\t%{RELEASE}\\n';

/** Which of the packages are installed, asked of rpm in one query. */
export async function installedRpms(names: readonly string[], { system }: World): Promise<InstalledVersions> {
  const found = new Map<string, Set<string>>();
  if (names.length === 0 || system.exec.find('rpm') === undefined) return found;
  const { stdout } = await system.exec.tool(['rpm', '-q', '--queryformat', FORMAT, ...names]);
  for (const line of stdout.split('\n')) {
    const [name, version, release] = line.split('\t');
    if (name === undefined || version === undefined || release === undefined) continue;
    const versions = found.get(name) ?? new Set();
    found.set(name, versions.add(version).add(`${version}-${release}`));
  }
  return found;
}

/** The newest of several versions by rpm's own judgement; undefined when there is none. */
export async function newestRpmVersion(versions: readonly string[], { system }: World): Promise<string | undefined> {
  let newest: string | undefined;
  for (const version of versions) {
    if (newest !== undefined) {
      const quoted = [version, newest].map((text) => `"${text.replace(/[^A-Za-z0-9._+~^:-]/g, '')}"`);
      const { stdout } = await system.exec.tool(['rpm', '--eval', `%{lua:print(rpm.vercmp(${quoted.join()}))}`]);
      if (stdout.trim() !== '1') continue;
    }
    newest = version;
  }
  return newest;
}
