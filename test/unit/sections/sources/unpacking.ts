import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackArchive } from '../../../../src/sections/sources/unpack.ts';
import { ARCHIVE_LIMITS } from '../../../../src/system/archive/entry.ts';
import { createFileSystem } from '../../../../src/system/files/file-system.ts';
import { makeTar, type TarEntry, temporaryDirectory } from '../../system/archive/samples.ts';

export const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
export const URL = 'https://h/a.tar?secret=1';

/** Unpacks into `/opt/app` below a root of its own. */
export async function unpack(
  root: string,
  archive: Buffer | readonly TarEntry[],
  url = URL,
  destination = '/opt/app',
  limits = ARCHIVE_LIMITS,
) {
  const path = join(temporaryDirectory(), 'archive');
  writeFileSync(path, Buffer.isBuffer(archive) ? archive : makeTar(archive as readonly TarEntry[]));
  return unpackArchive({ files: createFileSystem(root), self }, { archive: path, url, destination, limits });
}

/** One line for everything below a directory, in order. */
export function listed(directory: string, prefix = ''): string[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      const stats = lstatSync(path);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) return [`${prefix}${name} -> ${readlinkSync(path)}`];
      if (stats.isDirectory()) return [`${prefix}${name}/ ${mode}`, ...listed(path, `${prefix}${name}/`)];
      return [`${prefix}${name} ${mode} ${readFileSync(path, 'utf8')}`];
    });
}

/** A bit of everything that an archive may hold. */
export const entries: readonly TarEntry[] = [
  { name: './', type: '5', mode: 0o700 },
  { name: 'bin/', type: '5', mode: 0o550 },
  { name: 'bin/tool', content: 'tool', mode: 0o6755 },
  { name: 'bin/alias', type: '2', target: 'tool' },
  { name: 'share/doc/notes', content: 'notes', mode: 0o440, mtime: 1_234_567_890 },
  { name: 'share/doc/same', type: '1', target: './share/doc/notes' },
];
