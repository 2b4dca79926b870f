import { isUtf8 } from 'node:buffer';
import { close, closeSync, createReadStream, fstatSync, openSync, read } from 'node:fs';
import { crc32 } from 'node:zlib';
import type * as Yauzl from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { Problem } from '../../errors.ts';
import { EndedEarly } from './byte-reader.ts';
import {
  type ArchiveEntry,
  type Budget,
  damagedArchive,
  guarded,
  keptMode,
  normalName,
  refusedEntry,
  usableTime,
} from './entry.ts';

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
/** The longest target of a link on Linux. */
const MOST_TARGET_BYTES = 4096;

/**
 * Reads the entries of a zip archive, with modes and links as Unix tools store them. Sizes and checksums are verified. Absolute names
 * and names with `..` are refused.
 * @throws Problem when it is damaged, incomplete, encrypted, or contains anything but files, directories and links
 */
export async function* readZip(path: string, where: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  let zip: ZipFile;
  try {
    zip = await openBounded(await import('yauzl'), path);
  } catch (error) {
    throw damagedArchive(where, error);
  }
  zip.on('error', () => {}); // the iterator throws it, too; without a listener it would end the process
  try {
    for await (const entry of entriesOf(zip, where)) {
      budget.countEntry();
      yield await decodeEntry(zip, entry, where, budget);
    }
  } finally {
    zip.close();
  }
}

/** Opens the file with a reader of our own: that of the library throws an uncaught error for a position far outside the file. */
async function openBounded({ RandomAccessReader, ...yauzl }: typeof Yauzl, path: string): Promise<ZipFile> {
  const fd = openSync(path, 'r');
  const { size } = fstatSync(fd);
  class Reader extends RandomAccessReader {
    override _readStreamForRange(start: number, end: number) {
      return createReadStream(path, { start, end: end - 1 }); // closed by the code that ends it early
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
    name: normalName(raw),
    mode: keptMode(unix) || (kind === 'directory' ? DEFAULT_DIRECTORY_MODE : DEFAULT_FILE_MODE),
    modified: usableTime(zipTime(entry)),
  };
  if (kind === 'directory') return { ...common, kind };
  if (entry.isEncrypted()) {
    throw new Problem(`the zip archive is encrypted (its entry ${JSON.stringify(raw)})`, {
      where,
      hint: 'create it without a password',
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

// Names and times of zip archives, read as Info-ZIP's unzip does on Linux.

const UTF8_FLAG = 0x800;
const UNICODE_PATH = 0x7075;
const TIMESTAMP = 0x5455;
const OLD_TIMESTAMP = 0x5855;
const HAS_MODIFIED = 1;
/** MS-DOS and OS/2, whose names are in the code page of their consoles. */
const CODE_PAGE_HOSTS: ReadonlySet<number> = new Set([0, 6]);
/** From 128 on; lower codes are ASCII. */
const CODE_PAGE_437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/**
 * The name of an entry. It is taken from the Unicode path field, if there is one for this name. Otherwise it is UTF-8, if it is
 * marked as UTF-8, or if it is valid UTF-8 and was not made on DOS. Otherwise it is in code page 437. In a name from DOS with only
 * backslashes, these become slashes.
 * @throws Problem when it is empty, absolute, has `..`, or is marked as UTF-8 and is not
 */
function zipName(entry: Entry, where: string): string {
  const raw = entry.fileNameRaw;
  const isOfDos = CODE_PAGE_HOSTS.has(entry.versionMadeBy >> 8);
  const unicode = field(entry, UNICODE_PATH, 6);
  const isForThis = unicode?.[0] === 1 && unicode.readUInt32LE(1) === crc32(raw);
  const bytes = unicode !== undefined && isForThis ? unicode.subarray(5) : raw;
  const isMarked = bytes !== raw || (entry.generalPurposeBitFlag & UTF8_FLAG) !== 0;
  if (isMarked && !isUtf8(bytes)) throw refusedEntry(bytes.toString(), 'has a name that is not UTF-8', where);
  const text = isMarked || (!isOfDos && isUtf8(bytes)) ? bytes.toString() : decodeCodePage(bytes);
  const name = isOfDos && !text.includes('/') ? text.replaceAll('\\', '/') : text;
  if (name === '') throw refusedEntry(name, 'has no name', where);
  if (name.includes('\0')) throw refusedEntry(name, 'has a NUL in its name', where);
  const isAbsolute = name.startsWith('/') || (isOfDos && /^[a-z]:/i.test(name));
  if (isAbsolute || name.split('/').includes('..')) throw refusedEntry(name, 'leads out of the destination', where);
  return name;
}

/** When the file was changed last: in UTC where a field has it, otherwise in local time. */
function zipTime(entry: Entry): Date {
  const { lastModFileDate: date, lastModFileTime: time } = entry;
  const year = 1980 + (date >> 9);
  const month = Math.max(((date >> 5) & 0xf) - 1, 0);
  const local = new Date(year, month, date & 0x1f, time >> 11, (time >> 5) & 0x3f, (time & 0x1f) * 2);
  const seconds = secondsOf(entry);
  // A negative number either overflowed in 2038, or is from before 1970 and is ignored.
  if (seconds === undefined || (seconds < 0 && year < 2038)) return local;
  return new Date((seconds >>> 0) * 1000);
}

function secondsOf(entry: Entry): number | undefined {
  const timestamp = field(entry, TIMESTAMP, 5);
  if (timestamp !== undefined && ((timestamp[0] ?? 0) & HAS_MODIFIED) !== 0) return timestamp.readInt32LE(1);
  return field(entry, OLD_TIMESTAMP, 8)?.readInt32LE(4);
}

function field(entry: Entry, id: number, least: number): Buffer | undefined {
  return entry.extraFields.find((extra) => extra.id === id && extra.data.length >= least)?.data;
}

function decodeCodePage(bytes: Buffer): string {
  return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : CODE_PAGE_437[byte - 128])).join('');
}
