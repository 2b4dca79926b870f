import { type LockHolder, lockHolderOf } from '../../system/file-locks.ts';
import { descendantCommands } from '../../system/processes.ts';

/** What the package tools lock, the lock that covers all of a run first. */
const LOCKS: readonly { readonly tools: RegExp; readonly files: readonly string[] }[] = [
  {
    tools: /^(?:apt|apt-get|aptitude|dpkg|gdebi|unattended-upgr.*)$/,
    files: [
      '/var/lib/dpkg/lock-frontend',
      '/var/lib/dpkg/lock',
      '/var/lib/apt/lists/lock',
      '/var/cache/apt/archives/lock',
    ],
  },
  {
    tools: /^(?:rpm|dnf.*|yum|microdnf|zypper)$/,
    files: [
      '/var/lib/rpm/.rpm.lock',
      '/usr/lib/sysimage/rpm/.rpm.lock',
      '/run/dnf/rpmtransaction.lock',
      '/var/lib/dnf/rpmdb_lock.pid',
      '/var/cache/dnf/metadata_lock.pid',
      '/var/cache/dnf/download_lock.pid',
      '/run/yum.pid',
      '/run/zypp.pid',
    ],
  },
  { tools: /^apk$/, files: ['/lib/apk/db/lock', '/usr/lib/apk/db/lock'] },
  { tools: /^pacman.*$/, files: ['/var/lib/pacman/db.lck'] },
];
const INTERPRETERS = /^(?:python[\d.]*|perl|env|sh|bash|dash)$/;

/**
 * Who holds the lock of a package tool.
 * @param programs names of tools
 * @returns undefined where none of them is a package tool, or nobody but us has its lock
 */
export function packageLockHolder(programs: readonly string[]): LockHolder | undefined {
  for (const { tools, files } of LOCKS) {
    if (!programs.some((program) => tools.test(program))) continue;
    for (const file of files) {
      const holder = lockHolderOf(file);
      if (holder !== undefined) return holder;
    }
  }
  return undefined;
}

/** As packageLockHolder, for the package tools that we run right now, directly or by a command. */
export function awaitedLock(): string | undefined {
  const programs = descendantCommands(process.pid).flatMap((words) => {
    const names = words.slice(0, 2).map((word) => word.slice(word.lastIndexOf('/') + 1));
    return INTERPRETERS.test(names[0] ?? '') ? names : names.slice(0, 1);
  });
  const holder = packageLockHolder(programs);
  return holder === undefined ? undefined : `waiting for ${holderName(holder)}, which holds ${holder.path}`;
}

/** `process 123 (apt-get)`. */
export function holderName(holder: LockHolder | undefined): string | undefined {
  return holder === undefined ? undefined : `process ${holder.pid} (${holder.name})`;
}
