import type { PackageRequest } from '../../../config/config.ts';
import type { Environment, ToolResult } from '../../../system/exec.ts';
import type { ToolSigns } from '../package-tool.ts';

export type Command = readonly [program: string, ...args: string[]];

/** A package that the repositories do not have, as the tool was asked for it. */
export interface Unavailable {
  readonly specification: string;
  /** True when it is there, but an exclude or a version lock of the machine keeps it away. */
  readonly excluded: boolean;
}

/** How one tool that installs rpm packages from repositories is called and understood. */
export interface RepositoryTool {
  readonly env?: Environment;
  readonly signs: ToolSigns;
  /** The last word of a package's request; a version may be missing. */
  specification(name: string, version: string | undefined): string;
  /** Installs, upgrades, and where the tool can, downgrades. */
  install(program: string, specifications: readonly string[]): Command;
  /** For tools whose install does not go down a version. */
  downgrade?(program: string, specifications: readonly string[]): Command;
  /** Gets the repositories' indexes anew. One that fails is no failure yet. */
  refresh(program: string): Command;
  /** Prints the versions that the index on the machine has of some packages, reaching for nothing. */
  list(program: string, names: readonly string[]): Command;
  /** `[EPOCH:]VERSION-RELEASE` by name, from what `list` printed. */
  parseList(stdout: string): ReadonlyMap<string, readonly string[]>;
  /** True for a call that did what it could be asked to do, by its exit code, or what it printed where that is not enough. */
  isDone(exitCode: number, output?: string): boolean;
  /** What the tool says that it cannot find; it may still have ended well, with the others installed. */
  unavailable(output: string): readonly Unavailable[];
  /** True when the index may be older than the repository. */
  isIndexOld(output: string): boolean;
  /** What a call that failed says is wrong, in a few words, what is unavailable aside. */
  complaints(output: string): readonly string[];
  /** What a call that ended well says is not in order. */
  warnings(result: ToolResult): readonly string[];
}

/** What is asked for, and the word by which the tool is asked for it. */
export interface Wanted {
  readonly request: PackageRequest;
  readonly version: string | undefined;
  readonly specification: string;
}
