import { join } from 'node:path';
import { madeOnce } from './packages.ts';
import type { Ended, RunOptions } from './process.ts';
import type { Machine } from './sandbox.ts';

/** A Debian 12 of its own, without network, in which dpkg and apt do what they do. */
export interface DebianRoot {
  /** Runs a bash script there. */
  run(script: string, options?: RunOptions): Promise<Ended>;
  /** The same, for what has to succeed. @returns what it printed, without space at its ends */
  must(script: string, options?: RunOptions): Promise<string>;
}

/** Where the project and the packages of this run are found: at the same paths as outside. */
const BASE = `
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  case $file in *.list | *.sources) [ ! -s "$file" ] || sources+=("$file") ;; esac
done
mmdebstrap --quiet --variant=apt --mode=root --format=directory \\
  --include=ca-certificates,logrotate,python3-boto,python3-pbr,python3-psutil,python3-six,systemd \\
  --customize-hook='chroot "$1" sh -c "cd /srv && apt-get download -qq heat-cfntools"' \\
  bookworm "$1.new" "\${sources[@]}" >&2
mv "$1.new" "$1"`;

/** Makes the Debian that all roots of this run begin with, by mmdebstrap from the sources of this machine's apt. */
export function debianBase(): Promise<string> {
  return madeOnce('debian', BASE, { TMPDIR: '/tmp' });
}

/**
 * Opens a Debian in a view of this machine: a copy-on-write layer over the base, and so new. In /srv there is the package
 * heat-cfntools as Debian has it, whose dependencies are installed.
 * @param name of the root among those of the view
 */
export async function openDebian(view: Machine, base: string, name: string): Promise<DebianRoot> {
  const place = join('/run/debian', name);
  const { code, stderr } = await view.run(`set -e
    mkdir -p '${place}'
    mount -t tmpfs tmpfs '${place}'
    cd '${place}'
    mkdir upper work root
    mount -t overlay overlay -o 'lowerdir=${base},upperdir=upper,workdir=work' root
    mount -t proc proc root/proc
    mount --rbind /dev root/dev
    mkdir -p 'root${join(base, '..')}'
    mount --bind '${join(base, '..')}' 'root${join(base, '..')}'`);
  if (code !== 0) throw new Error(`no Debian root: ${stderr}`);
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const enter = ['chroot', `${place}/root`, 'env', '-i', `PATH=${path}`, 'LC_ALL=C.UTF-8', 'HOME=/root'];
  const command = [...enter, 'DEBIAN_FRONTEND=noninteractive', 'bash', '--norc', '-c'];
  const runScript = (script: string, options: RunOptions = {}): Promise<Ended> =>
    view.run([...command, script], { timeout: 120_000, ...options });
  return {
    run: runScript,
    must: async (script, options) => {
      const { code, stdout, stderr } = await runScript(`set -e\n${script}`, options);
      if (code !== 0) throw new Error(`exit code ${code}: ${script}\n${stdout}${stderr}`);
      return stdout.trim();
    },
  };
}
