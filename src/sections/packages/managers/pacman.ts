import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import type { ToolResult } from '../../../system/programs/exec.ts';
import type { World } from '../../step.ts';
import { changedNames, namesOf, type PackageManager, requireVersions } from '../manager.ts';
import { callPackageTool, notInstalled, packageToolProblem, type ToolSigns } from '../package-tool.ts';
import {
  cachedFiles,
  groupMembers,
  installedByPacman,
  isVersion,
  repositoryVersions,
  versionOfFile,
} from './pacman-database.ts';

const OPTIONS = ['--noconfirm', '--noprogressbar', '--color', 'never'];

/** What pacman is to be called with. */
interface Transaction {
  /** `NAME`, `NAME=VERSION`. */
  readonly targets: readonly string[];
  /** Package files out of pacman's cache, for versions that no repository has any more. */
  readonly files: readonly string[];
  /** `NAME=VERSION (there is VERSION)`: what is not available. */
  readonly absent: readonly string[];
}

/** What pacman says of some requests. */
interface Known {
  /** The versions that are installed, by name. */
  readonly installed: ReadonlyMap<string, string>;
  /** The members of those names that are package groups. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  /** As installed, for the members. */
  readonly ofGroups: ReadonlyMap<string, string>;
}

/**
 * Arch's packages. A repository has one version of a package: of the versions asked for, the one that a repository has
 * is installed, else one that is still in pacman's cache. A name may be a group.
 */
export const pacman: PackageManager<Known> = {
  name: 'pacman',

  async inspect(requests, world) {
    requireVersions('pacman', requests);
    const installed = await installedByPacman(namesOf(requests), world);
    const found = { installed, ...(await groupsAmong(requests, installed, world)) };
    const missing = requests.filter(({ name, versions }) => {
      const present = installed.get(name);
      if (present !== undefined) return versions.length > 0 && !versions.some((wanted) => isVersion(present, wanted));
      return found.members.get(name)?.every((member) => found.ofGroups.has(member)) !== true;
    });
    return { missing, found };
  },

  async apply({ missing, found }, world) {
    if (world.system.exec.find('pacman') === undefined) throw notInstalled('pacman');
    const { stdout } = await installPatiently(missing, found, world);
    const names = namesOf(missing);
    // A read of its database as a rule. Its own words do not tell a package from one that another provides.
    const after = await installedByPacman(names, world);
    const isNew = /^(?:installing|upgrading|downgrading|reinstalling) /m.test(stdout);
    return changedNames(names, found.installed, after, isNew);
  },
};

/**
 * Installs. Where pacman's copy of the repositories' databases is too old for that, it is refreshed, once. Only then: it is
 * what the next full upgrade works with, and packages that come by it may need newer libraries than the machine has.
 */
async function installPatiently(requests: readonly PackageRequest[], known: Known, world: World): Promise<ToolResult> {
  let transaction = await transactionFor(requests, known, world);
  let result = transaction.absent.length > 0 ? undefined : await carryOut(transaction, world);
  let refresh: ToolResult | undefined;
  if (result === undefined || isCopyOld(result)) {
    world.log.info('pacman does not know all packages, refreshing its databases');
    refresh = await call(['-Sy', ...OPTIONS], world);
    if (refresh.exitCode !== 0)
      world.log.warning(`pacman -Sy ended with exit code ${refresh.exitCode}: ${parsePacmanErrors(refresh.output)}`);
    const { installed } = known;
    const groups = await groupsAmong(requests, installed, world);
    transaction = await transactionFor(requests, { installed, ...groups }, world);
    result = transaction.absent.length > 0 ? undefined : await carryOut(transaction, world);
  }
  if (result?.exitCode === 0) return result;
  const fromRefresh = refresh === undefined || refresh.exitCode === 0 ? [] : [parsePacmanErrors(refresh.output)];
  if (result === undefined)
    throw new Problem(`pacman cannot get ${transaction.absent.join(', ')}`, {
      where: 'packages pacman',
      hint: [...fromRefresh, 'ask for a version that is available, or for any'].join('; '),
    });
  throw packageToolProblem(
    { manager: 'pacman', command: ['pacman'] },
    result,
    [parsePacmanErrors(result.output), ...fromRefresh].filter((text) => text !== undefined).join('; ') || undefined,
  );
}

