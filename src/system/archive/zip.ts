import { close, closeSync, createReadStream, fstatSync, openSync, read } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { Problem } from '../../errors.ts';
import type { Budget } from './budget.ts';
import { EndedEarly } from './byte-reader.ts';
import { type ArchiveEntry, damagedArchive, guarded, keptMode, refusedEntry, tidyName, usableTime } from './entry.ts';
import { zipName, zipTime } from './zip-fields.ts';

const MADE_ON_UNIX: ReadonlySet<number> = new Set([3, 19]);
const DOS_DIRECTORY = 0x10;
const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_DIRECTORY_MODE = 0o755;
const TYPE_BITS = 0o170000;
const TYPES: ReadonlyMap<number, 'file' | 'directory' | 'symlink'> = new Map([
  [0, 'file'],
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
]);
/** As much as Linux takes for a link. */
const MOST_TARGET_BYTES = 4096;

/**
 * Reads the entries of a zip archive, with modes and links as Unix tools note them. Sizes and checksums are verified,
 * names that are absolute or hold `..` are refused.
 * @throws Problem when it is damaged, cut short, encrypted, or holds what is no file, directory or link
 */
export async function* readZip(path: string, where: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  let zip: ZipFile;
  try {
    zip = await openBounded(await import('yauzl'), path);
  } catch (error) {
    throw damagedArchive(where, error);
  }
  zip.on('error', () => {}); // told through the iterator too; without a listener it would end the process
  try {
    for await (const entry of entriesOf(zip, where)) {
      budget.countEntry();
      yield await decodeEntry(zip, entry, where, budget);
    }
  } finally {
    zip.close();
  }
}

/** Opens the file with a reader of our own: the library's throws, where nobody catches it, for a place far out of the file. */
async function openBounded({ RandomAccessReader, ...yauzl }: typeof import('yauzl'), path: string): Promise<ZipFile> {
  const fd = openSync(path, 'r');
  const { size } = fstatSync(fd);
  class Reader extends RandomAccessReader {
    override _readStreamForRange(start: number, end: number) {
      return createReadStream(path, { start, end: end - 1 }); // whoever ends it early closes it
    }
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null, count?: number) => void,
    ): void {
      if (position + length <= size) read(fd, buffer, offset, length, position, callback);
      else setImmediate(callback, new EndedEarly());
    }
    override close(callback: (error: Error | null) => void): void {
      close(fd, callback);
    }
  }
  try {
    return await yauzl.fromRandomAccessReaderPromise(new Reader(), size, { autoClose: false, decodeStrings: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function* entriesOf(zip: ZipFile, where: string): AsyncGenerator<Entry> {
  try {
    yield* zip.eachEntry();
  } catch (error) {
    throw damagedArchive(where, error);
  }
}

async function decodeEntry(zip: ZipFile, entry: Entry, where: string, budget: Budget): Promise<ArchiveEntry> {
  const raw = zipName(entry, where);
  const unix = MADE_ON_UNIX.has(entry.versionMadeBy >> 8) ? entry.externalFileAttributes >>> 16 : 0;
  const isMarkedDirectory = raw.endsWith('/') || (unix === 0 && (entry.externalFileAttributes & DOS_DIRECTORY) !== 0);
  const kind = isMarkedDirectory ? 'directory' : TYPES.get(unix & TYPE_BITS);
  if (kind === undefined) throw refusedEntry(raw, 'is a device, FIFO or socket', where);
  const common = {
    name: tidyName(raw),
    mode: keptMode(unix) || (kind === 'directory' ? DEFAULT_DIRECTORY_MODE : DEFAULT_FILE_MODE),
    modified: usableTime(zipTime(entry)),
  };
  if (kind === 'directory') return { ...common, kind };
  if (entry.isEncrypted()) {
    throw new Problem(`the zip archive is encrypted (its entry ${JSON.stringify(raw)})`, {
      where,
      hint: 'make it without a password',
    });
  }
  if (!entry.canDecodeFileData()) {
    throw new Problem(
      `the zip archive is compressed by a method that is not supported (${entry.compressionMethod}, its entry ${JSON.stringify(raw)})`,
      {
        where,
        hint: 'use deflate',
      },
    );
  }
  budget.announce(entry.uncompressedSize);
  const content = budget.count(guarded(readContent(zip, entry, raw), where));
  if (kind === 'file') return { ...common, kind, content };
  return { ...common, kind, target: await readTarget(content, raw, where) };
}

/** The content of an entry. yauzl checks its length but not its checksum. */
async function* readContent(zip: ZipFile, entry: Entry, name: string): AsyncGenerator<Buffer> {
  let crc = 0;
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    crc = crc32(chunk as Buffer, crc);
    yield chunk as Buffer;
  }
  if (crc !== entry.crc32) throw new Error(`bad checksum of ${JSON.stringify(name)}`);
}

async function readTarget(content: AsyncIterable<Buffer>, name: string, where: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_TARGET_BYTES) throw refusedEntry(name, 'is a link with too long a target', where);
  }
  const target = Buffer.concat(chunks).toString();
  if (target === '' || target.includes('\0')) throw refusedEntry(name, 'is a link to nowhere', where);
  return target;
}
