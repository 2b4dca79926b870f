import { Readable } from 'node:stream';
import { Problem } from '../../errors.ts';
import { EndedEarly } from './byte-reader.ts';
import { guarded } from './entry.ts';
import { fileChunks, type RandomAccess, withFile } from './file-chunks.ts';

const HEADER_BYTES = 12;
const FOOTER_BYTES = 12;
const HEADER_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const MOST_INDEX_BYTES = 64 * 2 ** 20;
/** The decoder tells what is wrong by the numbers of xz-embedded's enum xz_ret. */
const REASONS: Readonly<Record<string, string>> = {
  3: 'out of memory',
  5: 'not in the xz format',
  7: 'bad checksum',
  8: 'unexpected end of file',
};
const LACKS: Readonly<Record<string, string>> = {
  2: 'a checksum of this kind',
  4: 'a dictionary of more than 64 MiB',
  6: 'this filter or checksum',
};

/** Where one of the streams that a file is made of lies. */
interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * Unpacks an xz file, all of its streams. The decoder stops after one stream without saying so; their extents are
 * therefore read from the indexes at their ends first, as `xz --list` does.
 * @throws Problem when it is damaged, cut short, or packed with an option that the decoder lacks
 */
export async function* unxz(path: string, where: string): AsyncGenerator<Buffer> {
  yield* guarded(decodeStreams(path, where), where);
}

async function* decodeStreams(path: string, where: string): AsyncGenerator<Buffer> {
  const { XzReadableStream } = await loadDecoder();
  for (const { start, end } of await withFile(path, findStreams)) {
    const packed = Readable.from(fileChunks(path, start, end));
    try {
      const unpacked = new XzReadableStream(Readable.toWeb(packed) as ReadableStream<Uint8Array>);
      for await (const chunk of unpacked) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    } catch (error) {
      throw decoderError(error, where);
    } finally {
      packed.destroy(); // after an error the decoder does not let go of it
    }
  }
}

/** The package is CommonJS in a wrapper: bundled, its names are there; loaded by Node as it is, they are under `default`. */
async function loadDecoder(): Promise<typeof import('xz-decompress')> {
  const library: typeof import('xz-decompress') & { readonly default?: typeof import('xz-decompress') } = await import(
    'xz-decompress'
  );
  return library.default ?? library;
}

function decoderError(error: unknown, where: string): unknown {
  const code = error instanceof Error ? /error code (\d+)/.exec(error.message)?.[1] : undefined;
  if (code !== undefined && code in LACKS) {
    return new Problem(`the xz decoder does not support ${LACKS[code]}`, {
      where,
      hint: 'make the file by plain xz -6',
      cause: error,
    });
  }
  if (code !== undefined) return new Error(REASONS[code] ?? `error ${code} of the xz decoder`);
  // Asked for more input at the end of it, the decoder trips over null.
  return error instanceof TypeError ? new EndedEarly() : error;
}

/** Walks from the end of the file to its start, over the footer and index of each stream. */
async function findStreams(file: RandomAccess): Promise<Extent[]> {
  const extents: Extent[] = [];
  for (let end = await withoutPadding(file, file.size); end > 0; end = await withoutPadding(file, end)) {
    if (end < HEADER_BYTES + FOOTER_BYTES) throw new EndedEarly();
    const footer = await file.read(end - FOOTER_BYTES, FOOTER_BYTES);
    if (footer.toString('latin1', 10) !== 'YZ') throw new EndedEarly();
    const indexSize = (footer.readUInt32LE(4) + 1) * 4;
    if (indexSize > MOST_INDEX_BYTES || indexSize > end - HEADER_BYTES - FOOTER_BYTES)
      throw new Error('its index is out of bounds');
    const indexStart = end - FOOTER_BYTES - indexSize;
    const start = indexStart - blockBytes(await file.read(indexStart, indexSize)) - HEADER_BYTES;
    if (start < 0 || !(await file.read(start, HEADER_MAGIC.length)).equals(HEADER_MAGIC))
      throw new Error('its index does not fit its content');
    extents.unshift({ start, end });
    end = start;
  }
  return extents;
}

/** Streams may be followed by zeros, four at a time. */
async function withoutPadding(file: RandomAccess, end: number): Promise<number> {
  let position = end;
  while (position >= 4 && (await file.read(position - 4, 4)).readUInt32LE() === 0) position -= 4;
  return position;
}

/** The bytes that the blocks of a stream take, from its index (xz file format, section 4). */
function blockBytes(index: Buffer): number {
  let at = 1;
  const number = (): number => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = index[at++];
      if (byte === undefined || value > Number.MAX_SAFE_INTEGER / 2) throw new Error('its index is out of bounds');
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
  };
  if (index[0] !== 0) throw new Error('its index is missing');
  let total = 0;
  for (let left = number(); left > 0; left -= 1) {
    total += Math.ceil(number() / 4) * 4;
    number(); // the unpacked size
  }
  return total;
}
