import { Problem } from '../../errors.ts';
import {
  ARCHIVE_LIMITS,
  type ArchiveEntry,
  type ArchiveLimits,
  refusedEntry,
  tooManyEntries,
} from '../../system/archive/entry.ts';
import { readArchive } from '../../system/archive/read.ts';
import type { FileSystem, Scratch } from '../../system/files/file-system.ts';
import type { System } from '../../system/system.ts';
import { shownUrl } from '../../url.ts';
import { Contents } from './contents.ts';
import { type Merged, mergeTree, refuseConflicts } from './merge.ts';
import { isGithubArchive, leadsOut, pathOf, placeOf } from './place.ts';

const OWNER_READS_AND_WRITES = 0o600;
const OWNER_WORKS_INSIDE = 0o700;
/** Bytes, Linux's NAME_MAX. */
const LONGEST_NAME = 255;
/** Bytes, Linux's PATH_MAX without the NUL at the end. */
const LONGEST_PATH = 4095;

export interface Unpacking {
  /** The archive, a regular file; a path of this machine, not below the root of the door. */
  readonly archive: string;
  /** Its URL: for messages, for the name of a single compressed file, and to recognise archives of GitHub. */
  readonly url: string;
  /** The absolute path of a directory, which need not exist yet. */
  readonly destination: string;
  readonly limits?: ArchiveLimits;
}

/**
 * Unpacks an archive into the destination (contract section 3, row sources, and section 5, sources). Everything is unpacked beside
 * the destination first. Nothing is put in place unless the whole archive is complete and allowed. Files belong to the running user
 * and have the permissions and times of the archive, without set-id and sticky bits. The top directory of a GitHub archive is left
 * out. A second run changes nothing.
 * @throws Problem when the archive cannot be read or is refused, or when it conflicts with what exists at the destination
 */
export async function unpackArchive(
  { files, self, abort }: Pick<System, 'files' | 'self' | 'abort'>,
  unpacking: Unpacking,
): Promise<Merged> {
  const destination = plainPath(unpacking.destination);
  const owner = { uid: self.uid, gid: self.gid };
  const scratch = files.openScratch(destination, 'sources');
  try {
    const contents = await stageContents(scratch, unpacking, owner, abort);
    if (isGithubArchive(unpacking.url)) contents.stripTop();
    const tree = contents.tree;
    refuseLinksOut(files, contents, destination, shownUrl(unpacking.url));
    refuseConflicts({ files, tree, destination });
    return mergeTree({ files, scratch, tree, destination, owner });
  } finally {
    scratch.remove();
  }
}

/** Puts the content of each entry into the scratch directory, named by a number, so that no name from the archive is used yet. */
async function stageContents(
  scratch: Scratch,
  unpacking: Unpacking,
  owner: { uid: number; gid: number },
  abort: AbortSignal | undefined,
): Promise<Contents> {
  const { archive, url, limits = ARCHIVE_LIMITS } = unpacking;
  const where = shownUrl(url);
  const contents = new Contents();
  let count = 0;
  for await (const entry of readArchive(archive, url, limits)) {
    abort?.throwIfAborted();
    const place = placeOfEntry(entry, unpacking.destination, where);
    const staged = String(count++);
    const refusal =
      entry.kind === 'directory' ? contents.addDirectory(place, entry.mode | OWNER_WORKS_INSIDE) : undefined;
    if (refusal !== undefined) throw refusedEntry(entry.name, refusal, where);
    if (entry.kind === 'file') {
      claimPlace(contents, place, 'file', entry, where);
      const mode = entry.mode | OWNER_READS_AND_WRITES;
      await scratch.write(staged, untilAborted(entry.content, abort), { ...owner, mode }, entry.modified);
      contents.addLeaf(place, { kind: 'file', staged, mode });
    } else if (entry.kind === 'symlink') {
      claimPlace(contents, place, 'symlink', entry, where);
      scratch.link(staged, entry.target);
      contents.addLeaf(place, { kind: 'symlink', staged, target: entry.target });
    } else if (entry.kind === 'hardlink') {
      const target = placeOf(entry.target);
      const original = target === undefined ? undefined : contents.leaf(target);
      if (original === undefined)
        throw refusedEntry(
          entry.name,
          `is a hard link to ${JSON.stringify(entry.target)}, which is not in the archive before it`,
          where,
        );
      if (target === place) continue;
      claimPlace(contents, place, original.kind, entry, where);
      scratch.duplicate(original.staged, staged);
      contents.addLeaf(place, { ...original, staged });
    }
    if (contents.tree.size > limits.entries) throw tooManyEntries(limits, where);
  }
  return contents;
}

async function* untilAborted<T>(pieces: AsyncIterable<T>, abort: AbortSignal | undefined): AsyncGenerator<T> {
  for await (const piece of pieces) {
    abort?.throwIfAborted();
    yield piece;
  }
}

function placeOfEntry(entry: ArchiveEntry, destination: string, where: string): string {
  const place = placeOf(entry.name);
  if (place === undefined) {
    throw refusedEntry(
      entry.name,
      entry.name.startsWith('/') ? 'has an absolute name' : 'leads out of the destination',
      where,
    );
  }
  if (place === '' && entry.kind !== 'directory')
    throw refusedEntry(entry.name, 'would replace the destination itself', where);
  // Checked before anything is put in place: the file system would only report it halfway.
  if (
    place.split('/').some((part) => Buffer.byteLength(part) > LONGEST_NAME) ||
    Buffer.byteLength(pathOf(destination, place)) > LONGEST_PATH
  )
    throw refusedEntry(entry.name, 'cannot be put in place: the name is too long', where);
  return place;
}

function claimPlace(
  contents: Contents,
  place: string,
  kind: 'file' | 'symlink',
  entry: ArchiveEntry,
  where: string,
): void {
  const refusal = contents.refuseLeaf(place, kind);
  if (refusal !== undefined) throw refusedEntry(entry.name, refusal, where);
}

/** Links can only be checked when all are known: one may lead through another, or through an existing one. */
function refuseLinksOut(files: FileSystem, contents: Contents, destination: string, where: string): void {
  const linkAt = linksOf(files, contents, destination);
  for (const [place, { leaves }] of contents.tree) {
    for (const [name, leaf] of leaves) {
      if (leaf.kind !== 'symlink') continue;
      const own = place === '' ? name : `${place}/${name}`;
      if (leadsOut(own, leaf.target, destination, linkAt)) {
        throw refusedEntry(
          own,
          `is a symbolic link to ${JSON.stringify(leaf.target)}, which leads out of the destination`,
          where,
        );
      }
    }
  }
}

/** The links that will exist: those of the archive, and otherwise the existing ones. */
function linksOf(files: FileSystem, contents: Contents, destination: string): (place: string) => string | undefined {
  const existing = new Map<string, string | undefined>();
  return (place) => {
    const leaf = contents.leaf(place);
    if (leaf !== undefined) return leaf.kind === 'symlink' ? leaf.target : undefined;
    if (!existing.has(place)) {
      const path = pathOf(destination, place);
      existing.set(place, files.entry(path)?.kind === 'symlink' ? files.linkTarget(path) : undefined);
    }
    return existing.get(place);
  };
}

function plainPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!path.startsWith('/') || parts.includes('..') || path.includes('\0')) {
    throw new Problem('not the absolute path of a directory', {
      where: path,
      hint: 'write it from the root, without ..',
    });
  }
  return `/${parts.join('/')}`;
}
