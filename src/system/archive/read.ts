import { Problem } from '../../errors.ts';
import { shownUrl } from '../../url.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits, Budget } from './budget.ts';
import { ByteReader } from './byte-reader.ts';
import { type Compression, describeContent, detectFormat, isBlank, isTar, START_BYTES } from './detect.ts';
import type { ArchiveEntry } from './entry.ts';
import { fileChunks, withFile } from './file-chunks.ts';
import { isSaidToBeTar, unpackedName } from './url-name.ts';

const PLAIN_FILE_MODE = 0o644;

/**
 * Reads an archive entry by entry: tar, tar packed by gzip, bzip2, xz or zstd, zip; by its content, whatever it is
 * called. A packed file that is no tar is one entry, named by the URL without the compression's ending. Nothing is
 * held in memory but a few chunks (contract section 3, row sources). When all entries and their contents were read,
 * everything was verified: checksums, lengths, and that nothing follows.
 * @param path a regular file on this machine
 * @param url where it came from, for messages and for the name of a plain file
 * @throws Problem when it is none of these, damaged, cut short, too large, or holds what may not be unpacked
 */
export async function* readArchive(
  path: string,
  url: string,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): AsyncGenerator<ArchiveEntry> {
  const where = shownUrl(url);
  const budget = new Budget(limits, where);
  const start = await withFile(path, (file) => file.read(0, START_BYTES));
  const format = detectFormat(start);
  if (format === 'zip') {
    yield* (await import('./zip.ts')).readZip(path, where, budget);
    return;
  }
  const isEmptyTar = isBlank(start) && start.length > 0 && isSaidToBeTar(url);
  if (format === undefined && !isEmptyTar) {
    throw new Problem(`neither a tar nor a zip archive: ${describeContent(start)}`, {
      where,
      hint: 'check the URL; tar (plain, gz, bz2, xz, zst), zip and single packed files can be unpacked',
    });
  }
  const isPlain = format === 'tar' || format === undefined;
  const bytes = new ByteReader(budget.count(isPlain ? fileChunks(path) : await unpack(format, path, where)));
  try {
    yield* readTarOrFile(bytes, url, budget);
  } finally {
    await bytes.close();
  }
}

async function unpack(compression: Compression, path: string, where: string): Promise<AsyncIterable<Buffer>> {
  switch (compression) {
    case 'gzip':
      return (await import('./gzip.ts')).gunzip(path, where);
    case 'bzip2':
      return (await import('./bzip2.ts')).bunzip2(path, where);
    case 'xz':
      return (await import('./xz.ts')).unxz(path, where);
    case 'zstd':
      return (await import('./zstd.ts')).unzstd(path, where);
  }
}

async function* readTarOrFile(bytes: ByteReader, url: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  const where = shownUrl(url);
  const start = await bytes.peek(START_BYTES);
  if (isTar(start) || (isBlank(start) && isSaidToBeTar(url))) {
    yield* (await import('./tar.ts')).readTar(bytes, where, budget);
    return;
  }
  if (!isSaidToBeTar(url))
    yield { name: unpackedName(url), kind: 'file', mode: PLAIN_FILE_MODE, modified: undefined, content: bytes.rest() };
  // To the end in any case: that it is damaged is the better message.
  for await (const _ of bytes.rest());
  if (isSaidToBeTar(url))
    throw new Problem(`no tar archive inside: ${describeContent(start)}`, { where, hint: 'check how it was made' });
}
