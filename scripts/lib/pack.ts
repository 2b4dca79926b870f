import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import type { PackedIndex } from '../../src/packed.ts';

/** Enough for the offset of a byte in any executable. */
const DIGITS = 12;
/** V8 copies a code cache that is not aligned. */
const ALIGNMENT = 8;
/**
 * Files that not every boot needs are compressed, which costs a millisecond when one is read. By brotli, because its result, unlike that
 * of zlib, does not depend on the processor.
 */
const COMPRESSED: ReadonlySet<string> = new Set(['cfntools', 'execa', 'proxied', 'saxes']);
/** Rarely needed: proxies, and errors in XML. */
const WITHOUT_CODE: ReadonlySet<string> = new Set(['proxied', 'saxes']);

/** Makes the asset that src/packed.ts reads, from the bundles in a directory: their sources and, if requested, their code caches. */
export function pack(names: readonly string[], directory: string, withCode: boolean): Buffer {
  const parts: Buffer[] = [];
  const files: Record<string, readonly [number, number]> = {};
  let offset = 0;
  const add = (name: string, content: Buffer): void => {
    files[name] = [offset, content.length];
    const padding = Buffer.alloc(missing(content.length));
    parts.push(content, padding);
    offset += content.length + padding.length;
  };
  for (const name of names) {
    const file = `${name}.cjs`;
    const source = readFileSync(join(directory, file));
    // src/packed.ts reads one byte as one character.
    if (source.some((byte) => byte > 0x7f)) throw new Error(`${file} is not ASCII: write \\u escapes in its patterns`);
    if (COMPRESSED.has(name)) add(`${file}.br`, brotliCompressSync(source));
    else add(file, source);
    if (withCode && !WITHOUT_CODE.has(name)) add(`${name}.cache`, codeOf(name, directory));
  }
  const first = JSON.stringify({ at: '0'.repeat(DIGITS), files } satisfies PackedIndex);
  return Buffer.concat([Buffer.from(`${first}${' '.repeat(missing(first.length + 1))}\n`), ...parts]);
}

/**
 * Fills in the offsets of the files of the asset.
 * @param executable with the asset in it, changed in place
 * @throws Error when the asset does not occur exactly once
 */
export function fillInPlace(executable: Buffer, packed: Buffer): void {
  const line = packed.subarray(0, packed.indexOf('\n') + 1);
  const found = executable.indexOf(line);
  if (found < 0 || executable.indexOf(line, found + 1) >= 0) throw new Error('the packed files are not there once');
  const place = found + line.indexOf('0'.repeat(DIGITS));
  executable.write(String(found + line.length).padStart(DIGITS, '0'), place, 'latin1');
}

function missing(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
}

/**
 * With a fixed seed for the hashes of names, which are stored in the code cache, and with V8 in a single thread, because the age of
 * compiled functions is stored there, too. So two builds are the same.
 */
function codeOf(name: string, directory: string): Buffer {
  const program = join(import.meta.dirname, 'code-cache.ts');
  const words = ['--random-seed=1', '--predictable', program, name];
  return execFileSync(process.execPath, words, { cwd: directory, maxBuffer: 2 ** 26 });
}
