import type { PackageManagerName, PackageRequest } from '../../../config/config.ts';
import { lastLine, Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';
import type { PackageManager } from '../manager.ts';
import { type InstalledVersions, installedRpms, newestRpmVersion } from './rpm-database.ts';

export const yum = rpmRepositories('yum', ['yum', 'dnf'], ['-y', 'install'], '-');
export const dnf = rpmRepositories('dnf', ['dnf', 'yum'], ['-y', 'install'], '-');
export const zypper = rpmRepositories(
  'zypper',
  ['zypper'],
  ['--non-interactive', 'install', '--auto-agree-with-licenses', '--oldpackage'],
  '=',
);

/**
 * A tool that installs rpm packages from repositories.
 * @param programs the first that the machine has is used
 * @param joint what stands between name and version
 */
function rpmRepositories(
  name: PackageManagerName,
  programs: readonly string[],
  verb: readonly string[],
  joint: string,
): PackageManager {
  return {
    name,

    async missing(requests, world) {
      const installed = await installedRpms(
        requests.map((request) => request.name),
        world,
      );
      return requests.filter((request) => !isMet(request, installed));
    },

    async install(requests, world) {
      const { exec } = world.system;
      const program = programs.find((candidate) => exec.find(candidate) !== undefined);
      if (program === undefined)
        throw new Problem(`${name} is not installed`, {
          where: `packages ${name}`,
          hint: 'list the packages under the manager that this distribution has',
        });
      const specifications = await Promise.all(requests.map((request) => specificationOf(request, joint, world)));
      const { exitCode, output } = await exec.tool([program, ...verb, ...specifications]);
      if (exitCode !== 0)
        throw new Problem(`${program} ended with exit code ${exitCode}`, {
          where: `packages ${name}`,
          hint: lastLine(output),
          output,
        });
      return requests.map((request) => request.name);
    },
  };
}

function isMet({ name, versions }: PackageRequest, installed: InstalledVersions): boolean {
  const present = installed.get(name);
  return present !== undefined && (versions.length === 0 || versions.some((version) => present.has(version)));
}

async function specificationOf({ name, versions }: PackageRequest, joint: string, world: World): Promise<string> {
  const version = await newestRpmVersion(versions, world);
  return version === undefined ? name : `${name}${joint}${version}`;
}
