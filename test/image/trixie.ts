import { join } from 'node:path';
import { project } from '../support/binary.ts';
import { mirrorOfThisMachine, NO_MIRROR } from '../support/debian-mirror.ts';
import { run } from '../support/process.ts';
import { builtOnce, ensureGuest, type GuestImage } from './use-images.ts';

/** apt itself looks: it knows the proxies. */
const LOOK = `
  release=$(mktemp)
  trap 'rm -f "$release"' EXIT
  timeout 60 /usr/lib/apt/apt-helper -qq download-file "$1/dists/trixie/InRelease" "$release" >/dev/null 2>&1`;

/** Debian 13, as a disk and as a root directory: trixie.raw, trixie.root.tar. */
export const TRIXIE: GuestImage = {
  name: 'trixie',
  async reasonAgainst() {
    const mirror = await mirrorOfThisMachine();
    if (mirror === undefined) return NO_MIRROR;
    const { code } = await run(['bash', '-euc', LOOK, 'look', mirror]);
    return code === 0 ? undefined : 'the mirror of apt has no trixie';
  },
  async ensure(directory) {
    // The agent's package.
    await ensureGuest(directory);
    const mirror = (await mirrorOfThisMachine()) ?? '';
    await builtOnce(directory, 'trixie', [
      ...[join(project, 'image-build/jeos'), '--suite', 'trixie', '--mirror', mirror],
      ...['--name', 'trixie', '--formats', 'tar,raw', '--output', directory],
    ]);
  },
};
