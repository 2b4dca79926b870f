import type { PackageRequest } from '../../../config/config.ts';
import { lastLine, Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';
import { type PackageManager, requireAddresses } from '../manager.ts';
import { withPackageFile } from '../package-file.ts';
import { installWithAptGet } from './apt.ts';
import { installedPackages } from './dpkg-database.ts';

/** Package files by URL or path. Where apt-get is there, it does the work, since it also brings what the file depends on. */
export const dpkg: PackageManager = {
  name: 'dpkg',

  async missing(requests) {
    requireAddresses('dpkg', 'apt', requests);
    return requests;
  },

  async install(requests, world) {
    const changed: string[] = [];
    for (const request of requests) if (await installFiles(request.versions, [], world)) changed.push(request.name);
    return changed;
  },
};

/** Gathers the local paths of all files of a request, then installs those that are not there yet together. */
async function installFiles(
  addresses: PackageRequest['versions'],
  ready: readonly string[],
  world: World,
): Promise<boolean> {
  const [address, ...rest] = addresses;
  if (address !== undefined) {
    return withPackageFile(address, '.deb', world, async (path) =>
      installFiles(rest, (await isInstalled(path, world)) ? ready : [...ready, path], world),
    );
  }
  if (ready.length === 0) return false;
  if (world.system.exec.find('apt-get') !== undefined) {
    await installWithAptGet(['--allow-downgrades', ...ready], world);
    return true;
  }
  const { exitCode, output } = await world.system.exec.tool(['dpkg', '--install', ...ready], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (exitCode !== 0)
    throw new Problem(`dpkg ended with exit code ${exitCode}`, {
      where: 'packages dpkg',
      hint: lastLine(output),
      output,
    });
  return true;
}

async function isInstalled(path: string, world: World): Promise<boolean> {
  const { exitCode, stdout } = await world.system.exec.tool([
    'dpkg-deb',
    '--field',
    path,
    'Package',
    'Version',
    'Architecture',
  ]);
  if (exitCode !== 0) return false; // the install will say what is wrong with it
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
  const installed = (await installedPackages([field('Package')], world)).get(field('Package'));
  return installed?.version === field('Version') && installed.architecture === field('Architecture');
}
