import { Problem } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { octalMode } from '../octal.ts';
import { paths } from '../paths.ts';
import type { OpenDirectory } from '../system/files/file-system.ts';
import type { System } from '../system/system.ts';

const OPEN_TO_OTHERS = 0o077;
const ROOT = 0;

/** What is checked: in a directory, the names and the modes that they should have, if they exist. */
const PRIVATE: readonly {
  readonly directory: string;
  readonly kind: 'file' | 'directory';
  readonly modes: Readonly<Record<string, number>>;
}[] = [
  {
    // The user data stays executable for its owner. cfn-metadata-server, the address of Heat, is not secret.
    directory: paths.bootData[1],
    kind: 'file',
    modes: { [paths.bootMetadata]: 0o600, [paths.bootBotoConfig]: 0o600, [paths.bootUserData]: 0o700 },
  },
  ...[paths.bootData[0], paths.metadataCache].map((path) => {
    const slash = path.lastIndexOf('/');
    return {
      directory: path.slice(0, slash),
      kind: 'directory' as const,
      modes: { [path.slice(slash + 1)]: 0o700 },
    };
  }),
];

/**
 * Makes files and directories with metadata private, because metadata may contain secrets. Heat's part handler for cloud-init writes
 * each part a second time, to /var/lib/cloud/data, with mode 0644; and another program may have made our directories, with mode 0755.
 * The packages do the same by tmpfiles.d, before anything is written. This is for guests without the packages, and for file systems
 * without ACLs.
 *
 * Only as root, on the running machine, and only for files and directories of root; a link is not changed. Never fails and never
 * warns: a read-only file system must not prevent a signal.
 */
export function closeMetadata({ files, self }: Pick<System, 'files' | 'self'>, log: Log): void {
  if (self.uid !== ROOT || files.root !== '/') return;
  for (const { directory, kind, modes } of PRIVATE) {
    let opened: OpenDirectory | undefined;
    try {
      opened = files.openDirectory(directory);
      for (const [name, mode] of Object.entries(modes)) {
        const entry = opened.entry(name);
        if (entry?.kind !== kind || entry.uid !== ROOT || (entry.mode & OPEN_TO_OTHERS) === 0) continue;
        const path = `${directory}/${name}`;
        files.setAttributes(path, { mode, uid: entry.uid, gid: entry.gid });
        log.info(`made private: ${path}: it had mode ${octalMode(entry.mode)}`, { event: 'metadataClosed' });
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (opened !== undefined) log.info(`cannot make metadata private: ${error.line}`);
    } finally {
      opened?.close();
    }
  }
}
