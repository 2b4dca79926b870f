import { lastLine, Problem } from '../../../errors.ts';
import { shownUrl } from '../../../url.ts';
import type { World } from '../../step.ts';
import { addressesOf, type PackageManager, requireAddresses } from '../manager.ts';
import { type PackageFile, withPackageFiles } from '../package-file.ts';
import { installWithAptGet, installWithDpkg } from './apt-get.ts';
import { type InstalledPackage, readDpkgStatus, refuseHeld } from './dpkg-database.ts';

/**
 * Package files by URL or path; of several under one name all, but of several files of one package only the newest. Where
 * apt-get is installed, it does the work, since it also brings what a file depends on. Which package a file is, it says
 * itself: the name in the document is only a name.
 */
export const dpkg: PackageManager<readonly Looked[] | undefined> = {
  name: 'dpkg',

  /** Files that are here already are looked into, so that nothing at all is done for what is installed. */
  async inspect(requests, world) {
    requireAddresses('dpkg', 'apt', requests);
    const addresses = addressesOf(requests);
    // What comes by URL may be another version of a package whose file is here: only together they tell the newest.
    if (!addresses.every((address) => address.startsWith('/'))) return { missing: requests, found: undefined };
    const local = addresses
      .filter((address) => world.system.files.entry(address) !== undefined)
      .map((address) => ({ address, path: address }));
    const found = await lookInto(local, world);
    const inPlace = new Set(found.filter(({ isInPlace }) => isInPlace).map(({ file }) => file.address));
    return { missing: requests.filter(({ versions }) => !versions.every((address) => inPlace.has(address))), found };
  },

  apply({ missing, found }, world) {
    return withPackageFiles(addressesOf(missing), '.deb', world, async (files) => {
      const paths = new Map(files.map(({ address, path }) => [address, path]));
      const looked = (found ?? (await lookInto(files, world))).filter(({ file }) => paths.has(file.address));
      const lacking = looked.filter(({ isInPlace }) => !isInPlace);
      for (const { file, fault } of lacking) if (fault !== undefined) throw notAPackage(file, fault);
      if (lacking.length === 0) return [];
      refuseHeld(
        'dpkg',
        lacking.map(({ installed }) => installed),
      );
      const wanted = lacking.flatMap(({ file }) => paths.get(file.address) ?? []);
      if (world.system.exec.find('apt-get') === undefined) await installWithDpkg(wanted, world);
      else await installWithAptGet('dpkg', ['--allow-downgrades'], wanted, world);
      const changed = new Set(lacking.map(({ file }) => file.address));
      return missing.filter(({ versions }) => versions.some((one) => changed.has(one))).map(({ name }) => name);
    });
  },
};

/** A package file, and what is installed of its package. */
interface Looked {
  readonly file: PackageFile;
  /** Also when another file is to be installed instead, since a machine has one version of a package. */
  readonly isInPlace: boolean;
  readonly installed?: InstalledPackage | undefined;
  /** Why it cannot be read. */
  readonly fault?: string;
}

async function lookInto(files: readonly PackageFile[], world: World): Promise<readonly Looked[]> {
  const asked = [];
  for (const file of files) {
    const fields = ['Package', 'Version', 'Architecture'];
    asked.push({ file, ...(await world.system.exec.query(['dpkg-deb', '--field', '--', file.path, ...fields])) });
  }
  const identities = asked.map(({ file, exitCode, stdout, output }) => {
    const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
    return { file, name, version, architecture, fault: exitCode === 0 ? undefined : lastLine(output) };
  });
  const readable = identities.filter(({ fault }) => fault === undefined);
  const newest = await newestOf(readable, world);
  const status = readable.length === 0 ? undefined : await readDpkgStatus(world);
  return identities.map((one): Looked => {
    const { file, version, architecture, fault } = one;
    if (fault !== undefined) return { file, isInPlace: false, fault };
    const installed = status?.get(keyOf(one));
    const isThere = installed?.version === version && installed.architecture === architecture;
    return { file, isInPlace: isThere || newest.get(keyOf(one)) !== one, installed };
  });
}

interface Identity {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** A machine has one version of this. */
function keyOf({ name, architecture }: Identity): string {
  return `${name}:${architecture}`;
}

/** Of several files of a package the newest, by keyOf and by dpkg's own judgement. */
async function newestOf<T extends Identity>(files: readonly T[], { system }: World): Promise<ReadonlyMap<string, T>> {
  const newest = new Map<string, T>();
  for (const file of files) {
    const other = newest.get(keyOf(file));
    const compared =
      other === undefined
        ? undefined
        : await system.exec.query(['dpkg', '--compare-versions', '--', file.version, 'gt', other.version]);
    if (compared === undefined || compared.exitCode === 0) newest.set(keyOf(file), file);
  }
  return newest;
}

function notAPackage({ address }: PackageFile, fault: string): Problem {
  return new Problem('not a Debian package', { where: shownUrl(address), hint: fault });
}
