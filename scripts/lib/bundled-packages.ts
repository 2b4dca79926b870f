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
  /** Its path, relative to the project directory. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** The packages that the last build has put into the binary, in whole or in part; without Node itself. */
export function bundledPackages(): BundledPackage[] {
  const files = JSON.parse(readFileSync(join(project, '.build/bundled.json'), 'utf8')) as string[];
  const directories = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories.filter((directory) => directory !== undefined))]
    .sort()
    .map((path) => ({ path, manifest: manifestIn(path) }));
}

/** The package.json of a directory, relative to the project directory. */
export function manifestIn(path: string): Manifest {
  return JSON.parse(readFileSync(join(project, path, 'package.json'), 'utf8')) as Manifest;
}
