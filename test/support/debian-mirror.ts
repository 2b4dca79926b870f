import { readFileSync } from 'node:fs';
import { run } from './process.ts';

/**
 * Where apt gets the release of Debian that this machine runs from. A mirror of Debian has the other releases beside it.
 * @returns a URL without a slash at its end; undefined when apt has no index, or this is not Debian
 */
export async function mirrorOfThisMachine(): Promise<string | undefined> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const wanted = ['Created-By: Packages', 'Origin: Debian', 'Component: main', `Codename: ${codename}`];
  const { stdout } = await run(['apt-get', 'indextargets', '--format', '$(REPO_URI)', ...wanted]);
  return stdout.split('\n')[0]?.replace(/\/$/, '') || undefined;
}

export const NO_MIRROR = "apt has no index of Debian's main archive here: apt-get update";