async function transactionFor(requests: readonly PackageRequest[], known: Known, world: World): Promise<Transaction> {
  const exact = requests.filter(({ versions }) => versions.length > 0);
  const offered = await repositoryVersions(namesOf(exact), world);
  // Members of a group that are installed are not changed: any version of them will do.
  const targets = requests
    .filter(({ versions }) => versions.length === 0)
    .flatMap(({ name }) => known.members.get(name)?.filter((member) => !known.ofGroups.has(member)) ?? [name]);
  const files: string[] = [];
  const absent: string[] = [];
  let kept: readonly string[] | undefined;
  for (const { name, versions } of exact) {
    const there = offered.get(name) ?? [];
    const version = there.find((candidate) => versions.some((wanted) => isVersion(candidate, wanted)));
    if (version !== undefined) {
      targets.push(`${name}=${version}`);
      continue;
    }
    kept ??= await cachedFiles(world);
    const file = kept.find((path) => versions.some((wanted) => isVersion(versionOfFile(path, name) ?? '', wanted)));
    if (file !== undefined) files.push(file);
    else
      absent.push(
        `${name}=${versions.join('|')} (${there.length === 0 ? 'no repository has it' : `there is ${there.join(', ')}`})`,
      );
  }
  return { targets, files, absent };
}

/** Names that are not installed as packages may be groups. */
async function groupsAmong(
  requests: readonly PackageRequest[],
  installed: ReadonlyMap<string, string>,
  world: World,
): Promise<Pick<Known, 'members' | 'ofGroups'>> {
  const open = requests.filter(({ name, versions }) => versions.length === 0 && !installed.has(name));
  const members = await groupMembers(namesOf(open), world);
  return { members, ofGroups: await installedByPacman([...members.values()].flat(), world) };
}

/** One transaction; a second one only where files of the cache are needed, which pacman takes by another verb. */
async function carryOut({ targets, files }: Transaction, world: World): Promise<ToolResult> {
  const first = targets.length === 0 ? undefined : await call(['-S', '--needed', ...OPTIONS, '--', ...targets], world);
  if (files.length === 0 || (first !== undefined && first.exitCode !== 0))
    return first ?? { exitCode: 0, stdout: '', output: '' };
  const second = await call(['-U', '--needed', ...OPTIONS, '--', ...files], world);
  return {
    ...second,
    stdout: `${first?.stdout ?? ''}\n${second.stdout}`,
    output: `${first?.output ?? ''}\n${second.output}`,
  };
}

function call(args: readonly string[], world: World): Promise<ToolResult> {
  return callPackageTool({ manager: 'pacman', command: ['pacman', ...args], signs }, world);
}

const signs: ToolSigns = { isLocked: isPacmanLocked, failingRepository: parseFailingMirror };

/**
 * True when another program holds pacman's lock. Installing says why the lock file could not be made; of `-Sy`, which does
 * not, it is assumed.
 */
export function isPacmanLocked(output: string): boolean {
  return /unable to lock database/.test(output) && !/could not lock database: (?!File exists)/.test(output);
}

/** The mirror that did not answer; one that has no such file does not fail, but is ahead of us. */
export function parseFailingMirror(output: string): string | undefined {
  for (const [, mirror, why = ''] of output.matchAll(/failed retrieving file '[^']+' from (.+) : (.*)$/gm))
    if (!/error: 4\d\d|Maximum file size exceeded|Couldn't open file/.test(why)) return mirror;
  return undefined;
}

function isCopyOld({ exitCode, output }: ToolResult): boolean {
  if (exitCode === 0 || parseFailingMirror(output) !== undefined) return false;
  return /target not found|failed retrieving file|unable to satisfy dependency/.test(output);
}

/** What pacman says is wrong, in one line: its lines of errors, and those that name the files in conflict. */
export function parsePacmanErrors(output: string): string | undefined {
  const errors = [
    ...output.matchAll(/^(?:error: (.+)|(\S+: \S+ exists in filesystem.*)|:: (.+ (?:in conflict|require).*))$/gm),
  ]
    .map(([, error, file, conflict]) => error ?? file ?? conflict ?? '')
    .slice(0, 4);
  return errors.length === 0 ? undefined : errors.join('; ');
}
