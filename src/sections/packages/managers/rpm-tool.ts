import type { PackageRequest } from '../../../config/config.ts';
import { lastLine } from '../../../errors.ts';
import type { Environment, ToolResult } from '../../../system/programs/exec.ts';
import type { ToolSigns } from '../package-tool.ts';

export type Command = readonly [program: string, ...args: string[]];

/** A package that the repositories do not have, as the tool was asked for it. */
export interface Unavailable {
  readonly specification: string;
  /** True when the repositories have it, but an exclude or a version lock of the machine hides it. */
  readonly excluded: boolean;
}

/** How one tool that installs rpm packages from repositories is called and understood. */
export interface RepositoryTool {
  readonly env?: Environment;
  readonly signs: ToolSigns;
  /** How the tool is asked for a package, in one word. */
  specification(name: string, version: string | undefined): string;
  /** Installs and upgrades; downgrades, too, if the tool can. */
  install(program: string, specifications: readonly string[]): Command;
  /** For tools whose install does not go down a version. */
  downgrade?(program: string, specifications: readonly string[]): Command;
  /** Downloads the repositories' indexes again. It is no failure if that fails. */
  refresh(program: string): Command;
  /** Prints the versions of some packages in the index on the machine. Downloads nothing. */
  list(program: string, names: readonly string[]): Command;
  /** `[EPOCH:]VERSION-RELEASE` by name, from what `list` printed. */
  parseList(stdout: string): ReadonlyMap<string, readonly string[]>;
  /** True for a call that succeeded, by its exit code, or by what it printed where that is not enough. */
  isDone(exitCode: number, output?: string): boolean;
  /** What the tool says it cannot find. It may still have succeeded, with the others installed. */
  unavailable(output: string): readonly Unavailable[];
  /** True when the index may be older than the repository. */
  isIndexOld(output: string): boolean;
  /** What a failed call says is wrong, in a few words, apart from what is unavailable. */
  complaints(output: string): readonly string[];
  /** What a successful call warns about. */
  warnings(result: ToolResult): readonly string[];
}

/** A request, and the word by which the tool is asked for it. */
export interface Wanted {
  readonly request: PackageRequest;
  readonly version: string | undefined;
  readonly specification: string;
}

/** A script of a package that failed while it was installed or removed. */
export interface FailedScript {
  /** As rpm names it: `%prein`. */
  readonly script: string;
  /** NAME-VERSION-RELEASE.ARCH */
  readonly rpm: string;
}

/**
 * rpm itself never waits for its lock where nobody can be asked: it says so, through whichever tool called it. A lock file
 * that cannot be made is another matter.
 */
export function isRpmLocked(output: string): boolean {
  return /can't create transaction lock on [^(]*\((?:Resource\s+temporarily|Try again)|Failed to obtain rpm transaction lock/.test(
    output,
  );
}

/**
 * The scripts that rpm said have failed, through whichever tool called it.
 * @param kind 'error' for those that kept the package out, 'warning' for those that ran after it was in
 */
export function failedScripts(output: string, kind: 'error' | 'warning'): readonly FailedScript[] {
  const pattern = new RegExp(`${kind}: (%\\w+)\\(([^)\\s]+)\\) scriptlet failed`, 'g');
  const found = [...output.matchAll(pattern)].map(([, script = '', rpm = '']) => ({ script, rpm }));
  return found.filter((one, at) => found.findIndex((other) => other.rpm === one.rpm) === at);
}

/** For a hint: what rpm says in lines that begin with `error:`, and in the indented ones that explain them. */
export function rpmErrors(output: string): string {
  const scripts = describeScripts(output);
  if (scripts !== undefined) return scripts;
  const lines = output
    .split('\n')
    .filter((line) => /^(?:error: |\t|file )/.test(line) && !/^error: Failed dependencies:$/.test(line))
    .map((line) => line.replace(/^error: /, '').trim());
  return lines.length === 0 ? lastLine(output) : shorten(lines);
}

/** For a hint: the scripts that kept packages out. */
export function describeScripts(output: string): string | undefined {
  const failed = failedScripts(output, 'error').map(({ script, rpm }) => `the script ${script} of ${rpm} failed`);
  return failed.length === 0 ? undefined : shorten(failed);
}

/** The first few of several texts, and how many more there are. */
export function shorten(texts: readonly string[], most = 4): string {
  const unique = [...new Set(texts)];
  const more = unique.length - most;
  return `${unique.slice(0, most).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** All first groups of a pattern, each once. */
export function allMatches(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, group = '']) => group))];
}
