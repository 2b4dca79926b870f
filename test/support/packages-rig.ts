import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { project as sources } from './binary.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the tests of this run put the packages that they make, see packages.ts. */
    packages: string;
  }
}

const PREFIX = 'test-packages-';

/**
 * Gives the tests of packages a directory in common, which is removed after them. Views see it, since it is in the project.
 * CFNTOOLS_PACKAGES names one in the project that is kept, with what an earlier run has made there.
 */
export default function preparePackages(project: TestProject): () => void {
  const kept = process.env['CFNTOOLS_PACKAGES'];
  if (kept !== undefined) {
    project.provide('packages', kept);
    return () => {};
  }
  const build = join(sources, '.build');
  mkdirSync(build, { recursive: true });
  // What runs left that were killed.
  for (const name of readdirSync(build).filter((name) => name.startsWith(PREFIX)))
    if (!existsSync(`/proc/${name.slice(PREFIX.length)}`)) rmSync(join(build, name), { recursive: true, force: true });
  const directory = join(build, `${PREFIX}${process.pid}`);
  mkdirSync(directory, { recursive: true });
  project.provide('packages', directory);
  return () => rmSync(directory, { recursive: true, force: true });
}
