import type { PackageRequest } from '../../../config/config.ts';
import type { World } from '../../step.ts';
import type { PackageManager } from '../manager.ts';
import { highestPythonVersion, pipInstall, pipReinstall } from './pip.ts';
import {
  canonicalName,
  type InstalledDistribution,
  type PipEnvironment,
  readPipEnvironment,
} from './pip-environment.ts';
import { distributionOfSource, isPipSource, isSameSource } from './pip-source.ts';

/**
 * Python packages by pip. Of a list of versions each will do when it is installed, else the highest is installed; of a
 * list with URLs or paths the first of these. What pip alone can judge is left to it: extras (`name[extra]`), `1.*`,
 * `>=1.2`.
 */
export const python: PackageManager = {
  name: 'python',

  async missing(requests, world) {
    const environment = await readPipEnvironment(hasSources(requests), world);
    const met = await Promise.all(requests.map((request) => isMet(request, environment, world)));
    return requests.filter((_, index) => met[index] === false);
  },

  async install(requests, world) {
    const withSources = hasSources(requests);
    const before = await readPipEnvironment(withSources, world);
    const requirements: string[] = [];
    for (const request of requests) requirements.push(await requirementOf(request, world));
    await pipInstall(requirements, world);
    let after = await readPipEnvironment(withSources, world);
    let come = await withSourceInPlace(requests, after, world);
    const stale = passedOver(
      requests.filter((request) => !come.has(request)),
      before,
      after,
    );
    if (stale.length > 0) {
      await pipReinstall(stale, world);
      after = await readPipEnvironment(withSources, world);
      come = await withSourceInPlace(requests, after, world);
    }
    const changed = [...after.keys()].filter((name) => !isSame(before.get(name), after.get(name)));
    // Only what was not in place gets here: a source that is in place now has come, be its version the old one.
    return requests
      .filter((request) => come.has(request) || hasChanged(request, changed, after))
      .map(({ name }) => name);
  },
};

function hasSources(requests: readonly PackageRequest[]): boolean {
  return requests.some((request) => sourceOf(request) !== undefined);
}

/** Given as a version, or in the place of a name. */
function sourceOf({ name, versions }: PackageRequest): string | undefined {
  return [...versions, name].find(isPipSource);
}

/** To compare a local file takes a call of pip, so it is done once for each state of the environment. */
async function withSourceInPlace(
  requests: readonly PackageRequest[],
  environment: PipEnvironment,
  world: World,
): Promise<ReadonlySet<PackageRequest>> {
  const withSource = requests.filter((request) => sourceOf(request) !== undefined);
  const met = await Promise.all(withSource.map((request) => isMet(request, environment, world)));
  return new Set(withSource.filter((_, index) => met[index] === true));
}

/**
 * The sources that pip did not change because the version in them is the one that is there, though that came from another
 * one: another tag, another file. What came from an index has no source to compare with: there the version decides.
 * @param requests what is not in place
 */
function passedOver(
  requests: readonly PackageRequest[],
  before: PipEnvironment,
  after: PipEnvironment,
): readonly string[] {
  const sources: string[] = [];
  for (const request of requests) {
    const source = sourceOf(request);
    if (source === undefined) continue;
    const name = distributionOfSource(source, canonicalName(request.name), after);
    const installed = name === undefined ? undefined : after.get(name);
    if (name === undefined || installed?.source === undefined) continue;
    if (isSame(before.get(name), installed)) sources.push(source);
  }
  return sources;
}

async function isMet(request: PackageRequest, environment: PipEnvironment, world: World): Promise<boolean> {
  const { name, versions } = request;
  const source = sourceOf(request);
  if (source !== undefined) {
    // The name need not be the distribution's own, since pip is given the URL alone.
    for (const installed of environment.values())
      if (installed.source !== undefined && (await isSameSource(source, installed.source, world))) return true;
    return false;
  }
  const present = isPlain(name) ? environment.get(canonicalName(name)) : undefined;
  if (present === undefined) return false;
  return versions.length === 0 || (present.version !== undefined && versions.includes(present.version));
}

async function requirementOf(request: PackageRequest, world: World): Promise<string> {
  const { name, versions } = request;
  const source = sourceOf(request);
  if (source !== undefined) return source;
  if (versions.length === 0) return name;
  const version = await highestPythonVersion(name, versions, world);
  return /^[<>=!~]/.test(version) ? `${name}${version}` : `${name}==${version}`;
}

/** Whether pip has changed what was asked for; of extras, and of a URL that it did not note down, whether it has changed anything. */
function hasChanged(request: PackageRequest, changed: readonly string[], after: PipEnvironment): boolean {
  const { name } = request;
  const own = canonicalName(name.replace(/[^A-Za-z0-9._-].*$/, ''));
  if (changed.includes(own)) return true;
  const isOpen = sourceOf(request) !== undefined ? !after.has(own) : name.includes('[');
  return isOpen && changed.length > 0;
}

function isSame(one: InstalledDistribution | undefined, other: InstalledDistribution | undefined): boolean {
  return (
    one?.version === other?.version &&
    one?.source?.url === other?.source?.url &&
    one?.source?.fingerprint === other?.source?.fingerprint
  );
}

/** False for `name[extra]` and `name>=1`: whether these are met is for pip to say. */
function isPlain(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name);
}
