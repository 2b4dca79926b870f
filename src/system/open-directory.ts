import { closeSync, constants, lstatSync, mkdirSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { type Directory, openDirectoryBelow } from './directory.ts';
import { type Entry, entryOf } from './file-entry.ts';
import { fileProblem } from './file-problem.ts';
import { type Attributes, flushDirectory, giveAttributes } from './staged-file.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const HANDLES = '/proc/self/fd/';

/** A directory opened for work on what lies directly in it. */
export interface OpenDirectory extends Directory {
  /** The path that it was opened by, for messages. */
  readonly path: string;
  /** Where the kernel says that it is, links resolved: tells whether one open directory lies below another. */
  realPath(): string;
  /** What stands at the name itself (a link is not followed), or undefined. */
  entry(name: string): Entry | undefined;
  /** The text of a symbolic link. */
  linkTarget(name: string): string;
  /** Makes a directory with just these attributes, whatever the umask. @throws Problem when the name is taken */
  makeChild(name: string, attributes: Attributes): void;
  /** Makes what was renamed here survive a power cut. */
  flush(): void;
}

/** Opens a directory below `root`. @throws Problem */
export function openDirectory(root: string, path: string): OpenDirectory {
  let directory: Directory;
  try {
    directory = openDirectoryBelow(root, path, false);
  } catch (error) {
    throw fileProblem('cannot open the directory', path, error);
  }
  const guard = <T>(verb: string, name: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileProblem(verb, `${path === '/' ? '' : path}/${name}`, error);
    }
  };
  return {
    ...directory,
    path,
    realPath: () => guard('cannot look at', '', () => kernelPath(directory.at('.').slice(0, -2))),
    entry: (name) =>
      guard('cannot look at', name, () => {
        const stats = lstatSync(directory.at(name), { throwIfNoEntry: false });
        return stats === undefined ? undefined : entryOf(stats);
      }),
    linkTarget: (name) => guard('cannot read the link', name, () => readlinkSync(directory.at(name))),
    makeChild: (name, attributes) =>
      guard('cannot make the directory', name, () => {
        mkdirSync(directory.at(name), 0o700);
        const fd = openSync(directory.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        try {
          giveAttributes(fd, attributes);
        } finally {
          closeSync(fd);
        }
      }),
    flush: () => guard('cannot flush', '', () => flushDirectory(directory)),
  };
}

function kernelPath(base: string): string {
  return base.startsWith(HANDLES) ? readlinkSync(base) : realpathSync(base);
}
