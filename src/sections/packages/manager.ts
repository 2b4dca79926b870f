import type { PackageManagerName, PackageRequest } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { isAddress } from '../../names.ts';
import type { World } from '../step.ts';

/** What a look at the machine says of some requests. */
export interface PackagePlan<Found = unknown> {
  /** The requests that the machine does not meet yet. What only a download can tell (a URL) counts as missing. */
  readonly missing: readonly PackageRequest[];
  /** What the manager has learned of the machine, so that it need not ask again. */
  readonly found: Found;
}

/** What a package manager must be able to do. To add one: a file in managers/, and its line in packages.ts. */
export interface PackageManager<Found = unknown> {
  readonly name: PackageManagerName;
  /** Finds what is missing. Changes nothing, and asks the tool once for all requests. @throws Problem */
  inspect(requests: readonly PackageRequest[], world: World): Promise<PackagePlan<Found>>;
  /**
   * Installs, upgrades or downgrades what is missing, in one transaction.
   * @param plan what inspect returned; something is missing
   * @returns the names whose installed version has changed
   * @throws Problem that names what is not available
   */
  apply(plan: PackagePlan<Found>, world: World): Promise<readonly string[]>;
}

/** The names of the requests. */
export function namesOf(requests: readonly PackageRequest[]): readonly string[] {
  return requests.map(({ name }) => name);
}

/** All URLs and paths of the requests, each once. */
export function addressesOf(requests: readonly PackageRequest[]): readonly string[] {
  return [...new Set(requests.flatMap(({ versions }) => versions))];
}

/**
 * For managers of single package files: each request must say where its files are.
 * @param repositories the manager that finds packages by name instead
 * @throws Problem that names the package
 */
export function requireAddresses(manager: string, repositories: string, requests: readonly PackageRequest[]): void {
  for (const { name, versions } of requests) {
    if (versions.length > 0 && versions.every(isAddress)) continue;
    throw new Problem(`${manager} needs the URL or path of ${name}`, {
      where: `packages ${manager}`,
      hint: `give it instead of a version, or list the package under ${repositories}`,
    });
  }
}

/**
 * For managers that find packages by name only: they cannot use a URL or a path in the place of a version (contract
 * section 3 has those for rpm, dpkg and python).
 * @throws Problem that names the package
 */
export function requireVersions(manager: string, requests: readonly PackageRequest[]): void {
  for (const { name, versions } of requests) {
    if (versions.every((version) => !version.includes('/'))) continue;
    throw new Problem(`${manager} takes versions, and no URL or path, for ${name}`, {
      where: `packages ${manager}`,
      hint: 'list its version, or bring the file by sources or files and install it by a command',
    });
  }
}

/** True for a text that matches a version in which `*` is for anything, as apt and dnf take it; without one, for the same text. */
export function matchesVersion(text: string, wanted: string): boolean {
  if (!wanted.includes('*')) return text === wanted;
  const parts = wanted.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}

/**
 * The names whose installed version is another one now. A name under which nothing is installed, neither before nor after, is
 * that of a group, or of something that another package provides.
 * @param isOpenNameChanged whether such a name counts
 */
export function changedNames(
  names: readonly string[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  isOpenNameChanged: boolean,
): readonly string[] {
  return names.filter((name) => before.get(name) !== after.get(name) || (isOpenNameChanged && !after.has(name)));
}
