import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { onTestFinished, type TestContext } from 'vitest';
import { readArchive } from '../../../../src/system/archive/read.ts';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cfntools-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a tool with the bytes on its input and gives its output; skips the test when the tool is not there. */
export function pipe(
  context: TestContext,
  command: readonly string[],
  input: Uint8Array | string = '',
  directory?: string,
): Buffer {
  const [program = '', ...args] = command;
  try {
    return execFileSync(program, args, {
      input,
      cwd: directory,
      maxBuffer: 2 ** 28,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      context.skip(`${program} is not installed`);
    throw error;
  }
}

export interface TarEntry {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly target?: string;
  readonly mode?: number;
  readonly mtime?: number;
  /** Instead of the content's own. */
  readonly size?: number;
}

/** A ustar archive, made byte by byte: with entries that no tar would make, too. */
export function makeTar(entries: readonly TarEntry[], end = true): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? '');
    const header = Buffer.alloc(512);
    header.write(entry.name, 0, 100, 'utf8');
    header.write(`${(entry.mode ?? 0o644).toString(8).padStart(7, '0')}\0`, 100);
    header.write('0001750\0', 108);
    header.write('0001750\0', 116);
    header.write(`${(entry.size ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write(`${(entry.mtime ?? 1_000_000_000).toString(8).padStart(11, '0')}\0`, 136);
    header.write('        ', 148);
    header.write(entry.type ?? '0', 156);
    header.write(entry.target ?? '', 157, 100, 'utf8');
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  if (end) blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}

/** The body of a pax header. */
export function makePax(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const length = Buffer.byteLength(rest);
    const digits = String(length + String(length + 3).length).length;
    return `${length + digits}${rest}`;
  });
  return Buffer.from(lines.join(''));
}

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly content?: string;
  /** With the type bits; none: not made on Unix. */
  readonly unixMode?: number;
  /** The system it was made on, where no mode says so. */
  readonly host?: number;
  readonly flags?: number;
  /** Of DOS: the date above the time. */
  readonly time?: number;
  readonly extra?: Buffer;
  /** No mark that the name is UTF-8. */
  readonly isUnmarked?: boolean;
  readonly method?: number;
  readonly crc?: number;
}

/** A zip archive of stored entries, made byte by byte. */
export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name as string);
    const extra = entry.extra ?? Buffer.alloc(0);
    const content = Buffer.from(entry.content ?? '');
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE((entry.flags ?? 0) | (entry.isUnmarked === true ? 0 : 0x800), 2);
    common.writeUInt16LE(entry.method ?? 0, 4);
    common.writeUInt32LE(entry.time ?? (((2001 - 1980) << 9) | (9 << 5) | 9) * 2 ** 16, 6);
    common.writeUInt32LE(entry.crc ?? crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    common.writeUInt16LE(extra.length, 24);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(((entry.host ?? (entry.unixMode === undefined ? 0 : 3)) << 8) | 20, 4);
    common.copy(central, 6);
    central.writeUInt32LE(((entry.unixMode ?? 0) << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, extra, content]);
    parts.push(local);
    directory.push(central, name, extra);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

/** Lays out files; a value that is an object with `link` is a symbolic link, undefined a directory. */
export function layOut(
  directory: string,
  tree: Readonly<Record<string, string | { readonly link: string } | undefined>>,
): string {
  for (const [name, what] of Object.entries(tree)) {
    const path = join(directory, name);
    mkdirSync(what === undefined ? path : dirname(path), { recursive: true });
    if (typeof what === 'string') {
      writeFileSync(path, what);
      utimesSync(path, 1_000_000_000, 1_000_000_000);
    } else if (what !== undefined) symlinkSync(what.link, path);
  }
  return directory;
}

/** One line for each entry, contents included. */
export async function listArchive(
  bytes: Uint8Array,
  url: string,
  limits?: { bytes: number; entries: number },
): Promise<string[]> {
  const path = join(temporaryDirectory(), 'archive');
  writeFileSync(path, bytes);
  const lines: string[] = [];
  for await (const entry of readArchive(path, url, limits)) {
    const mode = entry.mode.toString(8).padStart(4, '0');
    if (entry.kind === 'file') {
      const chunks: Buffer[] = [];
      for await (const chunk of entry.content) chunks.push(chunk);
      const content = Buffer.concat(chunks);
      lines.push(`file ${mode} ${entry.name}: ${content.length > 40 ? `${content.length} bytes` : content.toString()}`);
    } else if (entry.kind === 'directory') lines.push(`directory ${mode} ${entry.name}`);
    else lines.push(`${entry.kind} ${entry.name} -> ${entry.target}`);
  }
  return lines;
}
