import type { Budget } from './budget.ts';
import { type ByteReader, EndedEarly, Section } from './byte-reader.ts';
import { isBlank } from './detect.ts';
import { type ArchiveEntry, damagedArchive, guarded, keptMode, refusedEntry, tidyName, usableTime } from './entry.ts';

const BLOCK_BYTES = 512;
/** Names and pax records are held in memory. */
const MOST_META_BYTES = 2 ** 20;
const SPARSE = 'a sparse file, which is not supported: make the archive without --sparse';
const NOT_UTF8 = '\ufffd';

/** What extended headers say about the entry that follows them. */
interface Extension {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
  readonly mtime?: Date;
}

/**
 * Reads the entries of a tar archive: v7, ustar, pax and GNU, with their long names. Blank blocks are ignored, so archives
 * that were appended to each other are read whole.
 *
 * Headers are decoded by the tar package; its Parser is not used, since it leaves out entries that it does not know
 * and loses names whose bytes straddle two chunks.
 * @throws Problem when the archive is damaged, cut short or holds what is no file, directory or link
 */
export async function* readTar(bytes: ByteReader, where: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  const { Header } = await import('tar/header');
  let extension: Extension = {};
  for (let block = await nextBlock(bytes, where); block !== undefined; block = await nextBlock(bytes, where)) {
    if (isBlank(block)) continue;
    const header = new Header(block);
    if (!header.cksumValid) throw damagedArchive(where, 'bad checksum of a header');
    budget.countEntry();
    const type: string = header.type;
    if (META_TYPES.has(type)) {
      extension = { ...extension, ...decodeMeta(type, await takeMeta(bytes, header.size, where), where) };
      continue;
    }
    const name = extension.path ?? header.path ?? '';
    checkText(name, name, where);
    if (name === '') throw refusedEntry(name, 'has no name', where);
    const common = {
      name: tidyName(name),
      mode: keptMode(header.mode ?? 0),
      modified: usableTime(extension.mtime ?? header.mtime),
    };
    const kind = name.endsWith('/') && FILE_TYPES.has(type) ? 'directory' : KINDS[type];
    const size = kind === 'file' || kind === undefined || type === 'GNUDumpDir' ? (extension.size ?? header.size) : 0;
    if (size === undefined || !Number.isSafeInteger(size)) throw damagedArchive(where, 'an entry without a size');
    const body = new Section(bytes, size);
    if (kind === 'file') yield { ...common, kind, content: guarded(body, where) };
    else if (kind === 'directory') yield { ...common, kind };
    else if (kind !== undefined) {
      const target = extension.linkpath ?? header.linkpath ?? '';
      checkText(target, name, where);
      if (target === '') throw refusedEntry(name, 'is a link to nowhere', where);
      yield { ...common, kind, target: kind === 'hardlink' ? tidyName(target) : target };
    } else if (type !== 'TapeVolumeHeader')
      throw refusedEntry(name, `is ${NO_FILES[type] ?? 'of a kind that is not supported'}`, where);
    await passOver(body, bytes, size, where);
    extension = {};
  }
  if (Object.keys(extension).length > 0) throw damagedArchive(where, new EndedEarly());
}

const FILE_TYPES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);
const META_TYPES: ReadonlySet<string> = new Set([
  'ExtendedHeader',
  'OldExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
]);
const KINDS: Readonly<Record<string, ArchiveEntry['kind']>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'directory',
  GNUDumpDir: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
};
const NO_FILES: Readonly<Record<string, string>> = {
  CharacterDevice: 'a device',
  BlockDevice: 'a device',
  FIFO: 'a FIFO',
  SparseFile: SPARSE,
  ContinuationFile: 'the rest of a file from another volume',
};

async function nextBlock(bytes: ByteReader, where: string): Promise<Buffer | undefined> {
  try {
    return await bytes.takeIfAny(BLOCK_BYTES);
  } catch (error) {
    throw error instanceof EndedEarly ? damagedArchive(where, error) : error;
  }
}

async function takeMeta(bytes: ByteReader, size: number | undefined, where: string): Promise<Buffer> {
  if (size === undefined || size > MOST_META_BYTES) throw damagedArchive(where, 'an extended header is too long');
  try {
    return (await bytes.take(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES)).subarray(0, size);
  } catch (error) {
    throw error instanceof EndedEarly ? damagedArchive(where, error) : error;
  }
}

async function passOver(body: Section, bytes: ByteReader, size: number, where: string): Promise<void> {
  try {
    await body.skip();
    await bytes.take((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
  } catch (error) {
    throw error instanceof EndedEarly ? damagedArchive(where, error) : error;
  }
}

function decodeMeta(type: string, body: Buffer, where: string): Extension {
  if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') return { path: untilNul(body) };
  if (type === 'NextFileHasLongLinkpath') return { linkpath: untilNul(body) };
  const records = decodePax(body);
  if (records === undefined) throw damagedArchive(where, 'a pax header that cannot be read');
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw refusedEntry(records.get('GNU.sparse.name') ?? records.get('path') ?? '', `is ${SPARSE}`, where);
  }
  if (type === 'GlobalExtendedHeader') return {};
  const path = records.get('path');
  const linkpath = records.get('linkpath');
  const size = records.get('size');
  const mtime = records.get('mtime');
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size: /^\d+$/.test(size) ? Number(size) : Number.NaN }),
    ...(mtime === undefined ? {} : { mtime: new Date(Number(mtime) * 1000) }),
  };
}

/** The `LENGTH KEY=VALUE` lines of a pax header, or undefined when they are not that. A value may hold line breaks. */
export function decodePax(body: Buffer): ReadonlyMap<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const length = /^(\d{1,7}) /.exec(body.toString('latin1', at, at + 8));
    const end = at + Number(length?.[1] ?? 0);
    const equals = body.indexOf(0x3d, at);
    const start = at + (length?.[0].length ?? 0);
    if (length === null || end > body.length || body[end - 1] !== 0x0a || equals < start || equals >= end)
      return undefined;
    records.set(body.toString('utf8', start, equals), body.toString('utf8', equals + 1, end - 1));
    at = end;
  }
  return records;
}

function untilNul(body: Buffer): string {
  const nul = body.indexOf(0);
  return body.toString('utf8', 0, nul < 0 ? body.length : nul);
}

function checkText(text: string, name: string, where: string): void {
  if (text.includes('\0')) throw refusedEntry(name, 'has a NUL in its name', where);
  if (text.includes(NOT_UTF8)) throw refusedEntry(name, 'has a name that is not UTF-8', where);
}
