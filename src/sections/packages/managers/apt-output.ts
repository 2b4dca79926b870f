import { lastLine } from '../../../errors.ts';
import { withoutUserInfo } from '../../../url.ts';
import type { ToolSigns } from '../package-tool.ts';

/** A file that apt could not fetch. */
export interface FetchFailure {
  /** The URL of the repository, without user and password. */
  readonly repository: string;
  readonly url: string;
  readonly reason: string;
  /** The answer itself was wrong (not found, or not what the index says), and not the connection. */
  readonly isFinal: boolean;
}

/** Longest hint, in lines of apt's. */
const MOST_LINES = 4;

/** How apt-get and dpkg say that another program holds a lock, and which. */
export const aptSigns: ToolSigns = {
  isLocked: (output) =>
    /^E: Could not get lock |^dpkg: error: .*\block.* (?:was |is )?(?:locked|held) by another process|^dpkg: error: .* is locked by another process/m.test(
      output,
    ),
  lockHolder: (output) => {
    const [, apt, dpkg] = /held by process (\d+(?: \([^)]*\))?)|another process with pid (\d+)/.exec(output) ?? [];
    const holder = apt ?? dpkg;
    return holder === undefined ? undefined : `process ${holder}`;
  },
  failingRepository: (output) => parseFetchFailures(output).find(({ isFinal }) => !isFinal)?.repository,
};

/** What `apt-get update` or `apt-get install` could not fetch. */
export function parseFetchFailures(output: string): readonly FetchFailure[] {
  const failures = new Map<string, FetchFailure>();
  for (const [, address = '', said = ''] of output.matchAll(/^[WE]: (?:Failed to fetch|GPG error:) (\S+) +(.*)$/gm))
    add(address, said);
  for (const [, address = '', said = ''] of output.matchAll(/^[WE]: The repository '(\S+) [^']*' (.*)$/gm))
    add(address, said);
  return [...failures.values()];

  function add(address: string, said: string): void {
    const url = withoutUserInfo(address);
    const reason = said
      .replace(/ *\[IP: [^\]]*\]/, '')
      .replace(/\s+/g, ' ')
      .trim();
    const isFinal =
      /^(?:404|403|401|410) |File not found|Hash Sum mismatch|unexpected size|is not signed|no longer signed|does not have a Release file|signatures? (?:couldn't|could not|were)/.test(
        reason,
      );
    if (!failures.has(url)) failures.set(url, { repository: repositoryOf(url), url, reason, isFinal });
  }
}

/** True when a new index may help: the present one names files that no longer exist, or lacks what is needed. */
export function isIndexOld(output: string): boolean {
  return (
    parseFetchFailures(output).some(({ isFinal }) => isFinal) ||
    /but it is not (?:installable|going to be installed)|Unable to locate package|has no installation candidate|^E: Version '.*' for '.*' was not found/m.test(
      output,
    )
  );
}

/** Whether apt-get refuses to work because dpkg was killed halfway. */
export function isInterrupted(output: string): boolean {
  return output.includes("you must manually run 'dpkg --configure -a'");
}

/** The packages that apt-get has removed because they conflict with others. */
export function removedPackages(output: string): readonly string[] {
  return blockAfter(output, /^The following packages will be REMOVED:$/m)
    .flatMap((line) => line.trim().split(/\s+/))
    .map((name) => name.replace(/\*$/, ''));
}

/** What failed, as far as apt-get and dpkg say it, with the packages and repositories that they name. */
export function explainFailure(output: string): string {
  const held = blockAfter(output, /^The following held packages will be changed:$/m).flatMap((line) =>
    line.trim().split(/\s+/),
  );
  if (held.length > 0 && output.includes('Held packages were changed'))
    return `held back: ${held.join(', ')}: apt-mark unhold ${held.join(' ')}, or ask for the version that is installed`;
  const broken = blockAfter(output, /^Errors were encountered while processing:$/m).map((line) => line.trim());
  if (broken.length > 0) {
    const reasons = [...output.matchAll(/^dpkg: error processing (?:package|archive) .*\n +(.*)$/gm)].map(
      ([, reason = '']) => reason,
    );
    return `could not install ${broken.join(', ')}: ${shortened(reasons)}`;
  }
  const fetches = parseFetchFailures(output);
  if (fetches.length > 0) return shortened(fetches.map(({ url, reason }) => `cannot fetch ${url}: ${reason}`));
  const unmet = blockAfter(output, /^The following packages have unmet dependencies:$/m);
  if (unmet.length > 0) return shortened(unmet.map((line) => line.trim().replace(/\s+/g, ' ')));
  const errors = output.split('\n').filter((line) => /^(?:E|dpkg: error): /.test(line));
  return errors.length === 0 ? lastLine(output) : shortened(errors.map((line) => line.replace(/^E: /, '')));
}

function shortened(lines: readonly string[]): string {
  return [...lines.slice(0, MOST_LINES), ...(lines.length > MOST_LINES ? ['...'] : [])].join('; ');
}

/** The indented lines below a heading. */
function blockAfter(output: string, heading: RegExp): readonly string[] {
  const match = heading.exec(output);
  if (match === null) return [];
  const lines = output.slice(match.index + match[0].length + 1).split('\n');
  const end = lines.findIndex((line) => !line.startsWith(' '));
  return end < 0 ? lines : lines.slice(0, end);
}

/** The part of a file's URL that sources.list has. */
function repositoryOf(url: string): string {
  return url.replace(/\/(?:dists|pool)\/.*$|\/\.\/.*$|\/[^/]*\.(?:deb|gpg|gz|xz)$|\/(?:In)?Release$/, '');
}
