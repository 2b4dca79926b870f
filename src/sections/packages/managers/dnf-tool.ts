import { lastLine } from '../../../errors.ts';
import { splitArchitecture } from './rpm-database.ts';
import {
  allMatches,
  describeScripts,
  failedScripts,
  isRpmLocked,
  type RepositoryTool,
  shorten,
  type Unavailable,
} from './rpm-tool.ts';

/** Otherwise it would wait for its own lock forever. yum 3, dnf 4 and dnf5 all accept the option. */
const OPTIONS = ['-y', '--setopt=exit_on_lock=1'];
const MOST_LINES = 4;

/** dnf 4 and dnf5, and yum 3 of CentOS 7 but for yum3Tool: they differ in what they print and in little else that is used here. */
export const dnfTool: RepositoryTool = {
  signs: { isLocked, failingRepository },

  specification(name, version) {
    if (version === undefined) return name;
    const [base, architecture] = splitArchitecture(name);
    if (architecture === undefined) return `${name}-${version}`;
    return `${base}-${version}${version.includes('-') ? '' : '-*'}.${architecture}`;
  },

  // No `--` before the names: dnf5 does not know it.
  install: (program, specifications) => [program, ...OPTIONS, 'install', ...specifications],
  downgrade: (program, specifications) => [program, ...OPTIONS, 'downgrade', ...specifications],
  // Not `--refresh`, which yum 3 does not have.
  refresh: (program) => [program, ...OPTIONS, 'clean', 'expire-cache'],
  list: (program, names) => [program, ...OPTIONS, '-C', '-q', 'list', '--showduplicates', ...names],
  parseList,
  isDone: (exitCode) => exitCode === 0,
  unavailable,
  isIndexOld: (output) =>
    unavailable(output).some(({ excluded }) => !excluded) || /\b404\b[^\n]*\.rpm|\.rpm[^\n]*\b404\b/.test(output),

  complaints(output) {
    const scripts = describeScripts(output);
    const found = [
      ...(scripts === undefined ? [] : [scripts]),
      ...describeRepositories(output),
      ...describeSignatures(output),
      ...describeDownloads(output),
    ];
    return found.length > 0 || unavailable(output).length > 0 ? found : [describeErrors(output)];
  },

  warnings({ output }) {
    return [
      ...failedScripts(output, 'warning').map(({ script, rpm }) => `the script ${script} of ${rpm} failed`),
      ...allMatches(output, /^Ignoring repositories: (.+)$/gm).map((names) => `repositories left out: ${names}`),
    ];
  },
};

/** What else can be wrong when a package file is installed already. */
const FAULTS = /Cannot open|Cannot add package|Cannot install package|No package/;

/** yum 3 where it is other than dnf, and the difference can be told beforehand or from its exit code alone. */
export const yum3Tool: RepositoryTool = {
  ...dnfTool,

  /** It accepts an epoch only together with release and architecture, or with patterns of these. */
  specification(name, version) {
    const word = dnfTool.specification(name, version);
    if (version?.includes(':') !== true) return word;
    if ([name, version].some((text) => splitArchitecture(text)[1] !== undefined)) return word;
    return `${word}${version.includes('-') ? '.*' : '-*'}`;
  },

  /** With a package file that is installed already it has nothing to do, which it calls an error. */
  isDone: (exitCode, output = '') =>
    dnfTool.isDone(exitCode) ||
    (/^Error: Nothing to do$/m.test(output) &&
      /does not update installed package/.test(output) &&
      !FAULTS.test(output)),
};

function isLocked(output: string): boolean {
  return (
    isRpmLocked(output) ||
    /^\S+ already locked by \d+|holding the yum lock|^Existing lock \S+: another copy|Failed to obtain lock/m.test(
      output,
    )
  );
}

/** A repository whose failure may be temporary. A page that is not found will not be found by asking again. */
function failingRepository(output: string): string | undefined {
  const repository = unreadRepositories(output)[0] ?? failedDownloads(output)[0];
  if (repository === undefined) return undefined;
  const codes = allMatches(output, /(?:Status code:|HTTP Error) (\d{3})/g).map(Number);
  const isPassing = codes.length === 0 || codes.some((code) => code >= 500 || code === 408 || code === 429);
  return isPassing || /Curl error|curl#\d/.test(output) ? repository : undefined;
}

function unreadRepositories(output: string): readonly string[] {
  return [
    ...allMatches(output, /Failed to download metadata for repo '([^']+)'/g),
    ...allMatches(output, /Failed to download metadata \([^\n]*?\) for repository "([^"]+)"/g),
    ...allMatches(output, /^failure: \S+ from ([^:\s]+): \[Errno 256\]/gm),
    ...allMatches(output, /Cannot find a valid baseurl for repo: (\S+)/g),
  ];
}

