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

const NOBODY_THERE = '--non-interactive';
/** Exit codes from here on say that all went well but for something worth knowing (zypper's manual, EXIT CODES). */
const REBOOT_NEEDED = 102;
const RESTART_NEEDED = 103;
const REPOSITORIES_SKIPPED = 106;
const SCRIPT_FAILED = 107;

export const zypperTool: RepositoryTool = {
  // We do the waiting: a lock that is in use is to be told at once.
  env: { ZYPP_LOCK_TIMEOUT: '0' },
  signs: {
    isLocked: (output) => isRpmLocked(output) || /System management is locked by the application/.test(output),
    troubledRepository,
  },

  specification: (name, version) => (version === undefined ? name : `${name}=${version}`),
  install: (program, specifications) => [
    program,
    NOBODY_THERE,
    'install',
    '--auto-agree-with-licenses',
    '--oldpackage',
    '--',
    ...specifications,
  ],
  refresh: (program) => [program, NOBODY_THERE, 'refresh'],
  list: (program, names) => [
    program,
    NOBODY_THERE,
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

/** Only where something could not be had does a repository matter. Files zypper itself asks for again, for two minutes. */
function troubledRepository(output: string): string | undefined {
  const isMissed = unavailable(output).length > 0 || /is not available in your repositories/.test(output);
  const isPassing = /temporarily unacc?essible|Download \(curl\) error|Connection failed|Timeout exceeded/.test(output);
  return isMissed && isPassing ? skippedRepositories(output)[0] : undefined;
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
