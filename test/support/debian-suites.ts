import { mirrorOfThisMachine, NO_MIRROR } from './debian-mirror.ts';
import { madeOnce } from './packages.ts';
import { NotHere } from './use-machine.ts';

/** The releases of Debian that the deb is for, the oldest first. */
export const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;
export type Suite = (typeof SUITES)[number];

/**
 * The root of a new Debian of a suite: what is essential, the tools for accounts, systemd, and apt with the index of that
 * suite. What the deb and the named packages need lies in apt's cache, so that the tests install them without network. It is
 * the suite's own apt that says what they need, and this machine's that fetches it, with the proxies that are set up here.
 */
const ROOT = `
# shellcheck disable=SC2016 # $1 is the root in the hooks
fetch='
set -e
cp "$DEB" "$1/srv/cfntools.deb"
names=$(chroot "$1" apt-get -s -o APT::Install-Recommends=true install /srv/cfntools.deb $PACKAGES |
  sed -n "s/^Inst \\([^ ]*\\) .*/\\1/p" | grep -vx cfntools)
rm "$1/srv/cfntools.deb"
cd "$1/var/cache/apt/archives"
rm -f ./*.deb
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -qq $names'
rm -rf "$1.new"
# A namespace keeps the mounts from this machine. The index of an archived suite, or of a mirror that is behind, is too old.
unshare --mount mmdebstrap --variant=apt --mode=root --format=directory --include=passwd,systemd \\
  --skip=cleanup/apt/lists,cleanup/apt/cache --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \\
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' --customize-hook="$fetch" \\
  "$SUITE" "$1.new" "deb $MIRROR $SUITE main" >&2
mv "$1.new" "$1"`;

/** How apt says that a mirror has no such suite, or that no key here is one that it is signed with. */
const NOT_SERVED = /^E: The repository .* (?:does not have a Release file|is not signed)\.$/m;

/**
 * Makes the root of a suite, once in this run of the tests, by mmdebstrap from the mirror that this machine's apt uses.
 * @param deb that is to be installed there
 * @param packages of Debian that are to be installed there
 * @throws NotHere when the mirror does not have the suite, or apt cannot check its signature
 */
export async function suiteRoot(suite: Suite, deb: string, packages: readonly string[]): Promise<string> {
  const mirror = await mirrorOfThisMachine();
  if (mirror === undefined) throw new NotHere(NO_MIRROR);
  try {
    const env = { TMPDIR: '/tmp', SUITE: suite, MIRROR: mirror, DEB: deb, PACKAGES: packages.join(' ') };
    return await madeOnce(`root-${suite}`, ROOT, env);
  } catch (error) {
    const reason = NOT_SERVED.exec((error as Error).message)?.[0];
    throw reason === undefined ? error : new NotHere(`no ${suite} for this machine's apt: ${reason}`);
  }
}
