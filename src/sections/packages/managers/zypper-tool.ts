import { lastLine } from '../../../errors.ts';
import {
  allMatches,
  describeScripts,
  failedScripts,
  isRpmLocked,
  type RepositoryTool,
  shorten,
  type Unavailable,
} from './rpm-tool.ts';

const NON_INTERACTIVE = '--non-interactive';
/** Exit codes from here on say that all went well but for something worth knowing (zypper's manual, EXIT CODES). */
const REBOOT_NEEDED = 102;
const RESTART_NEEDED = 103;
const REPOSITORIES_SKIPPED = 106;
const SCRIPT_FAILED = 107;

export const zypperTool: RepositoryTool = {
  // We wait ourselves: it is to say at once that a lock is in use.
  env: { ZYPP_LOCK_TIMEOUT: '0' },
  signs: {
    isLocked: (output) => isRpmLocked(output) || /System management is locked by the application/.test(output),
    failingRepository,
  },

  specification: (name, version) => (version === undefined ? name : `${name}=${version}`),
  install: (program, specifications) => [
    program,
    NON_INTERACTIVE,
    'install',
    '--auto-agree-with-licenses',
    '--oldpackage',
    '--',
    ...specifications,
  ],
  refresh: (program) => [program, NON_INTERACTIVE, 'refresh'],
  list: (program, names) => [
    program,
    NON_INTERACTIVE,
    '--no-refresh',
    'search',
    '--details',
    '--match-exact',
    '--type',
    'package',
    '--',
    ...names,
  ],
  parseList,
  isDone: (exitCode) => [0, REBOOT_NEEDED, RESTART_NEEDED, REPOSITORIES_SKIPPED, SCRIPT_FAILED].includes(exitCode),
  unavailable,
  isIndexOld: (output) => unavailable(output).length > 0 || /not found on medium/.test(output),

  complaints(output) {
    const scripts = describeScripts(output);
    const found = [
      ...(scripts === undefined ? [] : [scripts]),
      ...allMatches(output, /remove lock to allow (?:installation|removal) of (\S+?)(?:\[|\s|$)/g).map(
        (rpm) => `${rpm} is held by a lock of zypper: see zypper locks`,
      ),
      ...describeRepositories(output),
      ...describePackages(output),
    ];
    if (found.length > 0 || unavailable(output).length > 0) return [...new Set(found)];
    const problems = allMatches(output, /^Problem: (?:\d+: )?(.+)$/gm);
    return [problems.length === 0 ? lastLine(output) : shorten(problems)];
  },

  warnings({ exitCode, output }) {
    return [
      ...failedScripts(output, 'warning').map(({ script, rpm }) => `the script ${script} of ${rpm} failed`),
      ...(exitCode === REPOSITORIES_SKIPPED ? describeRepositories(output) : []),
    ];
  },
};

/** A repository matters only when something is missing. zypper itself tries to download files for two minutes. */
function failingRepository(output: string): string | undefined {
  const isMissing = unavailable(output).length > 0 || /is not available in your repositories/.test(output);
  const isPassing = /temporarily unacc?essible|Download \(curl\) error|Connection failed|Timeout exceeded/.test(output);
  return isMissing && isPassing ? skippedRepositories(output)[0] : undefined;
}

function skippedRepositories(output: string): readonly string[] {
  return allMatches(output, /Skipping repository '(.+)' because of the above error/g);
}

function unavailable(output: string): readonly Unavailable[] {
  return [
    ...allMatches(output, /^No provider of '(.+)' found\.$/gm),
    ...allMatches(output, /^Package '(.+)' not found\.$/gm),
  ].map((specification) => ({ specification, excluded: false }));
}

function describeRepositories(output: string): readonly string[] {
  const reason =
    /^Error message: (.+)$/m.exec(output)?.[1] ??
    /^ - (?:\[.*?\] )?(.+)$/m.exec(output)?.[1] ??
    /^\[.+?\|.+?\] (.+)$/m.exec(output)?.[1];
  return skippedRepositories(output).map(
    (name) => `the repository ${name} cannot be read${reason === undefined ? '' : ` (${reason})`}`,
  );
}

function describePackages(output: string): readonly string[] {
  return allMatches(
    output,
    /^(File '.+' not found on medium '.+'|Location '.+\.rpm' is temporarily unacc?essible\.|Package \S+ .*(?:not signed|[Ss]ignature verification failed).*|.*Package is not signed!.*)$/gm,
  );
}

/** A table: `S | Name | Type | Version | Arch | Repository`. */
function parseList(stdout: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [, name, type, version] = line.split('|').map((cell) => cell.trim());
    if (name === undefined || version === undefined || type !== 'package') continue;
    const versions = found.get(name) ?? [];
    if (!versions.includes(version)) found.set(name, [...versions, version]);
  }
  return found;
}
