import type { PackageRequest } from '../../../config/config.ts';
import { lastLine, Problem } from '../../../errors.ts';
import type { ToolResult } from '../../../system/exec.ts';
import type { World } from '../../step.ts';
import type { PackageManager } from '../manager.ts';
import { callPackageTool, type ToolSigns } from '../package-tool.ts';
import { type InstalledPackage, installedPackages, newestVersion } from './dpkg-database.ts';

/** Nobody is there to answer: configuration files that were changed stay, services are not restarted behind our back. */
const QUIET = {
  DEBIAN_FRONTEND: 'noninteractive',
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_SUSPEND: '1',
};
const OPTIONS = ['-y', '-q', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'];

export const apt: PackageManager = {
  name: 'apt',

  async missing(requests, world) {
    const installed = await installedPackages(
      requests.map(({ name }) => name),
      world,
    );
    return requests.filter((request) => !isMet(request, installed.get(request.name)));
  },

  async install(requests, world) {
    const names = requests.map(({ name }) => name);
    const before = await installedPackages(names, world);
    const specifications = await Promise.all(requests.map((request) => specificationOf(request, world)));
    // Going down a version is done only where a version was asked for.
    const downgrade = requests.some(({ versions }) => versions.length > 0) ? ['--allow-downgrades'] : [];
    const result = await installWithAptGet([...downgrade, ...specifications], world);
    if (hasChangedNothing(result.output)) return [];
    const after = await installedPackages(names, world);
    return names.filter(
      (name) => before.get(name)?.version !== after.get(name)?.version || after.get(name) === undefined,
    );
  },
};

/**
 * Runs `apt-get install`. A package that apt does not know, or whose file has gone from the mirror, means an old index:
 * it is updated once.
 * @throws Problem that names the package apt could not have
 */
export async function installWithAptGet(args: readonly string[], world: World): Promise<ToolResult> {
  let result = await aptGet(['install', ...args], world);
  if (result.exitCode !== 0 && isIndexOld(result.output)) {
    world.log.info('apt does not know all packages, updating its index');
    const update = await aptGet(['update'], world);
    if (update.exitCode !== 0)
      world.log.warning(`apt-get update ended with exit code ${update.exitCode}: ${lastError(update.output)}`);
    result = await aptGet(['install', ...args], world);
  }
  if (result.exitCode !== 0) {
    throw new Problem(`apt-get ended with exit code ${result.exitCode}`, {
      where: 'packages apt',
      hint: lastError(result.output),
      output: result.output,
    });
  }
  return result;
}

const signs: ToolSigns = {
  isLocked: (output) => /Could not get lock|Unable to (?:acquire|lock)/.test(output),
  troubledRepository: () => undefined,
};

/** apt can wait for dpkg's lock itself, but not for that of its package lists, and older ones for neither: so we wait. */
function aptGet(args: readonly string[], world: World): Promise<ToolResult> {
  return callPackageTool({ manager: 'apt', command: ['apt-get', ...OPTIONS, ...args], env: QUIET, signs }, world);
}

function isMet({ versions }: PackageRequest, installed: InstalledPackage | undefined): boolean {
  if (installed === undefined) return false;
  return versions.length === 0 || versions.some((version) => matches(installed.version, version));
}

/** apt lets a version end in `*`. */
function matches(installed: string, wanted: string): boolean {
  if (!wanted.includes('*')) return installed === wanted;
  const pattern = wanted.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(installed);
}

async function specificationOf({ name, versions }: PackageRequest, world: World): Promise<string> {
  const version = await newestVersion(versions, world);
  return version === undefined ? name : `${name}=${version}`;
}

function isIndexOld(output: string): boolean {
  return /Unable to locate package|was not found|has no installation candidate|Couldn't find any package|Failed to fetch|404 +Not Found/.test(
    output,
  );
}

function hasChangedNothing(output: string): boolean {
  return /^0 upgraded, 0 newly installed, 0 (?:downgraded, 0 )?to remove/m.test(output);
}

/** apt says what is wrong in lines that begin with `E:`. */
function lastError(output: string): string {
  const errors = output.split('\n').filter((line) => line.startsWith('E: '));
  return errors.length === 0
    ? lastLine(output)
    : errors
        .map((line) => line.slice(3))
        .slice(0, 3)
        .join('; ');
}