/** The addresses of packages that failed to download. */
function failedDownloads(output: string): readonly string[] {
  if (!/Error downloading packages|Failed to download packages|No more mirrors to try/.test(output)) return [];
  return allMatches(output, /(?:Status code: \d{3}|Curl error \(\d+\):[^\n]*?) for (https?:\/\/\S+)/g);
}

function unavailable(output: string): readonly Unavailable[] {
  const missing = [
    ...allMatches(output, /No match for argument: (.+?)\s*$/gm),
    ...allMatches(output, /^No package (\S+) available\.?$/gm),
    ...allMatches(output, /^Module or Group '(.+)' is not available\.$/gm).map((group) => `@${group}`),
    ...allMatches(output, /^Warning: (?:Package |Environment )?group(?:\/environment)? (\S+) does not exist\.$/gim).map(
      (group) => `@${group}`,
    ),
  ].map((specification) => ({ specification, excluded: false }));
  const excluded = [
    ...allMatches(output, /All matches were filtered out by (?:exclude|modular) filtering for argument: (.+?)\s*$/gm),
    ...allMatches(output, /Argument '(.+)' matches only (?:excluded packages|packages excluded by versionlock)/g),
  ].map((specification) => ({ specification, excluded: true }));
  return [...missing, ...excluded];
}

function describeRepositories(output: string): readonly string[] {
  const reasons = [
    ...allMatches(output, /^(?:\s+- |>>> )((?:Curl error|Status code:|No more mirrors)[^\n]*)$/gm),
    ...allMatches(output, /(\[Errno 14\] [^\n]*)/g),
  ];
  const reason = reasons[0] === undefined ? '' : ` (${reasons[0]})`;
  return unreadRepositories(output).map((name) => `the repository ${name} cannot be read${reason}`);
}

function describeSignatures(output: string): readonly string[] {
  const unsigned = allMatches(output, /^Package (\S+) is not signed$/gm).map((rpm) => `${rpm} is not signed`);
  const unknown = allMatches(output, /^(Public key for \S+ is not (?:installed|trusted))/gm);
  const keyless = allMatches(output, /^Problem repository: \[(.+)\]$/gm).map(
    (name) => `the repository ${name} has gpgcheck but no gpgkey, and no key is installed`,
  );
  const checks = [
    ...output.matchAll(/OpenPGP check for package "(.+?)" \(.*?\) from repo "(.+?)" has failed: (.+?)\.?$/gm),
  ];
  const failed = checks.map(
    ([, rpm, repository, reason]) => `the check of ${rpm} from ${repository} failed: ${reason}`,
  );
  const found = [...unsigned, ...unknown, ...keyless, ...failed];
  if (found.length > 0) return [shorten(found)];
  return /GPG check FAILED|Signature verification failed/.test(output)
    ? [shorten(['the signature check failed', ...errorLines(output).slice(0, 2)])]
    : [];
}

function describeDownloads(output: string): readonly string[] {
  const failed = failedDownloads(output);
  if (failed.length === 0 || unreadRepositories(output).length > 0) return [];
  const packages = allMatches(output, /^ {2}(\S+): Cannot download, /gm);
  return [`${packages.length === 0 ? 'packages' : shorten(packages)} cannot be downloaded from ${shorten(failed, 2)}`];
}

function describeErrors(output: string): string {
  const lines = errorLines(output);
  return lines.length === 0 ? lastLine(output) : shorten(lines, MOST_LINES);
}

/** What follows `Error:`, its advice on flags left out. */
function errorLines(output: string): readonly string[] {
  const lines = output.split('\n');
  const from = lines.findIndex((line) => /^(?:Error:|Failed to resolve the transaction|Transaction failed)/.test(line));
  if (from === -1) return [];
  return lines
    .slice(from)
    .map((line) => line.replace(/^Error:/, '').trim())
    .filter((line) => line !== '' && !/^\(?(?:try to add|You could try|You can try)|^--|:$/.test(line));
}

/** `NAME.ARCH  [EPOCH:]VERSION-RELEASE  REPOSITORY`, broken over lines by yum 3 where it is long. */
function parseList(stdout: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [, name = '', version = ''] of stdout.matchAll(/^(\S+)\.\w+\s+(\S*\d\S*-\S+)\s+\S+/gm)) {
    const versions = found.get(name) ?? [];
    if (!versions.includes(version)) found.set(name, [...versions, version]);
  }
  return found;
}
