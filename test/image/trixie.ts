import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { project } from '../support/binary.ts';
import { run } from '../support/process.ts';
import { BUILD_TIMEOUT, ensureGuest, type GuestImage } from './use-images.ts';

/**
 * The mirror from which apt of this machine has the machine's own release, if that has Debian 13, too; else what is missing.
 * apt itself looks: it knows the proxies.
 */
const MIRROR = `
  . /etc/os-release
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" { print $1; exit }')
  [ -n "$mirror" ] || { echo "apt has no source of $VERSION_CODENAME main" >&2; exit 1; }
  release=$(mktemp)
  trap 'rm -f "$release"' EXIT
  timeout 60 /usr/lib/apt/apt-helper -qq download-file "\${mirror%/}/dists/trixie/InRelease" "$release" >/dev/null 2>&1 ||
    { echo 'the mirror of apt has no trixie' >&2; exit 1; }
  echo "$mirror"`;

/** Debian 13, as a disk and as a root directory: trixie.raw, trixie.root.tar. */
export const TRIXIE: GuestImage = {
  name: 'trixie',
  async reasonAgainst() {
    const { code, stderr } = await run(['bash', '-euc', MIRROR]);
    return code === 0 ? undefined : stderr.trim();
  },
  async ensure(directory) {
    if (existsSync(join(directory, 'trixie.manifest.json'))) return;
    // The agent's package.
    await ensureGuest(directory);
    const { stdout } = await run(['bash', '-euc', MIRROR]);
    const { code, stderr } = await run(
      [
        ...[join(project, 'image-build/jeos'), '--suite', 'trixie', '--mirror', stdout.trim()],
        ...['--name', 'trixie', '--formats', 'tar,raw', '--output', directory],
      ],
      { timeout: BUILD_TIMEOUT },
    );
    // The time that it takes is in it.
    console.log(stderr);
    if (code !== 0) throw new Error(`no image of trixie, exit code ${code}: ${stderr.slice(-3000)}`);
  },
};
