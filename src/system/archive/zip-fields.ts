import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Entry } from 'yauzl';
import { refusedEntry } from './entry.ts';

// Names and times of zip archives, as Info-ZIP's unzip takes them on Linux.

const UTF8_FLAG = 0x800;
const UNICODE_PATH = 0x7075;
const TIMESTAMP = 0x5455;
const OLD_TIMESTAMP = 0x5855;
const HAS_MODIFIED = 1;
/** MS-DOS and OS/2, whose names are in the code page of their consoles. */
const CODE_PAGE_HOSTS: ReadonlySet<number> = new Set([0, 6]);
/** From 128 on; what is below is ASCII. */
const CODE_PAGE_437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/**
 * The name of an entry: what the Unicode path field says, where it is there for this very name; else UTF-8 where it is
 * marked as that, or where it was made elsewhere than in DOS and is that; else of code page 437. A name of DOS with
 * nothing but backslashes has slashes instead.
 * @throws Problem when it is none, marked as UTF-8 and is not, absolute, or holds `..`
 */
export function zipName(entry: Entry, where: string): string {
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

/** When the file was changed last: in UTC where a field says so, else by the clock on the wall here. */
export function zipTime(entry: Entry): Date {
  const { lastModFileDate: date, lastModFileTime: time } = entry;
  const year = 1980 + (date >> 9);
  const month = Math.max(((date >> 5) & 0xf) - 1, 0);
  const local = new Date(year, month, date & 0x1f, time >> 11, (time >> 5) & 0x3f, (time & 0x1f) * 2);
  const seconds = secondsOf(entry);
  // Below zero it overflowed in 2038, or is from before 1970 and not believed.
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
