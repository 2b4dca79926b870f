import { pathToFileURL } from 'node:url';
import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import { shownUrl } from '../../../url.ts';
import type { World } from '../../step.ts';
import { addressesOf, type PackageManager, requireAddresses } from '../manager.ts';
import { type PackageFile, withPackageFiles } from '../package-file.ts';
import { callPackageTool, notInstalled, packageToolProblem, type ToolSigns } from '../package-tool.ts';
import { type InstalledRpms, identityOf, installedRpms, type RpmPackage, rpmFiles } from './rpm-database.ts';
import { failedScripts, isRpmLocked, rpmErrors } from './rpm-tool.ts';
import { keepNewest } from './rpm-version.ts';

/** Package files by URL or path, all of them in one transaction. What they need must be among them or installed. */
export const rpm: PackageManager<Look> = {
  name: 'rpm',

  async inspect(requests, world) {
    requireAddresses('rpm', 'yum', requests);
    if (world.system.exec.find('rpm') === undefined) throw notInstalled('rpm');
    const local = requests.filter(({ versions }) => versions.every((version) => version.startsWith('/')));
    const present = addressesOf(local).filter((path) => isReadable(path, world));
    const found = await lookAt(
      present.map((path) => ({ address: path, path })),
      world,
    );
    const isMet = ({ versions }: PackageRequest): boolean =>
      versions.every((path) => {
        const file = found.files.find(({ address }) => address === path);
        const best = file?.rpm === undefined ? undefined : found.newest.get(kindOf(file.rpm));
        return best !== undefined && isInstalled(best, found.installed);
      });
    return { missing: requests.filter((request) => !local.includes(request) || !isMet(request)), found };
  },

  async apply({ missing, found }, world) {
    return withPackageFiles(addressesOf(missing).map(asRpmTakesIt), '.rpm', world, async (files) => {
      const paths = new Map(files.map(({ address, path }) => [address, path]));
      const known = found.files.filter(({ address }) => paths.has(address));
      const look = known.length === files.length ? { ...found, files: known } : await lookAt(files, world);
      // What could not be identified goes along: it is rpm that refuses it, with the whole transaction, and says why.
      const wanted = look.files
        .filter(
          ({ rpm }) => rpm === undefined || (look.newest.get(kindOf(rpm)) === rpm && !isInstalled(rpm, look.installed)),
        )
        .map((file) => ({ ...file, path: paths.get(file.address) ?? file.path }));
      if (wanted.length === 0) return [];
      await upgrade(wanted, world);
      const changed = new Set(wanted.map(({ address }) => address));
      return missing
        .filter(({ versions }) => versions.some((one) => changed.has(asRpmTakesIt(one))))
        .map(({ name }) => name);
    });
  },
};

interface IdentifiedFile extends PackageFile {
  /** Undefined for a file that rpm cannot read. */
  readonly rpm: RpmPackage | undefined;
}

/** Package files, and what is installed of their packages. */
interface Look {
  readonly files: readonly IdentifiedFile[];
  readonly installed: InstalledRpms;
  /** Of several files of a package the newest, by kindOf: rpm would take no other (contract section 3). */
  readonly newest: ReadonlyMap<string, RpmPackage>;
}

async function lookAt(packageFiles: readonly PackageFile[], world: World): Promise<Look> {
  const identities = await rpmFiles(
    packageFiles.map(({ path }) => path),
    world,
  );
  const files = packageFiles.map((file, at) => ({ ...file, rpm: identities[at] }));
  const installed = await installedRpms(
    files.flatMap(({ rpm }) => rpm?.name ?? []),
    world,
  );
  return { files, installed, newest: await newestOf(files, world) };
}

const signs: ToolSigns = { isLocked: isRpmLocked, failingRepository: () => undefined };

async function upgrade(wanted: readonly IdentifiedFile[], world: World): Promise<void> {
  const paths = wanted.map(({ path }) => path);
  // Never `--force`, which would also let packages overwrite one another's files. Without a manifest: rpm would take any text
  // for a list of packages to fetch.
  const command = ['rpm', '--upgrade', '--oldpackage', '--nomanifest', '--', ...paths] as const;
  const call = { manager: 'rpm', command, signs } as const;
  const result = await callPackageTool(call, world);
  const unknown = wanted.filter(({ rpm }) => rpm === undefined).map(({ address }) => shownUrl(address));
  if (result.exitCode !== 0 && unknown.length > 0)
    throw new Problem('not a package that rpm can read', {
      where: unknown.join(', '),
      hint: rpmErrors(result.output),
      output: result.output,
    });
  if (result.exitCode !== 0) throw packageToolProblem(call, result, rpmErrors(result.output));
  for (const { script, rpm } of failedScripts(result.output, 'warning'))
    world.log.warning(`rpm: the script ${script} of ${rpm} failed`);
}

async function newestOf(files: readonly IdentifiedFile[], world: World): Promise<ReadonlyMap<string, RpmPackage>> {
  const byKind = Map.groupBy(
    files.flatMap(({ rpm }) => rpm ?? []),
    kindOf,
  );
  const lists = [...byKind].map(([name, rpms]) => ({ name, versions: [...new Set(rpms.map(versionOf))] }));
  const newest = await keepNewest(lists, world);
  return new Map(
    newest.flatMap(({ name, versions }) => {
      const rpm = byKind.get(name)?.find((one) => versions.includes(versionOf(one)));
      return rpm === undefined ? [] : [[name, rpm] as const];
    }),
  );
}

/** What a machine has one version of, as a rule. */
function kindOf({ name, architecture }: RpmPackage): string {
  return `${name}.${architecture}`;
}

function versionOf({ epoch, version, release }: RpmPackage): string {
  return `${epoch}:${version}-${release}`;
}

function isInstalled(rpm: RpmPackage, installed: InstalledRpms): boolean {
  return (installed.get(rpm.name) ?? []).some((other) => identityOf(other) === identityOf(rpm));
}

/** True for a path that rpm takes as it is. It may read another one as a pattern, and then find nothing. */
function isPlainPath(path: string): boolean {
  return /^[A-Za-z0-9._+~/@:^,=-]+$/.test(path);
}

/** A path that rpm would not take as it is becomes a URL, so that the file is copied to a plain path. */
function asRpmTakesIt(address: string): string {
  return address.startsWith('/') && !isPlainPath(address) ? pathToFileURL(address).href : address;
}

/** True for a file that inspect can look into; installing finds out about the rest. */
function isReadable(path: string, { system }: World): boolean {
  return isPlainPath(path) && system.files.entry(path) !== undefined;
}
