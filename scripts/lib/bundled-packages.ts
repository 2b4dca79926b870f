import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '../..');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

export interface BundledPackage {
  /** Where it lies, from the project's directory. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** The packages of which the last build has put something into the binary. Node itself is not among them. */
export function bundledPackages(): BundledPackage[] {
  const files = JSON.parse(readFileSync(join(project, '.build/bundled.json'), 'utf8')) as string[];
  const directories = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories.filter((directory) => directory !== undefined))]
    .sort()
    .map((path) => ({ path, manifest: manifestIn(path) }));
}

/** The package.json of a directory, which is given from the project's. */
export function manifestIn(path: string): Manifest {
  return JSON.parse(readFileSync(join(project, path, 'package.json'), 'utf8')) as Manifest;
}
