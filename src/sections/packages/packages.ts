import type { PackageManagerName, PackageRequest, PackagesEntry } from '../../config/config.ts';
import type { Section, World } from '../step.ts';
import { namesOf, type PackageManager, type PackagePlan } from './manager.ts';

/**
 * In the order in which they run (contract section 3): single files first, then repositories, then the languages. Loaded when
 * the metadata names them, as most runs have one or none.
 */
const managers: Readonly<Record<PackageManagerName, () => Promise<PackageManager>>> = {
  dpkg: async () => (await import('./managers/dpkg.ts')).dpkg,
  rpm: async () => (await import('./managers/rpm.ts')).rpm,
  apt: async () => (await import('./managers/apt.ts')).apt,
  yum: async () => (await import('./managers/rpm-repositories.ts')).yum,
  dnf: async () => (await import('./managers/rpm-repositories.ts')).dnf,
  zypper: async () => (await import('./managers/rpm-repositories.ts')).zypper,
  apk: async () => (await import('./managers/apk.ts')).apk,
  pacman: async () => (await import('./managers/pacman.ts')).pacman,
  python: async () => (await import('./managers/python.ts')).python,
  rubygems: async () => (await import('./managers/rubygems.ts')).rubygems,
};
const order = Object.keys(managers);

interface PackagesPlan {
  readonly manager: PackageManager;
  /** All that the entry asks for. */
  readonly requests: readonly PackageRequest[];
  readonly plan: PackagePlan;
}

/** Installs packages, in one transaction for each manager. */
export const packagesSection: Section<PackagesEntry, PackagesPlan> = {
  name: 'packages',
  worksOnRoot: false,
  order: (entries) =>
    entries.filter((entry) => entry.packages.length > 0).sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),

  async inspect(entry, world) {
    const manager = await managers[entry.name]();
    const requests = ownPaths(entry.packages, world);
    const plan = await manager.inspect(requests, world);
    if (plan.missing.length === 0) return { state: 'unchanged' };
    return {
      state: 'differs',
      what: `installed ${namesOf(plan.missing).join(', ')}`,
      plan: { manager, requests, plan },
    };
  },

  async apply(entry, { manager, requests, plan }, world) {
    const names = await manager.apply(plan, world);
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

/** `./x.rpm` is relative to where we are called, while the tools run elsewhere. */
function ownPaths(requests: readonly PackageRequest[], { system }: World): readonly PackageRequest[] {
  return requests.map((request) =>
    /^\.{1,2}\//.test(request.name) ? { ...request, name: system.absolutePath(request.name) } : request,
  );
}
