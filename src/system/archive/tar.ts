import { isUtf8 } from 'node:buffer';
import { parseOctal } from '../../octal.ts';
import { type ByteReader, EndedEarly, Section } from './byte-reader.ts';
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

const BLOCK_BYTES = 512;
/** Names and pax records are held in memory. */
const MOST_META_BYTES = 2 ** 20;
const SPARSE = 'a sparse file, which is not supported: make the archive without --sparse';

/** The contents of extended headers, which describe the next entry. */
interface Extension {
  readonly path?: Buffer;
  readonly linkpath?: Buffer;
  readonly size?: number;
  readonly mtime?: Date;
}

/**
 * Reads the entries of a tar archive: v7, ustar, pax and GNU, with their long names. Blank blocks are ignored, so archives that were
 * appended to each other are read completely. Volume labels are ignored.
 * @throws Problem when the archive is damaged, incomplete, or contains anything but files, directories and links
 */
export async function* readTar(bytes: ByteReader, where: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  let extension: Extension = {};
  for (let block = await nextBlock(bytes, where); block !== undefined; block = await nextBlock(bytes, where)) {
    if (isBlank(block)) continue;
    if (!hasValidChecksum(block)) throw damagedArchive(where, 'bad checksum of a header');
    const header = decodeTarHeader(block);
    const { type } = header;
    budget.countEntry();
    if (META_TYPES.has(type)) {
      extension = { ...extension, ...decodeMeta(type, await takeMeta(bytes, header.size, where), where) };
      continue;
    }
    if (type === VOLUME_LABEL) {
      const size = checkSize(header.size ?? 0, where);
      await skipBody(new Section(bytes, size), bytes, size, where);
      continue;
    }
    const name = decodeName(extension.path ?? header.name, where);
    if (name === '') throw refusedEntry(name, 'has no name', where);
    const common = {
      name: normalName(name),
      mode: keptMode(header.mode ?? 0),
      modified: usableTime(extension.mtime ?? new Date((header.modified ?? Number.NaN) * 1000)),
    };
    const kind = name.endsWith('/') && KINDS[type] === 'file' ? 'directory' : KINDS[type];
    const hasContent = kind === 'file' || type === GNU_DUMP_DIRECTORY;
    const size = checkSize(hasContent ? (extension.size ?? header.size) : 0, where);
    budget.announce(size);
    const body = new Section(bytes, size);
    if (kind === 'file') yield { ...common, kind, content: guarded(body, where) };
    else if (kind === 'directory') yield { ...common, kind };
    else if (kind !== undefined) {
      const target = decodeName(extension.linkpath ?? header.target, where, name);
      if (target === '') throw refusedEntry(name, 'is a link to nowhere', where);
      yield { ...common, kind, target: kind === 'hardlink' ? normalName(target) : target };
    } else throw refusedEntry(name, `is ${UNSUPPORTED_KINDS[type] ?? 'of a kind that is not supported'}`, where);
    await skipBody(body, bytes, size, where);
    extension = {};
  }
  if (Object.keys(extension).length > 0) throw damagedArchive(where, new EndedEarly());
}

const VOLUME_LABEL = 'V';
const GNU_DUMP_DIRECTORY = 'D';
const LONG_NAMES: ReadonlySet<string> = new Set(['L', 'N']);
const LONG_TARGET = 'K';
const GLOBAL = 'g';
const META_TYPES: ReadonlySet<string> = new Set(['x', 'X', GLOBAL, ...LONG_NAMES, LONG_TARGET]);
const KINDS: Readonly<Record<string, ArchiveEntry['kind']>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
  '7': 'file',
  [GNU_DUMP_DIRECTORY]: 'directory',
};
const UNSUPPORTED_KINDS: Readonly<Record<string, string>> = {
  '3': 'a device',
  '4': 'a device',
  '6': 'a FIFO',
  S: SPARSE,
  M: 'the rest of a file from another volume',
};

/** The beginning of the list of names that pixz appends to a tar. */
const PIXZ_INDEX = Buffer.from('a64c322ed614aedb', 'hex');

async function nextBlock(bytes: ByteReader, where: string): Promise<Buffer | undefined> {
  const block = await bytes.peek(BLOCK_BYTES);
  if (block.subarray(0, PIXZ_INDEX.length).equals(PIXZ_INDEX)) {
    for await (const _ of bytes.rest()); // read to its end, so that damage is found
    return undefined;
  }
  // Any number of zeros after the end is padding.
  if (block.length < BLOCK_BYTES && !isBlank(block)) throw damagedArchive(where, new EndedEarly());
  return block.length === 0 ? undefined : await bytes.take(block.length);
}

function checkSize(size: number | undefined, where: string): number {
  if (size === undefined || !Number.isSafeInteger(size)) throw damagedArchive(where, 'an entry without a size');
  return size;
}

