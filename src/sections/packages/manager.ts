import type { PackageManagerName, PackageRequest } from '../../config/config.ts';
import { Problem } from '../../errors.ts';
import { isAddress } from '../../names.ts';
import type { World } from '../step.ts';

/** What a package manager must be able to do. To add one: a file in managers/, and its line in packages.ts. */
export interface PackageManager {
  readonly name: PackageManagerName;
  /**
   * The requests that the machine does not meet yet. Reads only, and asks the tool once for all of them.
   * What can only be told after a download (a URL) counts as missing.
   */
  missing(requests: readonly PackageRequest[], world: World): Promise<readonly PackageRequest[]>;
  /**
   * Installs, upgrades or downgrades in one transaction.
   * @returns the names whose installed version has changed
   * @throws Problem that names what could not be had
   */
  install(requests: readonly PackageRequest[], world: World): Promise<readonly string[]>;
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
