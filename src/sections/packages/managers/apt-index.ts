import type { PackageRequest } from '../../../config/config.ts';
import type { World } from '../../step.ts';
import { matchesVersion } from '../manager.ts';
import { type DpkgStatus, splitName } from './dpkg-database.ts';

/** What apt's index says about a request. */
export type Found =
  /** `specification` is what apt-get is called with. */
  | { readonly kind: 'available'; readonly request: PackageRequest; readonly specification: string }
  /** It is provided by other packages, one of which is installed already. */
  | { readonly kind: 'provided'; readonly request: PackageRequest }
  /** `reason` names the package, and says what is available instead. */
  | { readonly kind: 'unavailable'; readonly request: PackageRequest; readonly reason: string };

/** Most versions that an error lists. */
const MOST_VERSIONS = 10;

/**
 * Looks the requests up in apt's index. apt-get itself would take a name that it does not know for a pattern, `name-`
 * for an order to remove and `name+` for `name`, so it only gets names and versions that are in the index exactly so.
 */
export async function lookUp(
  requests: readonly PackageRequest[],
  status: DpkgStatus,
  world: World,
): Promise<readonly Found[]> {
  const { exec } = world.system;
  const policy = await exec.query(['apt-cache', 'policy', '--', ...requests.map(({ name }) => name)]);
  const known = parsePolicy(policy.stdout);
  const versionsOf = (name: string): readonly string[] | undefined =>
    known.get(name) ?? known.get(splitName(name).base);
  const virtual = requests.map(({ name }) => name).filter((name) => versionsOf(name)?.length === 0);
  const providers = await lookUpProviders(virtual, status, world);
  return requests.map((request): Found => {
    const { name, versions } = request;
    const there = versionsOf(name) ?? [];
    if (there.length === 0) return foundVirtual(request, providers.get(name) ?? []);
    if (versions.length === 0) return { kind: 'available', request, specification: name };
    // The index lists them from the newest to the oldest: of several versions the newest available one is used.
    const version = there.find((candidate) => versions.some((wanted) => matchesVersion(candidate, wanted)));
    if (version !== undefined) return { kind: 'available', request, specification: `${name}=${version}` };
    const list = there.slice(0, MOST_VERSIONS).join(', ') + (there.length > MOST_VERSIONS ? ', ...' : '');
    return {
      kind: 'unavailable',
      request,
      reason: `no version ${versions.join(' or ')} of ${name} (there is: ${list})`,
    };
  });
}

interface Provider {
  readonly name: string;
  readonly isInstalled: boolean;
}

function foundVirtual(request: PackageRequest, providers: readonly Provider[]): Found {
  const { name, versions } = request;
  const names = [...new Set(providers.map((provider) => provider.name))];
  const only = names[0];
  if (only === undefined) return { kind: 'unavailable', request, reason: `no package ${name}` };
  if (versions.length > 0)
    return { kind: 'unavailable', request, reason: `${name} has no versions, ${names.join(', ')} provide it` };
  if (providers.some(({ isInstalled }) => isInstalled)) return { kind: 'provided', request };
  if (names.length === 1) return { kind: 'available', request, specification: only };
  return {
    kind: 'unavailable',
    request,
    reason: `${name} is provided by several packages, name one: ${names.join(', ')}`,
  };
}

async function lookUpProviders(
  virtual: readonly string[],
  status: DpkgStatus,
  world: World,
): Promise<ReadonlyMap<string, readonly Provider[]>> {
  if (virtual.length === 0) return new Map();
  const { stdout } = await world.system.exec.query(['apt-cache', 'showpkg', '--', ...virtual]);
  return new Map(
    [...parseProviders(stdout)].map(([name, list]) => [
      name,
      list.map((provider) => ({ name: provider, isInstalled: status.get(provider) !== undefined })),
    ]),
  );
}

/**
 * The versions that `apt-cache policy` lists for each package, newest first. None: a name that others only mention or
 * provide. What dpkg alone remembers, of a package that was removed, cannot be installed and is left out. Without the table
 * of versions, only the candidate is known.
 */
export function parsePolicy(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let versions: string[] = [];
  let version = '';
  for (const line of text.split('\n')) {
    const name = /^(\S+):$/.exec(line)?.[1];
    // After the version comes its priority, and `(phased 20%)` where some machines get an update before others.
    const listed = /^ (?:\*\*\*| {3}) (\S+)(?: .*)?$/.exec(line)?.[1];
    // A priority of 1000 and more, as a pin may have, takes one more column than the usual ones.
    const source = /^ {7,}-?\d+ (\S+)/.exec(line)?.[1];
    const candidate = /^ {2}Candidate: (\d\S*)$/.exec(line)?.[1];
    if (name !== undefined) {
      versions = found.get(name) ?? [];
      version = '';
      found.set(name, versions);
    } else if (candidate !== undefined) versions.push(candidate);
    // The table says where each version comes from, so it takes the place of the candidate.
    else if (line === '  Version table:') versions.length = 0;
    else if (listed !== undefined) version = listed;
    else if (source !== undefined && source !== '/var/lib/dpkg/status' && version !== '' && !versions.includes(version))
      versions.push(version);
  }
  return found;
}

/** The names of the packages that `apt-cache showpkg` lists after `Reverse Provides:`, by the name they provide. */
export function parseProviders(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let providers: string[] = [];
  let isList = false;
  for (const line of text.split('\n')) {
    const name = /^Package: (\S+)/.exec(line)?.[1];
    if (name !== undefined) {
      providers = [];
      found.set(name, providers);
    }
    const provider = /^(\S+) \S/.exec(line)?.[1];
    if (isList && name === undefined && provider !== undefined) providers.push(provider);
    else isList = line.startsWith('Reverse Provides:');
  }
  return found;
}
