import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';

/**
 * For managers that find packages by name only: a URL or a path in the place of a version is no use to them (contract
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

/** The names whose installed version is another one now. */
export function changedNames(
  names: readonly string[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  return names.filter((name) => before.get(name) !== after.get(name));
}
