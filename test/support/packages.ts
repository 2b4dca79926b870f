import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { project } from './binary.ts';
import { run } from './process.ts';

export type Architecture = 'x64' | 'arm64';

/** The paths of what scripts/package makes. */
export interface Packages {
  readonly directory: string;
  readonly deb: string;
  readonly rpm: string;
  readonly tarball: string;
  readonly sbom: string;
  readonly sums: string;
}

const TIMEOUT = 840_000;

/** Making packages leaves the processors to the tests that run meanwhile and have bounds. */
export const GENTLY = ['nice', '-n', '10'];

/** Runs a script once in this run of the tests; who comes later waits for it. @returns what it made at `$1` */
export async function madeOnce(
  name: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const place = join(inject('packages'), name);
  const once = 'if [ ! -e "$1.done" ]; then rm -rf "$1"; (eval "$2") </dev/null; : >"$1.done"; fi';
  const words = [
    'flock',
    `${place}.lock`,
    ...GENTLY,
    'bash',
    '--norc',
    '-euo',
    'pipefail',
    '-c',
    once,
    name,
    place,
    script,
  ];
  const { code, stdout, stderr } = await run(words, {
    cwd: project,
    env: { ...(process.env as Record<string, string>), ...env },
    timeout: TIMEOUT,
  });
  if (code !== 0) throw new Error(`no ${name}: ${`${stdout}${stderr}`.slice(-3000)}`);
  return place;
}

/**
 * The packages of this checkout. They are made by the first test that wants them, with the command that users have. Of those for
 * x86-64 there is a copy in dist/, which test/image would otherwise make again.
 */
export async function packagesFor(architecture: Architecture): Promise<Packages> {
  const make = `scripts/package --arch ${architecture} --output "$1"`;
  const copy = architecture === 'x64' ? '; mkdir -p dist; cp "$1"/cfntools[-_]* dist/' : '';
  return packagesIn(await madeOnce(architecture, make + copy));
}

/** Unpacks the tarball for x86-64, once. @returns the root */
export async function unpackedTarball(): Promise<string> {
  const { tarball } = await packagesFor('x64');
  return madeOnce('unpacked', 'mkdir "$1"; tar --numeric-owner -C "$1" -xJpf "$TARBALL"', { TARBALL: tarball });
}

/** What a run of scripts/package has left in a directory. @throws Error when something is missing or there twice */
function packagesIn(directory: string): Packages {
  const names = readdirSync(directory);
  const only = (end: string): string => {
    const [name, ...more] = names.filter((candidate) => candidate.endsWith(end));
    if (name === undefined || more.length > 0) throw new Error(`not one *${end} in ${directory}: ${names.join(' ')}`);
    return join(directory, name);
  };
  return {
    directory,
    deb: only('.deb'),
    rpm: only('.rpm'),
    tarball: only('.tar.xz'),
    sbom: only('.cdx.json'),
    sums: only('.sha256'),
  };
}
