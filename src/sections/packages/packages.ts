import type { PackageManagerName, PackageRequest, PackagesEntry } from '../../config/config.ts';
import { absolutePath } from '../../system/absolute-path.ts';
import type { Section } from '../step.ts';
import type { PackageManager } from './manager.ts';
import { apk } from './managers/apk.ts';
import { apt } from './managers/apt.ts';
import { dpkg } from './managers/dpkg.ts';
import { pacman } from './managers/pacman.ts';
import { python } from './managers/python.ts';
import { rpm } from './managers/rpm.ts';
import { dnf, yum, zypper } from './managers/rpm-repositories.ts';
import { rubygems } from './managers/rubygems.ts';

/** In the order in which they run (contract section 3): single files first, then repositories, then the languages. */
const managers: readonly PackageManager[] = [dpkg, rpm, apt, yum, dnf, zypper, apk, pacman, python, rubygems];

/** Brings in packages, one transaction a manager. */
export const packagesSection: Section<PackagesEntry> = {
  name: 'packages',
  worksOnRoot: false,
  plan: (entries) =>
    entries
      .filter((entry) => entry.packages.length > 0)
      .sort((a, b) => managers.indexOf(managerOf(a.name)) - managers.indexOf(managerOf(b.name))),

  async probe(entry, world) {
    const missing = await managerOf(entry.name).missing(entry.packages.map(withOwnPath), world);
    if (missing.length === 0) return { state: 'unchanged' };
    return { state: 'differs', what: `installed ${missing.map(({ name }) => name).join(', ')}` };
  },

  async apply(entry, world) {
    const manager = managerOf(entry.name);
    const requests = entry.packages.map(withOwnPath);
    const missing = await manager.missing(requests, world);
    const names = missing.length === 0 ? [] : await manager.install(missing, world);
    if (names.length === 0) return { state: 'unchanged' };
    const written = new Map(requests.map(({ name }, index) => [name, entry.packages[index]?.name ?? name]));
    const changed = names.map((name) => written.get(name) ?? name);
    return {
      state: 'changed',
      what: `installed ${changed.join(', ')}`,
      changes: changed.map((name) => `${entry.name}:${name}`),
    };
  },
};

/** A file `./x.rpm` is one where we are called, while the tools run elsewhere. */
function withOwnPath(request: PackageRequest): PackageRequest {
  return /^\.{1,2}\//.test(request.name) ? { ...request, name: absolutePath(request.name) } : request;
}

function managerOf(name: PackageManagerName): PackageManager {
  return managers.find((manager) => manager.name === name) as PackageManager;
}
