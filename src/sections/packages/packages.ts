import type { PackageManagerName, PackagesEntry } from '../../config/config.ts';
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
    const missing = await managerOf(entry.name).missing(entry.packages, world);
    if (missing.length === 0) return { state: 'unchanged' };
    return { state: 'differs', what: `installed ${missing.map(({ name }) => name).join(', ')}` };
  },

  async apply(entry, world) {
    const manager = managerOf(entry.name);
    const missing = await manager.missing(entry.packages, world);
    const changed = missing.length === 0 ? [] : await manager.install(missing, world);
    if (changed.length === 0) return { state: 'unchanged' };
    return {
      state: 'changed',
      what: `installed ${changed.join(', ')}`,
      changes: changed.map((name) => `${entry.name}:${name}`),
    };
  },
};

function managerOf(name: PackageManagerName): PackageManager {
  return managers.find((manager) => manager.name === name) as PackageManager;
}
