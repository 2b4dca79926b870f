import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import { isAddress } from '../../../names.ts';
import { shownUrl } from '../../../url.ts';
import type { World } from '../../step.ts';
import { matchesVersion, type PackageManager } from '../manager.ts';
import { notInstalled, REPOSITORY_PAUSES } from '../package-tool.ts';
import { installWithAptGet, updateIndex, warnOfFailures } from './apt-get.ts';
import { type Found, lookUp } from './apt-index.ts';
import type { FetchFailure } from './apt-output.ts';
import { type DpkgStatus, type InstalledPackage, readDpkgStatus, refuseHeld } from './dpkg-database.ts';

/** Debian packages by name. If any of several versions is installed, that is enough; else the newest available one comes. */
export const apt: PackageManager<DpkgStatus> = {
  name: 'apt',

  async inspect(requests, world) {
    refuseAddresses(requests);
    if (world.system.exec.find('apt-get') === undefined) throw notInstalled('apt');
    const found = await readDpkgStatus(world);
    return { missing: requests.filter((request) => !isMet(request, found.get(request.name))), found };
  },

  /** apt-cache writes a cache of its own, so that it is only asked here. */
  async apply({ missing, found: status }, world) {
    refuseHeld(
      'apt',
      missing.map(({ name }) => status.get(name)),
    );
    const available = (await findAll(missing, status, world)).filter((one) => one.kind === 'available');
    if (available.length === 0) return [];
    // A lower version is installed only where a version was asked for.
    const downgrade = available.some(({ request }) => request.versions.length > 0) ? ['--allow-downgrades'] : [];
    await installWithAptGet(
      'apt',
      downgrade,
      available.map(({ specification }) => specification),
      world,
    );
    // apt-get succeeds only when all of this is installed in these versions, and none of it was before.
    return available.map(({ request }) => request.name);
  },
};

/**
 * Finds all requests in apt's index, which is updated once when one is not there, and again only when a repository failed.
 */
async function findAll(
  requests: readonly PackageRequest[],
  status: DpkgStatus,
  world: World,
): Promise<readonly Found[]> {
  const { log, system } = world;
  let failures: readonly FetchFailure[] = [];
  for (const pause of [undefined, 0, ...REPOSITORY_PAUSES]) {
    if (pause !== undefined) {
      if (pause > 0) {
        log.info(`${failures[0]?.repository} is failing, updating apt's index again in ${pause / 1000} s`);
        await system.clock.sleep(pause);
      } else log.info('apt does not know all packages, updating its index');
      failures = await updateIndex('apt', world);
    }
    const found = await lookUp(requests, status, world);
    const unavailable = found.filter((one) => one.kind === 'unavailable');
    const isLast =
      pause !== undefined && (!failures.some(({ isFinal }) => !isFinal) || pause === REPOSITORY_PAUSES.at(-1));
    if (unavailable.length > 0 && !isLast) continue;
    warnOfFailures(failures, world);
    if (unavailable.length === 0) return found;
    const repositories = [...new Set(failures.map(({ repository }) => repository))];
    throw new Problem(`not available: ${unavailable.map(({ reason }) => reason).join('; ')}`, {
      where: 'packages apt',
      hint:
        repositories.length === 0
          ? 'check the names and /etc/apt/sources.list'
          : `could not be read: ${repositories.join(', ')}`,
    });
  }
  return [];
}

function isMet({ versions }: PackageRequest, installed: InstalledPackage | undefined): boolean {
  if (installed === undefined) return false;
  return versions.length === 0 || versions.some((version) => matchesVersion(installed.version, version));
}

/** @throws Problem that names all versions that are URLs or paths */
function refuseAddresses(requests: readonly PackageRequest[]): void {
  const odd = requests.flatMap(({ name, versions }) =>
    versions.filter(isAddress).map((one) => `${JSON.stringify(shownUrl(one))} is not a version of ${name}`),
  );
  if (odd.length > 0)
    throw new Problem(odd.join('; '), {
      where: 'packages apt',
      hint: 'write { "name": "version" }, and URLs and paths of .deb files under dpkg',
    });
}
