import { Problem } from '../../../errors.ts';
import type { Environment, ToolResult } from '../../../system/programs/exec.ts';
import { withoutUserInfo } from '../../../url.ts';
import type { World } from '../../step.ts';
import { callPackageTool, packageToolProblem, type ToolSigns } from '../package-tool.ts';
import { withRequirements } from './pip-requirements.ts';

type Command = readonly [string, ...string[]];

const OPTIONS = ['--disable-pip-version-check', '--no-input'];
const SYSTEM_PYTHON = '/usr/bin/python3';
/** Milliseconds that pip has for an answer: it reads the files of each package, at a first boot from a slow disk. */
const ANSWER_TIME = 120_000;
const DEFAULT_INDEX = 'https://pypi.org/simple';
/** What pip says of a server that does not answer, or answers 5xx. After that an index just looks empty to it. */
const FAILURE = /Retrying \(Retry\(|Max retries exceeded|HTTP error 5\d\d|ReadTimeoutError|IncompleteRead/;

/**
 * Runs a pip command that only reads.
 * @returns undefined where there is no pip
 */
export async function askPip(
  [verb, ...args]: readonly [string, ...string[]],
  world: World,
): Promise<ToolResult | undefined> {
  const result = await withPip(world, (command) =>
    world.system.exec.query([...command, verb, ...OPTIONS, ...args], {
      // What only looks leaves nothing behind, not even Python's own cache.
      env: { ...environment(world), PYTHONDONTWRITEBYTECODE: '1' },
      timeout: ANSWER_TIME,
    }),
  );
  return result === undefined || isPipMissing(result) ? undefined : result;
}

/**
 * Runs `pip install`. Where the distribution marks its Python as its own (PEP 668), pip refuses before it has done anything,
 * unless it is told otherwise: the metadata asks for the packages of this very machine. It is told by its environment, since a
 * pip that knows no such mark would not know the option `--break-system-packages` either.
 * @param options besides the usual ones
 * @throws Problem that names the package or the index
 */
export async function pipInstall(
  requirements: readonly string[],
  world: World,
  options: readonly string[] = [],
): Promise<void> {
  const result = await withRequirements(requirements, world, async ({ args, env }) => {
    const installAnyway = (): Promise<ToolResult> => {
      world.log.info('this Python belongs to the distribution (PEP 668): pip goes on, as with --break-system-packages');
      return install([...options, ...args], { ...env, PIP_BREAK_SYSTEM_PACKAGES: '1' }, world);
    };
    if (isSystemPythonMarked(world)) return installAnyway();
    const first = await install([...options, ...args], env, world);
    if (first.exitCode === 0 || !/^error: externally-managed-environment/m.test(first.output)) return first;
    return installAnyway();
  });
  if (isPipMissing(result)) throw pipMissing();
  if (result.exitCode !== 0)
    throw packageToolProblem({ manager: 'python', command: ['pip'] }, result, parsePipErrors(result.output));
}

/** Whether the mark is where distributions put it, for a pip of theirs. Elsewhere pip has to refuse first. */
function isSystemPythonMarked(world: World): boolean {
  const { exec, files } = world.system;
  const program = exec.find(pipProgram(world) ?? python(world) ?? '');
  if (program?.startsWith('/usr/bin/') !== true || files.entry(SYSTEM_PYTHON)?.kind !== 'symlink') return false;
  const [version] = /python3\.\d+$/.exec(files.linkTarget(SYSTEM_PYTHON)) ?? [];
  if (version === undefined) return false;
  return ['lib', 'lib64'].some((library) => files.entry(`/usr/${library}/${version}/EXTERNALLY-MANAGED`) !== undefined);
}

/**
 * Runs `pip install` so that it installs the sources even if their versions are installed already. What they need has been
 * installed before.
 * @throws Problem as pipInstall does
 */
export async function pipReinstall(sources: readonly string[], world: World): Promise<void> {
  await pipInstall(sources, world, ['--force-reinstall', '--no-deps']);
}

async function install(args: readonly string[], env: Environment, world: World): Promise<ToolResult> {
  const result = await withPip(world, (command) =>
    callPackageTool(
      {
        manager: 'python',
        command: [...command, 'install', ...OPTIONS, ...args],
        env: { ...environment(world), ...env },
        signs,
      },
      world,
    ),
  );
  if (result === undefined) throw pipMissing();
  return result;
}

/**
 * The highest of several versions, by the judgement of pip's own library (PEP 440).
 * @throws Problem when one of them is no version
 */
export async function highestPythonVersion(name: string, versions: readonly string[], world: World): Promise<string> {
  const [first = '', ...rest] = versions;
  if (rest.length === 0) return first;
  const script = [
    'import sys',
    'try: from pip._vendor.packaging.version import Version',
    'except ImportError: from packaging.version import Version',
    'print(max(sys.argv[1:], key=Version))',
  ].join('\n');
  const interpreter = python(world) ?? 'python3';
  let output = '';
  for (const isolation of ISOLATION) {
    const result = await world.system.exec.query([interpreter, ...isolation, '-c', script, ...versions]);
    const highest = result.stdout.trim();
    if (result.exitCode === 0 && versions.includes(highest)) return highest;
    output = result.output;
    if (!/No module named/.test(output)) break;
  }
  throw new Problem(`cannot tell which is the highest of ${versions.join(', ')}`, {
    where: `packages python ${name}`,
    hint: 'list one version',
    output,
  });
}

/**
 * Isolated first: without PYTHON variables, the user's site and the directory that Python is called in. Then as it is, for a
 * pip that only the user's site or PYTHONPATH has. Both run in `/`, as every tool does.
 */
const ISOLATION = [['-I'], []] as const;

/**
 * Calls pip. The system's own first: what is installed must not depend on whose shell, with whose virtual environment,
 * called us.
 * @returns what the first call returns that finds a pip, or the last one; undefined where there is no Python
 */
async function withPip(world: World, call: (command: Command) => Promise<ToolResult>): Promise<ToolResult | undefined> {
  const program = pipProgram(world);
  if (program !== undefined) return call([program]);
  const interpreter = python(world);
  if (interpreter === undefined) return undefined;
  let result: ToolResult | undefined;
  for (const isolation of ISOLATION) {
    result = await call([interpreter, ...isolation, '-m', 'pip']);
    if (!isPipMissing(result)) break;
  }
  return result;
}

function pipProgram({ system: { exec } }: World): string | undefined {
  return ['/usr/bin/pip3', '/usr/bin/pip', 'pip3', 'pip'].find((name) => exec.find(name) !== undefined);
}

/** The interpreter beside pip, or the system's. */
function python(world: World): string | undefined {
  const { exec } = world.system;
  const program = exec.find(pipProgram(world) ?? SYSTEM_PYTHON);
  const beside = program?.replace(/[^/]*$/, 'python3');
  return [...(beside === undefined ? [] : [beside]), 'python3'].find((name) => exec.find(name) !== undefined);
}

/** What the caller has set stays. pip's five attempts take minutes at a dead index, and the call is repeated anyway. */
function environment({ system }: World): Environment {
  const ours = { PIP_ROOT_USER_ACTION: 'ignore', PIP_RETRIES: '1' };
  return Object.fromEntries(Object.entries(ours).filter(([name]) => system.environment[name] === undefined));
}

const signs: ToolSigns = {
  isLocked: () => false, // pip has no lock
  failingRepository: parseFailingIndex,
};

function isPipMissing({ exitCode, output }: ToolResult): boolean {
  return exitCode !== 0 && /No module named '?pip\b/.test(output);
}

function pipMissing(): Problem {
  return new Problem('pip is not installed', {
    where: 'packages python',
    hint: 'install it first, by python3-pip under apt, yum, dnf or zypper, py3-pip under apk, or python-pip under pacman',
  });
}

/** The index, or the server of a URL, that did not answer; without credentials. */
export function parseFailingIndex(output: string): string | undefined {
  if (!FAILURE.test(output)) return undefined;
  const [, url] = /HTTP error 5\d\d while getting (\S+)/.exec(output) ?? [];
  if (url !== undefined) return withoutUserInfo(url);
  const [, kind, host, port] = /(HTTPS?)ConnectionPool\(host='([^']+)', port=(\d+)\)/.exec(output) ?? [];
  if (kind !== undefined) return `${kind.toLowerCase()}://${host}:${port}`;
  const [, indexes] = /^Looking in indexes: (.+)$/m.exec(output) ?? [];
  return indexes === undefined ? DEFAULT_INDEX : withoutUserInfo(indexes);
}

/** What pip says is wrong, in one line: its lines of errors, and the index if that is to blame. */
export function parsePipErrors(output: string): string | undefined {
  const lines = [...output.matchAll(/^ *error: (.+)$/gim)].map(([, line = '']) => withoutUserInfo(line.trim()));
  const errors = [...new Set(lines)]
    .filter((line, _, all) => !(line.startsWith('No matching distribution found') && all.length > 1))
    .slice(0, 3);
  const index = parseFailingIndex(output);
  if (index !== undefined) {
    const [, why] = /\[Errno -?\d+\] ([^'"()]+)|too many (\d+ error responses)/.exec(output) ?? [];
    errors.unshift(`${index} cannot be reached${why === undefined ? '' : ` (${why.trim()})`}`);
  }
  if (errors.length === 0) return undefined;
  const text = errors.join('; ');
  return text.length > 600 ? `${text.slice(0, 600)}...` : text;
}
