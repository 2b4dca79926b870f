import type { PackageRequest } from '../../../config/config.ts';
import type { ToolResult } from '../../../system/programs/exec.ts';
import { withoutUserInfo } from '../../../url.ts';
import type { World } from '../../step.ts';
import { changedNames, namesOf, type PackageManager, requireVersions } from '../manager.ts';
import { callPackageTool, notInstalled, packageToolProblem, type ToolSigns } from '../package-tool.ts';

/**
 * Alpine's packages. If any of a list of versions is installed, that is enough; else the highest comes. A version that was
 * asked for stays pinned in /etc/apk/world, as apk does it.
 */
export const apk: PackageManager<InstalledVersions> = {
  name: 'apk',

  async inspect(requests, world) {
    requireVersions('apk', requests);
    const found = await installedByApk(requests, world);
    const missing = requests.filter(({ name, versions }) => {
      const present = found.get(name);
      return present === undefined || (versions.length > 0 && !versions.includes(present));
    });
    return { missing, found };
  },

  async apply({ missing, found: before }, world) {
    if (world.system.exec.find('apk') === undefined) throw notInstalled('apk');
    const specifications: string[] = [];
    for (const request of missing) specifications.push(await specificationOf(request, world));
    const { stdout } = await addPatiently(specifications, world);
    // Its own words would do, but it can be told to be quiet, in its configuration.
    const after = await installedByApk(missing, world);
    const isNew = /^\(\d+\/\d+\) (?:Installing|Upgrading|Downgrading|Replacing)/m.test(stdout);
    return changedNames(namesOf(missing), before, after, isNew);
  },
};

/** The versions that are installed, by name. */
type InstalledVersions = ReadonlyMap<string, string>;

/** Runs `apk add`. A package or version that apk does not know, or whose file has gone, means an old index: it is updated once. */
async function addPatiently(specifications: readonly string[], world: World): Promise<ToolResult> {
  const add = ['add', '--no-progress', '--', ...specifications];
  let result = await call(add, world);
  let said = result.output;
  // A repository that is down has been tried patiently by now.
  if (result.exitCode !== 0 && isIndexOld(result.output) && parseFailingRepository(result.output) === undefined) {
    world.log.info('apk does not know all packages, updating its index');
    const update = await call(['update', '--no-progress'], world);
    if (update.exitCode !== 0)
      world.log.warning(`apk update ended with exit code ${update.exitCode}: ${parseApkErrors(update.output)}`);
    result = await call(add, world);
    said = `${result.output}\n${update.exitCode === 0 ? '' : update.output}`;
  }
  if (result.exitCode === 0) return result;
  throw packageToolProblem({ manager: 'apk', command: ['apk'] }, result, parseApkErrors(said));
}

function call(args: readonly string[], world: World): Promise<ToolResult> {
  return callPackageTool({ manager: 'apk', command: ['apk', ...args], signs }, world);
}

/** The version of each request that is installed, asked of apk in one query. */
async function installedByApk(requests: readonly PackageRequest[], { system }: World): Promise<InstalledVersions> {
  if (requests.length === 0 || system.exec.find('apk') === undefined) return new Map();
  const names = namesOf(requests);
  // The exit code only counts those that are not there.
  const { stdout } = await system.exec.query([
    'apk',
    'info',
    '--installed',
    '--verbose',
    '--',
    ...names.map(withoutTag),
  ]);
  const versions = parseInstalled(stdout);
  return new Map(
    names.flatMap((name) => {
      const version = versions.get(withoutTag(name));
      return version === undefined ? [] : [[name, version] as const];
    }),
  );
}

/** Reads lines `NAME-VERSION`, where a version begins with a digit and ends in `-rN`, or has no `-`. */
export function parseInstalled(text: string): InstalledVersions {
  const lines = [...text.matchAll(/^(\S+?)-(\d[^\s-]*(?:-r\d+)?)$/gm)];
  return new Map(lines.map(([, name = '', version = '']) => [name, version] as const));
}

async function specificationOf({ name, versions }: PackageRequest, world: World): Promise<string> {
  let [highest, ...others] = versions;
  for (const version of others) {
    // apk's own judgement: it prints <, = or >.
    const { stdout } = await world.system.exec.query(['apk', 'version', '--test', '--', version, highest ?? '']);
    if (stdout.trim() === '>') highest = version;
  }
  return highest === undefined ? name : `${name}=${highest}`;
}

/** A name may carry the tag of a repository, `nginx@edge`. */
function withoutTag(name: string): string {
  return name.replace(/@.*$/, '');
}

/** libc and apk have several words for it. A lock file that cannot be made is another matter. */
const LOCKED = /Unable to lock database: (?:resource )?(?:temporar|try again)/i;
const FAILURE =
  /could not connect|connection (?:refused|reset|timed out|aborted)|operation timed out|temporary error|DNS|network (?:error|unreachable|is unreachable)|host (?:is )?unreachable|HTTP 5\d\d|I\/O error|unexpected end of file/i;

const signs: ToolSigns = {
  isLocked: (output) => LOCKED.test(output),
  failingRepository: parseFailingRepository,
};

/** The repository that did not answer; apk names only the package when it was the file of one that did not come. */
export function parseFailingRepository(output: string): string | undefined {
  if (LOCKED.test(output)) return undefined;
  for (const [, url = '', why = ''] of output.matchAll(/^WARNING: (?:.* )?(https?:\/\/\S+): (.*)$/gm))
    if (FAILURE.test(why)) return withoutUserInfo(url);
  for (const [, name, why = ''] of output.matchAll(/^ERROR: (\S+): (.*)$/gm))
    if (FAILURE.test(why)) return `of ${name}`;
  return undefined;
}

function isIndexOld(output: string): boolean {
  return /no such package|breaks: world\[|mentioned in index not found|HTTP 404|remote server returned error/.test(
    output,
  );
}

/** What apk says is wrong, in one line: its errors with the lines indented below, and the repositories that fail. */
export function parseApkErrors(output: string): string | undefined {
  const errors: string[] = [];
  for (const line of output.split('\n')) {
    const [, text] = /^(?:ERROR|WARNING): (.*)$/.exec(line) ?? [];
    if (text !== undefined) {
      if (line.startsWith('ERROR') || FAILURE.test(text)) errors.push(withoutUserInfo(text));
    } else if (line.startsWith('  ') && errors.length > 0) errors.push(`${errors.pop()} ${line.trim()}`);
  }
  const text = [...new Set(errors)].slice(0, 4).join('; ');
  if (text === '') return undefined;
  return text.length > 600 ? `${text.slice(0, 600)}...` : text;
}
