import type { World } from '../../step.ts';

export interface InstalledPackage {
  readonly version: string;
  /** Debian's name for the architecture. */
  readonly architecture: string;
}

const FORMAT = '${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Status}\\n';

/** Which of the packages are installed, asked of dpkg in one query. A name may carry an architecture (`libc6:i386`). */
export async function installedPackages(
  names: readonly string[],
  { system }: World,
): Promise<ReadonlyMap<string, InstalledPackage>> {
  const found = new Map<string, InstalledPackage>();
  if (names.length === 0) return found;
  // Exit code 1 only says that some are not known.
  const { stdout } = await system.exec.tool(['dpkg-query', '--show', `--showformat=${FORMAT}`, ...names]);
  for (const line of stdout.split('\n')) {
    const [name, architecture, version, status] = line.split('\t');
    if (name === undefined || architecture === undefined || version === undefined || status !== 'installed') continue;
    for (const key of [name, `${name}:${architecture}`]) if (!found.has(key)) found.set(key, { version, architecture });
  }
  return found;
}

/** The newest of several versions by dpkg's own judgement; undefined when there is none. */
export async function newestVersion(versions: readonly string[], { system }: World): Promise<string | undefined> {
  let newest: string | undefined;
  for (const version of versions) {
    if (
      newest === undefined ||
      (await system.exec.tool(['dpkg', '--compare-versions', version, 'gt', newest])).exitCode === 0
    )
      newest = version;
  }
  return newest;
}
