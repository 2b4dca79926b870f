import type { PackageManagerName } from '../../../config/config.ts';
import type { ToolResult } from '../../../system/programs/exec.ts';
import type { World } from '../../step.ts';
import { callPackageTool, packageToolProblem } from '../package-tool.ts';
import {
  aptSigns,
  explainFailure,
  type FetchFailure,
  isIndexOld,
  isInterrupted,
  parseFetchFailures,
  removedPackages,
} from './apt-output.ts';

/** Nobody can answer questions: configuration files that were changed are kept, and no services are restarted. */
const QUIET = {
  DEBIAN_FRONTEND: 'noninteractive',
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_SUSPEND: '1',
};
const KEEP_CONFIGURATION = ['--force-confdef', '--force-confold'];
const OPTIONS = [
  '-y',
  '-q',
  ...KEEP_CONFIGURATION.flatMap((option) => ['-o', `Dpkg::Options::=${option}`]),
  // An unknown name must not be used as a regular expression.
  ...['-o', 'APT::Cmd::Pattern-Only=true'],
  // We try again ourselves, with longer pauses.
  ...['-o', 'Acquire::Retries=1'],
];

/**
 * Runs `apt-get install` with package names, `name=version` and paths of package files. What an interrupted dpkg left
 * is finished first. Files that the mirror no longer has, and unknown dependencies, mean that the index is old: it is updated.
 * Each of these is done once.
 * @param manager as the metadata names it, for messages
 * @param options in addition to those of every call
 * @throws Problem that names what is not available
 */
export async function installWithAptGet(
  manager: PackageManagerName,
  options: readonly string[],
  packages: readonly string[],
  world: World,
): Promise<void> {
  const remedies = [
    { helps: isInterrupted, apply: () => finishInterrupted(manager, world) },
    {
      helps: isIndexOld,
      apply: async () => {
        world.log.info("apt's index is old, updating it");
        warnOfFailures(await updateIndex(manager, world), world);
      },
    },
  ];
  for (;;) {
    const result = await aptGet(manager, ['install', ...options, '--', ...packages], world);
    if (result.exitCode === 0) {
      const removed = removedPackages(result.output);
      if (removed.length > 0) world.log.warning(`apt-get removed conflicting packages: ${removed.join(', ')}`);
      return;
    }
    const remedy = remedies.find(({ helps }) => helps(result.output));
    if (remedy === undefined)
      throw packageToolProblem({ manager, command: ['apt-get'] }, result, explainFailure(result.output));
    remedies.splice(remedies.indexOf(remedy), 1);
    await remedy.apply();
  }
}

/**
 * Runs `apt-get update`, which ignores what it cannot fetch.
 * @returns what could not be fetched
 */
export async function updateIndex(manager: PackageManagerName, world: World): Promise<readonly FetchFailure[]> {
  const { exitCode, output } = await aptGet(manager, ['update'], world, {
    ...aptSigns,
    failingRepository: () => undefined,
  });
  const failures = parseFetchFailures(output);
  if (exitCode !== 0 && failures.length === 0)
    world.log.warning(`apt-get update ended with exit code ${exitCode}: ${explainFailure(output)}`);
  return failures;
}

/** A repository that is not needed for the requests must not stop them. */
export function warnOfFailures(failures: readonly FetchFailure[], { log }: World): void {
  for (const { repository, reason } of failures)
    log.warning(`the repository ${repository} could not be read: ${reason}: going on without it`);
}

/** Installs package files where there is no apt-get, which could download their dependencies. */
export async function installWithDpkg(paths: readonly string[], world: World): Promise<void> {
  await dpkg(['--install', '--', ...paths], 'dpkg', world);
}

async function finishInterrupted(manager: PackageManagerName, world: World): Promise<void> {
  world.log.info('dpkg was interrupted earlier, running dpkg --configure -a');
  await dpkg(['--configure', '-a'], manager, world);
}

async function dpkg(args: readonly string[], manager: PackageManagerName, world: World): Promise<void> {
  const command = ['dpkg', ...KEEP_CONFIGURATION, ...args] as const;
  const result = plainResult(await callPackageTool({ manager, command, env: QUIET, signs: aptSigns }, world));
  if (result.exitCode !== 0) throw packageToolProblem({ manager, command }, result, explainFailure(result.output));
}

/** apt can wait for dpkg's lock itself, but not for that of its package lists, and old versions for neither: so we wait. */
async function aptGet(
  manager: PackageManagerName,
  args: readonly string[],
  world: World,
  signs = aptSigns,
): Promise<ToolResult> {
  const command = ['apt-get', ...OPTIONS, ...args] as const;
  return plainResult(await callPackageTool({ manager, command, env: QUIET, signs }, world));
}

/** apt runs dpkg on a terminal of its own: with carriage returns, and progress that is written over. */
function plainResult(result: ToolResult): ToolResult {
  return { ...result, output: result.output.replaceAll('\r\n', '\n').replace(/[^\n]*\r/g, '') };
}
