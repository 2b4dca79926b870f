import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { project } from './binary.ts';
import { run } from './process.ts';
import type { Machine } from './sandbox.ts';

const PACKAGES = ['openrc', 'librc1', 'libeinfo1', 'insserv'];
/** Kept from one run of the tests to the next. */
const CACHE = join(project, '.build/openrc-packages');

/**
 * Installs Debian's OpenRC into a view, as if it had booted that: its packages are fetched with apt-get and never
 * installed on this machine.
 * @returns why it cannot be had, or undefined
 */
export async function installOpenrc(machine: Machine): Promise<string | undefined> {
  const cached = (): string[] => (existsSync(CACHE) ? readdirSync(CACHE) : []).filter((name) => name.endsWith('.deb'));
  if (cached().length < PACKAGES.length) {
    mkdirSync(CACHE, { recursive: true });
    const fetched = await run(['apt-get', 'download', ...PACKAGES], { cwd: CACHE, timeout: 60_000 }).catch(String);
    if (typeof fetched === 'string' || cached().length < PACKAGES.length) return 'needs the Debian package openrc';
  }
  // The project is mounted there as well. Services of this machine do not belong to the view's runlevels.
  const { code, stdout, stderr } = await machine.run(`
    set -e
    rm -rf /run/systemd
    dpkg -i ${CACHE}/*.deb
    rm -f /etc/runlevels/*/*
    mkdir -p /run/openrc/daemons /run/openrc/started
    echo default >/run/openrc/softlevel`);
  return code === 0 ? undefined : `cannot install openrc: ${stdout}${stderr}`.slice(-500);
}
