import type { PackageManagerName, PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import { isAddress } from '../../../names.ts';
import { carriesSecrets } from '../../../secrets/names.ts';
import type { ToolResult } from '../../../system/programs/exec.ts';
import type { World } from '../../step.ts';
import { namesOf, type PackageManager } from '../manager.ts';
import { withPackageFiles } from '../package-file.ts';
import { callPackageTool, notInstalled, packageToolProblem } from '../package-tool.ts';
import { dnfTool, yum3Tool } from './dnf-tool.ts';
import { allRpms, type InstalledRpms, identityOf, installedRpms, isBeyondNames, isMetBy } from './rpm-database.ts';
import { type Command, type RepositoryTool, shorten, type Unavailable, type Wanted } from './rpm-tool.ts';
import { keepNewest } from './rpm-version.ts';
import { zypperTool } from './zypper-tool.ts';

/** On newer machines yum is another name of dnf, or is not there at all (contract section 3). */
export const yum = rpmRepositories('yum', ['yum', 'dnf', 'dnf5'], dnfTool);
export const dnf = rpmRepositories('dnf', ['dnf', 'dnf5', 'yum'], dnfTool);
export const zypper = rpmRepositories('zypper', ['zypper'], zypperTool);

const MOST_VERSIONS = 10;

/**
 * A manager of rpm packages from repositories.
 * @param programs the first that the machine has is used
 */
function rpmRepositories(
  manager: PackageManagerName,
  programs: readonly string[],
  usual: RepositoryTool,
): PackageManager<Known> {
  return {
    name: manager,

    async inspect(requests, world) {
      refuseAddresses(manager, requests);
      if (world.system.exec.find('rpm') === undefined) firstOf(programs, world);
      const installed = await installedRpms(namesOf(requests), world);
      const missing = (await keepNewest(requests, world)).filter((request) => !isMetBy(request, installed));
      const all = missing.some((request) => isOpen(request, installed)) ? await allRpms(world) : undefined;
      return { missing, found: { installed, all } };
    },

    async apply({ missing, found }, world) {
      const program = firstOf(programs, world);
      // Where yum is another name of dnf, that is installed, too.
      const isYum3 = program === 'yum' && ['dnf', 'dnf5'].every((other) => world.system.exec.find(other) === undefined);
      const tool = isYum3 ? yum3Tool : usual;
      // An address with a login in it would be everybody's to read among the arguments of the tool.
      const addresses = namesOf(missing).filter(carriesSecrets);
      return withPackageFiles(addresses, '.rpm', world, (files) => {
        const wanted = missing.map((request): Wanted => {
          const [version] = request.versions;
          const file = files.find(({ address }) => address === request.name);
          return { request, version, specification: file?.path ?? tool.specification(request.name, version) };
        });
        return installWanted({ manager, program, tool, wanted }, found, world);
      });
    },
  };

  /** @throws Problem when the machine has none of them */
  function firstOf(candidates: readonly string[], { system }: World): string {
    const program = candidates.find((candidate) => system.exec.find(candidate) !== undefined);
    if (program === undefined) throw notInstalled(manager);
    return program;
  }
}

/** What was installed before. */
interface Known {
  /** By the names that were asked for. */
  readonly installed: InstalledRpms;
  /** All packages, by identity: only there where a name is open. */
  readonly all: Awaited<ReturnType<typeof allRpms>> | undefined;
}

/** True for a name under which nothing need be installed in the end: one that only the tool can resolve, `NAME-VERSION` among them. */
function isOpen({ name }: PackageRequest, installed: InstalledRpms): boolean {
  return isBeyondNames(name) || (/-\d/.test(name) && !installed.has(name));
}

interface Call {
  readonly manager: string;
  readonly program: string;
  readonly tool: RepositoryTool;
  readonly wanted: readonly Wanted[];
}

/** @returns the names whose installed versions have changed @throws Problem that names what is not available */
async function installWanted(call: Call, before: Known, world: World): Promise<readonly string[]> {
  const { manager, program, tool, wanted } = call;
  const names = namesOf(wanted.map(({ request }) => request));
  const command = tool.install(
    program,
    wanted.map(({ specification }) => specification),
  );
  const result = await installFrom(call, command, world);
  let after = await installedRpms(names, world);
  const others = wanted.filter((one) => isThereInAnother(one, after));
  if (others.length > 0 && tool.downgrade !== undefined) {
    // yum 3: its install only goes up.
    const specifications = others.map(({ specification }) => specification);
    await installFrom({ ...call, wanted: others }, tool.downgrade(program, specifications), world);
    after = await installedRpms(names, world);
  }
  for (const warning of tool.warnings(result)) world.log.warning(`${program}: ${warning}`);
  const unmet = wanted.filter(
    ({ request, version }) => version !== undefined && !isBeyondNames(request.name) && !isMetBy(request, after),
  );
  if (unmet.length > 0)
    throw new Problem(`${program} did not install ${unmet.map(({ specification }) => specification).join(', ')}`, {
      where: `packages ${manager}`,
      hint: shorten([...(await describeVersions(call, unmet, world)), ...tool.complaints(result.output)]),
      output: result.output,
    });
  return changedNames(names, before, after, result, world);
}

/**
 * Runs the tool; a second time, with a new index, when it does not know a package or the repository no longer has its file.
 * @throws Problem when it did not do all that it was asked for
 */
async function installFrom(call: Call, command: Command, world: World): Promise<ToolResult> {
  const { manager, program, tool } = call;
  const run = (words: Command): Promise<ToolResult> =>
    callPackageTool({ manager, command: words, signs: tool.signs, ...(tool.env && { env: tool.env }) }, world);
  let result = await run(command);
  const isFailing = tool.signs.failingRepository(result.output) !== undefined;
  if (isShort(tool, result) && !isFailing && tool.isIndexOld(result.output)) {
    world.log.info(`${program} does not have all packages, downloading the repositories' indexes again`);
    await run(tool.refresh(program));
    result = await run(command);
  }
  const missing = tool.unavailable(result.output);
  if (!isShort(tool, result)) return result;
  const complaints = [...(await describeUnavailable(call, missing, world)), ...tool.complaints(result.output)];
  if (!tool.isDone(result.exitCode, result.output))
    throw packageToolProblem({ manager, command }, result, complaints.join('; '));
  throw new Problem(`${program} left packages out`, {
    where: `packages ${manager}`,
    hint: complaints.join('; '),
    output: result.output,
  });
}

/** yum 3, and dnf with `strict=0`, leave out what they do not know and end well. */
function isShort(tool: RepositoryTool, { exitCode, output }: ToolResult): boolean {
  return !tool.isDone(exitCode, output) || tool.unavailable(output).length > 0;
}

async function describeUnavailable(
  call: Call,
  missing: readonly Unavailable[],
  world: World,
): Promise<readonly string[]> {
  const named = (excluded: boolean): string =>
    missing
      .filter((one) => one.excluded === excluded)
      .map(({ specification }) => specification)
      .join(', ');
  const unknown = call.wanted.filter(({ specification, version }) => {
    return version !== undefined && missing.some((one) => !one.excluded && one.specification === specification);
  });
  return [
    ...(named(true) === '' ? [] : [`held back by an exclude or a version lock: ${named(true)}`]),
    ...(named(false) === '' ? [] : [`not found: ${named(false)}`]),
    ...(await describeVersions(call, unknown, world)),
  ];
}

/** `of NAME there is 1.0-1, 2.0-1`, as the tool lists them, for the packages of which the repositories have others. */
async function describeVersions(
  { program, tool }: Call,
  wanted: readonly Wanted[],
  world: World,
): Promise<readonly string[]> {
  const names = namesOf(wanted.map(({ request }) => request));
  if (names.length === 0) return [];
  const { stdout } = await world.system.exec.tool(tool.list(program, names), tool.env && { env: tool.env });
  return [...tool.parseList(stdout)].map(([name, versions]) => `of ${name} there is ${listed(versions)}`);
}

/** Of a long list both ends: some tools list the newest first, and others last. */
function listed(versions: readonly string[]): string {
  const half = MOST_VERSIONS / 2;
  const shown =
    versions.length <= MOST_VERSIONS ? versions : [...versions.slice(0, half), '...', ...versions.slice(-half)];
  return shown.join(', ');
}

/** True when a version was asked for and the package is there in another one, under its own name. */
function isThereInAnother({ request, version }: Wanted, installed: InstalledRpms): boolean {
  const present = installed.get(request.name) ?? [];
  return (
    version !== undefined &&
    present.some(({ providedVersion }) => providedVersion === undefined) &&
    !isMetBy(request, installed)
  );
}

/** A name under which nothing is installed has changed when something has changed that belongs to no other name. */
async function changedNames(
  names: readonly string[],
  before: Known,
  after: InstalledRpms,
  { output }: ToolResult,
  world: World,
): Promise<readonly string[]> {
  const of = (installed: InstalledRpms, name: string): string[] => (installed.get(name) ?? []).map(identityOf).sort();
  const isFound = (name: string): boolean => before.installed.has(name) || after.has(name);
  const hasUnclaimed = async ({ all }: Known): Promise<boolean> => {
    // Rare: dnf5 has taken the name for that of a program. Its words cannot tell which name a package came for.
    if (all === undefined) return !/\bNothing to do\b/.test(output);
    const now = await allRpms(world);
    const claimed = new Set(names.flatMap((name) => [...of(before.installed, name), ...of(after, name)]));
    const changed = [...all.keys(), ...now.keys()].filter((identity) => !all.has(identity) || !now.has(identity));
    return changed.some((identity) => !claimed.has(identity));
  };
  const isOpenChanged = names.every(isFound) ? false : await hasUnclaimed(before);
  return names.filter((name) =>
    isFound(name) ? of(before.installed, name).join() !== of(after, name).join() : isOpenChanged,
  );
}

function refuseAddresses(manager: string, requests: readonly PackageRequest[]): void {
  for (const { name, versions } of requests) {
    if (!versions.some(isAddress)) continue;
    throw new Problem(`${manager} takes versions of ${name}, not a URL or path`, {
      where: `packages ${manager}`,
      hint: 'list the package under rpm',
    });
  }
}
