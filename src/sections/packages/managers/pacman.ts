import type { PackageRequest } from '../../../config/config.ts';
import { Problem } from '../../../errors.ts';
import type { ToolResult } from '../../../system/exec.ts';
import type { World } from '../../step.ts';
import type { PackageManager } from '../manager.ts';
import { callPackageTool, notInstalled, packageToolProblem, type ToolSigns } from '../package-tool.ts';
import {
  cachedFiles,
  groupMembers,
  installedByPacman,
  isVersion,
  repositoryVersions,
  versionOfFile,
} from './pacman-database.ts';
import { changedNames, requireVersions } from './versions-only.ts';

const OPTIONS = ['--noconfirm', '--noprogressbar', '--color', 'never'];

/** What pacman is to be called with. */
interface Plan {
  /** `NAME`, `NAME=VERSION`. */
  readonly targets: readonly string[];
  /** Package files out of pacman's cache, for versions that no repository has any more. */
  readonly files: readonly string[];
  /** `NAME=VERSION, there is VERSION`: what is nowhere to be had. */
  readonly absent: readonly string[];
}

/**
 * Arch's packages. A repository has one version of a package: of the versions asked for, the one that a repository has
 * is installed, else one that is still in pacman's cache. A name may be a group.
 */
export const pacman: PackageManager = {
  name: 'pacman',

  async missing(requests, world) {
    requireVersions('pacman', requests);
    const installed = await installedByPacman(
      requests.map(({ name }) => name),
      world,
    );
    const members = await membersOf(requests, installed, world);
    const ofGroups = await installedByPacman([...members.values()].flat(), world);
    return requests.filter(({ name, versions }) => {
      const present = installed.get(name);
      if (present !== undefined) return versions.length > 0 && !versions.some((wanted) => isVersion(present, wanted));
      return members.get(name)?.every((member) => ofGroups.has(member)) !== true;
    });
  },

  async install(requests, world) {
    if (world.system.exec.find('pacman') === undefined) throw notInstalled('pacman');
    const names = requests.map(({ name }) => name);
    const before = await installedByPacman(names, world);
    const { stdout } = await installPatiently(requests, before, world);
    const after = await installedByPacman(names, world);
    const changed = changedNames(names, before, after);
    // A group is no package itself: only its members can have come.
    const isNew = /^(?:installing|upgrading|downgrading|reinstalling) /m.test(stdout);
    return names.filter((name) => changed.includes(name) || (isNew && !after.has(name)));
  },
};

/**
 * Installs, and where pacman's picture of the repositories is too old for that, fetches it anew, once. Only then: it is
 * what the next full upgrade works with, and packages that come by it may need newer libraries than the machine has.
 */
async function installPatiently(
  requests: readonly PackageRequest[],
  installed: ReadonlyMap<string, string>,
  world: World,
): Promise<ToolResult> {
  let plan = await planFor(requests, installed, world);
  let result = plan.absent.length > 0 ? undefined : await carryOut(plan, world);
  let refresh: ToolResult | undefined;
  if (result === undefined || isPictureOld(result)) {
    world.log.info('pacman does not know all packages, refreshing its databases');
    refresh = await call(['-Sy', ...OPTIONS], world);
    if (refresh.exitCode !== 0)
      world.log.warning(`pacman -Sy ended with exit code ${refresh.exitCode}: ${parsePacmanErrors(refresh.output)}`);
    plan = await planFor(requests, installed, world);
    result = plan.absent.length > 0 ? undefined : await carryOut(plan, world);
  }
  if (result?.exitCode === 0) return result;
  const fromRefresh = refresh === undefined || refresh.exitCode === 0 ? [] : [parsePacmanErrors(refresh.output)];
  if (result === undefined)
    throw new Problem(`pacman cannot get ${plan.absent.join(', ')}`, {
      where: 'packages pacman',
      hint: [...fromRefresh, 'ask for a version that is there, or for any'].join('; '),
    });
  throw packageToolProblem(
    { manager: 'pacman', command: ['pacman'] },
    result,
    [parsePacmanErrors(result.output), ...fromRefresh].filter((text) => text !== undefined).join('; ') || undefined,
  );
}

async function planFor(
  requests: readonly PackageRequest[],
  installed: ReadonlyMap<string, string>,
  world: World,
): Promise<Plan> {
  const exact = requests.filter(({ versions }) => versions.length > 0);
  const offered = await repositoryVersions(
    exact.map(({ name }) => name),
    world,
  );
  const members = await membersOf(requests, installed, world);
  const present = await installedByPacman([...members.values()].flat(), world);
  // Members of a group that are installed are not changed: any version of them will do.
  const targets = requests
    .filter(({ versions }) => versions.length === 0)
    .flatMap(({ name }) => members.get(name)?.filter((member) => !present.has(member)) ?? [name]);
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
function membersOf(
  requests: readonly PackageRequest[],
  installed: ReadonlyMap<string, string>,
  world: World,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = requests.filter(({ name, versions }) => versions.length === 0 && !installed.has(name));
  return groupMembers(
    names.map(({ name }) => name),
    world,
  );
}

/** One transaction; a second one only where files of the cache are needed, which pacman takes by another verb. */
async function carryOut({ targets, files }: Plan, world: World): Promise<ToolResult> {
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

const signs: ToolSigns = { isLocked: isPacmanLocked, troubledRepository: parseTroubledMirror };

/**
 * True when another program holds pacman's lock. Installing says why the lock file could not be made; of `-Sy`, which does
 * not, it is assumed.
 */
export function isPacmanLocked(output: string): boolean {
  return /unable to lock database/.test(output) && !/could not lock database: (?!File exists)/.test(output);
}

/** The mirror that did not answer; one that has no such file does not fail, but is ahead of us. */
export function parseTroubledMirror(output: string): string | undefined {
  for (const [, mirror, why = ''] of output.matchAll(/failed retrieving file '[^']+' from (.+) : (.*)$/gm))
    if (!/error: 4\d\d|Maximum file size exceeded|Couldn't open file/.test(why)) return mirror;
  return undefined;
}

function isPictureOld({ exitCode, output }: ToolResult): boolean {
  if (exitCode === 0 || parseTroubledMirror(output) !== undefined) return false;
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