async function takeMeta(bytes: ByteReader, size: number | undefined, where: string): Promise<Buffer> {
  if (size === undefined || !(size <= MOST_META_BYTES)) throw damagedArchive(where, 'an extended header is too long');
  try {
    return (await bytes.take(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES)).subarray(0, size);
  } catch (error) {
    throw error instanceof EndedEarly ? damagedArchive(where, error) : error;
  }
}

async function skipBody(body: Section, bytes: ByteReader, size: number, where: string): Promise<void> {
  try {
    await body.skip();
    await bytes.take((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
  } catch (error) {
    throw error instanceof EndedEarly ? damagedArchive(where, error) : error;
  }
}

function decodeMeta(type: string, body: Buffer, where: string): Extension {
  if (LONG_NAMES.has(type)) return { path: untilNul(body) };
  if (type === LONG_TARGET) return { linkpath: untilNul(body) };
  const records = decodePax(body);
  if (records === undefined) throw damagedArchive(where, 'a pax header that cannot be read');
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw refusedEntry(String(records.get('GNU.sparse.name') ?? records.get('path') ?? ''), `is ${SPARSE}`, where);
  }
  if (type === GLOBAL) return {};
  const path = records.get('path');
  const linkpath = records.get('linkpath');
  const size = records.get('size');
  const mtime = records.get('mtime');
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size: /^\d+$/.test(String(size)) ? Number(size) : Number.NaN }),
    ...(mtime === undefined ? {} : { mtime: new Date(Number(mtime) * 1000) }),
  };
}

/** The `LENGTH KEY=VALUE` lines of a pax header; undefined when they are malformed. A value may contain line breaks. */
export function decodePax(body: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const length = /^(\d{1,7}) /.exec(body.toString('latin1', at, at + 8));
    const end = at + Number(length?.[1] ?? 0);
    const equals = body.indexOf(0x3d, at);
    const start = at + (length?.[0].length ?? 0);
    if (length === null || end > body.length || body[end - 1] !== 0x0a || equals < start || equals >= end)
      return undefined;
    records.set(body.toString('utf8', start, equals), body.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The text of a name or link target. @param entry the name of the entry, for errors, where it is a target */
function decodeName(bytes: Buffer, where: string, entry = bytes.toString()): string {
  if (bytes.includes(0)) throw refusedEntry(entry, 'has a NUL in its name', where);
  if (!isUtf8(bytes)) throw refusedEntry(entry, 'has a name that is not UTF-8', where);
  return bytes.toString();
}

/** A header of a tar archive: v7, ustar, pax or GNU. Names are bytes, because an extended header may replace them. */
interface TarHeader {
  readonly name: Buffer;
  readonly target: Buffer;
  /** One character; `0` for the NUL of old archives. */
  readonly type: string;
  /** Undefined where there is no number; NaN for a number that is negative or not a safe integer. */
  readonly size: number | undefined;
  readonly mode: number | undefined;
  /** Seconds since 1970. */
  readonly modified: number | undefined;
}

/** Decodes the fields of a header whose checksum is correct. */
function decodeTarHeader(block: Buffer): TarHeader {
  const name = untilNul(block.subarray(0, 100));
  // The `ustar  ` format of GNU has other fields there.
  const prefix = block.toString('latin1', 257, 265) === 'ustar\x0000' ? untilNul(block.subarray(345, 500)) : NONE;
  const size = decodeNumber(block.subarray(124, 136));
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, SLASH, name]),
    target: untilNul(block.subarray(157, 257)),
    type: block.toString('latin1', 156, 157).replace('\0', '0'),
    size: size === undefined || (Number.isSafeInteger(size) && size >= 0) ? size : Number.NaN,
    mode: decodeNumber(block.subarray(100, 108)),
    modified: decodeNumber(block.subarray(136, 148)),
  };
}

const NONE = Buffer.alloc(0);
const SLASH = Buffer.from('/');

/** The bytes before the first NUL, or all. */
function untilNul(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0);
  return nul < 0 ? bytes : bytes.subarray(0, nul);
}

/** A number: octal digits, or the form of GNU tar for larger ones: the first bit set, then a signed binary number. */
function decodeNumber(field: Buffer): number | undefined {
  const first = field[0] ?? 0;
  if ((first & 0x80) === 0) {
    const digits = /^[ \0]*([0-7]+)/.exec(field.toString('latin1'))?.[1];
    return digits === undefined ? undefined : parseOctal(digits);
  }
  const isNegative = (first & 0x40) !== 0;
  const start = isNegative ? first - 0x100 : first & 0x3f;
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, start);
}

const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;

/** True when the checksum of a header is correct. */
export function hasValidChecksum(header: Buffer): boolean {
  const written = /^[ \0]*([0-7]+)[ \0]/.exec(header.toString('latin1', CHECKSUM_AT, CHECKSUM_END));
  if (written === null) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK_BYTES; at += 1) {
    sum += at >= CHECKSUM_AT && at < CHECKSUM_END ? 0x20 : (header[at] ?? 0);
  }
  return sum === parseOctal(written[1] ?? '');
}

/** True when there are only zeros: the end mark of a tar. An empty tar contains nothing else. */
export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
