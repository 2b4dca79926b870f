import { dnfTool } from './dnf-tool.ts';
import { splitArchitecture } from './rpm-database.ts';
import type { RepositoryTool } from './rpm-repository-tool.ts';

/** What can be wrong beside a package file that is in place already. */
const FAULTS = /Cannot open|Cannot add package|Cannot install package|No package/;

/** yum 3 where it is other than dnf, and the difference can be told beforehand or from its exit code alone. */
export const yum3Tool: RepositoryTool = {
  ...dnfTool,

  /** It knows an epoch only in words that have release and architecture, too, or patterns of these. */
  specification(name, version) {
    const word = dnfTool.specification(name, version);
    if (version?.includes(':') !== true) return word;
    if ([name, version].some((text) => splitArchitecture(text)[1] !== undefined)) return word;
    return `${word}${version.includes('-') ? '.*' : '-*'}`;
  },

  /** A package file that is in place leaves it with nothing to do, which it calls an error. */
  isDone: (exitCode, output = '') =>
    dnfTool.isDone(exitCode) ||
    (/^Error: Nothing to do$/m.test(output) &&
      /does not update installed package/.test(output) &&
      !FAULTS.test(output)),
};
