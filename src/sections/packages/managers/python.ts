import type { PackageRequest } from '../../../config/config.ts';
import type { World } from '../../step.ts';
import type { PackageManager } from '../manager.ts';
import { highestPythonVersion, pipInstall, pipReinstall } from './pip.ts';
import {
  canonicalName,
  distributionOfSource,
  type InstalledDistribution,
  isPipSource,
  isSameSource,
  type PipEnvironment,
  readPipEnvironment,
} from './pip-environment.ts';

/** What is installed, and how pip was asked for it: two answers can only be compared if both were asked in one way. */
interface Known {
  readonly environment: PipEnvironment;
  readonly withSources: boolean;
}

/**
 * Python packages by pip. If any of a list of versions is installed, that is enough; else the highest comes. Of a list with
 * URLs or paths the first of these is installed. What pip alone can judge is left to it: extras (`name[extra]`), `1.*`,
 * `>=1.2`.
 */
export const python: PackageManager<Known> = {
  name: 'python',

  async inspect(requests, world) {
    const withSources = requests.some((request) => sourceOf(request) !== undefined);
    const environment = await readPipEnvironment(withSources, world);
    const missing = requests.filter((request) => !isMet(request, environment, world));
    return { missing, found: { environment, withSources } };
  },

  async apply({ missing, found: { environment: before, withSources } }, world) {
    const requirements: string[] = [];
    for (const request of missing) requirements.push(await requirementOf(request, world));
    await pipInstall(requirements, world);
    let after = await readPipEnvironment(withSources, world);
    let present = withSourceInPlace(missing, after, world);
    const stale = notReplaced(
      missing.filter((request) => !present.has(request)),
      before,
      after,
    );
    if (stale.length > 0) {
      await pipReinstall(stale, world);
      after = await readPipEnvironment(withSources, world);
      present = withSourceInPlace(missing, after, world);
    }
    const changed = [...after.keys()].filter((name) => !isSame(before.get(name), after.get(name)));
    // What is missing was not in place: a source that is in place now was installed, even if its version is the same.
    return missing
      .filter((request) => present.has(request) || hasChanged(request, changed, after))
      .map(({ name }) => name);
  },
};

/** Given as a version, or in the place of a name. */
function sourceOf({ name, versions }: PackageRequest): string | undefined {
  return [...versions, name].find(isPipSource);
}

/** To compare a local file it is read, so this is done once for each state of the environment. */
function withSourceInPlace(
  requests: readonly PackageRequest[],
  environment: PipEnvironment,
  world: World,
): ReadonlySet<PackageRequest> {
  return new Set(requests.filter((request) => sourceOf(request) !== undefined && isMet(request, environment, world)));
}

/**
 * The sources that pip did not change because the version in them is the one that is there, though that came from another
 * one: another tag, another file. What came from an index has no source to compare with: there the version decides.
 * @param requests what is not in place
 */
function notReplaced(
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

function isMet(request: PackageRequest, environment: PipEnvironment, world: World): boolean {
  const { name, versions } = request;
  const source = sourceOf(request);
  if (source !== undefined) {
    // The name need not be the distribution's own, since pip only gets the URL.
    for (const installed of environment.values())
      if (installed.source !== undefined && isSameSource(source, installed.source, world)) return true;
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

/** Whether pip has changed what was asked for; of extras, and of a URL that it did not record, whether it has changed anything. */
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
