import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../../errors.ts';
import { percentDecode } from '../../percent-encoding.ts';
import { shownUrl } from '../../url.ts';
import { ByteReader, fileChunks, withFile } from './byte-reader.ts';
import { ARCHIVE_LIMITS, type ArchiveEntry, type ArchiveLimits, Budget, damagedArchive, guarded } from './entry.ts';
import { hasValidChecksum, isBlank, readTar } from './tar.ts';

const PLAIN_FILE_MODE = 0o644;

/**
 * Reads an archive entry by entry: tar, tar compressed by gzip, bzip2, xz or zstd, and zip. The format is detected from the content,
 * not from the name. A compressed file that is not a tar is one entry; its name is that of the URL without the suffix of the
 * compression. Only a few chunks are held in memory (contract section 3, row sources). When all entries and their contents have been
 * read, everything has been verified: checksums, lengths, and that no other data follows.
 * @param path a regular file on this machine
 * @param url where it came from, for messages and for the name of a plain file
 * @throws Problem when it has another format, is damaged, incomplete or too large, or contains an entry that must not be unpacked
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
  const isEmptyTar = isBlank(start) && start.length > 0 && isNamedTar(url);
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
      return gunzip(path, where);
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
  if (isTar(start) || (isBlank(start) && isNamedTar(url))) {
    yield* readTar(bytes, where, budget);
    return;
  }
  if (!isNamedTar(url))
    yield { name: unpackedName(url), kind: 'file', mode: PLAIN_FILE_MODE, modified: undefined, content: bytes.rest() };
  // Read to the end in any case: a message about damage is more useful.
  for await (const _ of bytes.rest());
  if (isNamedTar(url))
    throw new Problem(`no tar archive inside: ${describeContent(start)}`, { where, hint: 'check how it was made' });
}

/** The format of a file, from its content only: names and Content-Type are not reliable. */
type Format = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'zip' | 'tar';
type Compression = Exclude<Format, 'zip' | 'tar'>;

/** The bytes from the start that detectFormat and describeContent need. */
const START_BYTES = 512;

const USTAR_AT = 257;

const SIGNATURES: readonly (readonly [format: Format, pattern: RegExp])[] = [
  ['gzip', /^\x1f\x8b\x08/],
  ['bzip2', /^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/],
  ['xz', /^\xfd7zXZ\0/],
  // Parallel zstd starts with a frame that decoders skip.
  ['zstd', /^(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)/],
  ['zip', /^PK(?:\x03\x04|\x05\x06)/],
];

const OTHER_FORMATS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a 7z archive', /^7z\xbc\xaf\x27\x1c/],
  ['a RAR archive', /^Rar!\x1a\x07/],
  ['compressed by compress (.Z)', /^\x1f[\x9d\xa0]/],
  ['an lz4 file', /^\x04\x22\x4d\x18/],
  ['an lzip file', /^LZIP/],
  ['an lzma file', /^\x5d\0\0[\s\S]{2}[\0-\x0f\xff]/],
  ['a cpio archive', /^(?:07070[127]|\xc7\x71)/],
  ['a Debian package or ar archive', /^!<arch>/],
  ['an RPM package', /^\xed\xab\xee\xdb/],
  ['a program', /^(?:\x7fELF|#!)/],
  ['an HTML page', /^\s*(?:\xef\xbb\xbf\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype html|html|head|body)\b/i],
  ['an XML document', /^\s*(?:\xef\xbb\xbf\s*)?<[?a-z]/i],
  ['a JSON document', /^\s*[{[]\s*["\]}{[]/],
];

/** The format of a file that starts with these bytes; undefined when it cannot be unpacked. */
export function detectFormat(start: Buffer): Format | undefined {
  const text = start.toString('latin1', 0, START_BYTES);
  const found = SIGNATURES.find(([, pattern]) => pattern.test(text));
  if (found !== undefined) return found[0];
  return isTar(start) ? 'tar' : undefined;
}

/** True when the bytes start with a tar header: with the ustar mark, or (before 1988) only with a correct checksum. */
function isTar(start: Buffer): boolean {
  if (start.length < START_BYTES) return false;
  return start.toString('latin1', USTAR_AT, USTAR_AT + 5) === 'ustar' || hasValidChecksum(start);
}

/** Describes the content for a person, as in "it looks like an HTML page". */
export function describeContent(start: Buffer): string {
  if (start.length === 0) return 'it is empty';
  const text = start.toString('latin1', 0, START_BYTES);
  const look = OTHER_FORMATS.find(([, pattern]) => pattern.test(text));
  if (look !== undefined) return `it looks like ${look[0]}`;
  if (isBlank(start)) return 'it contains only zeros';
  return /^[^\x00-\x08\x0e-\x1a\x1c-\x1f]*$/.test(text) ? 'it looks like text' : 'it looks like no archive at all';
}

/** Unpacks a gzip file with all its members. @throws Problem when it is damaged, incomplete or followed by other data */
async function* gunzip(path: string, where: string): AsyncGenerator<Buffer> {
  const decoder = createGunzip();
  pipeline(Readable.from(fileChunks(path)), decoder, () => {});
  yield* guarded(decoder, where);
  // The decoder stops at the first zero after a member. Padding is allowed there; other data would be lost silently.
  const { size } = await withFile(path, async (file) => file);
  for await (const chunk of fileChunks(path, decoder.bytesWritten, size)) {
    if (!isBlank(chunk)) throw damagedArchive(where, 'something else follows the compressed data');
  }
}

const COMPRESSION_ENDING = /(.)\.(?:gz|bz2|xz|zst)$/i;
const TAR_NAME = /\.(?:tar(?:\.[a-z0-9]+)?|tgz|tbz2?|txz|tzst)$/i;

/** True when the URL or path has the name of a tar archive. */
export function isNamedTar(url: string): boolean {
  return TAR_NAME.test(shownUrl(url));
}

/**
 * The name for the single file in a compressed file: the last part of the URL without the suffix of the compression.
 * @throws Problem when the URL does not end with a name
 */
export function unpackedName(url: string): string {
  const last = shownUrl(url).split('/').at(-1) ?? '';
  const name = (hasScheme(url) ? percentDecode(last) : last).replace(COMPRESSION_ENDING, '$1');
  if (/^\.{0,2}$|[/\0]/.test(name)) {
    throw new Problem('the URL has no name for the unpacked file', {
      where: shownUrl(url),
      hint: 'end it with the name of a file, as in /notes.txt.gz',
    });
  }
  return name;
}

function hasScheme(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(url);
}
