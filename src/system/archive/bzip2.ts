import { ByteReader, EndedEarly } from './byte-reader.ts';
import { Bits, RunReader, readBlock } from './bzip2-block.ts';
import { guarded } from './entry.ts';
import { fileChunks } from './file-chunks.ts';

const BYTES_A_LEVEL = 100_000;
const BLOCK_MARK = 0x314159265359;
const END_MARK = 0x177245385090;
/** More than a block can take: 900,000 symbols of at most 20 bits, and its tables. */
const MOST_PACKED_BYTES = 2.5 * 2 ** 20;
const PIECE_BYTES = 64 * 1024;

/** Unpacks a bzip2 file, all of its streams. @throws Problem when it is damaged, cut short or followed by something else */
export async function* bunzip2(path: string, where: string): AsyncGenerator<Buffer> {
  yield* guarded(decodeStreams(new ByteReader(fileChunks(path))), where);
}

async function* decodeStreams(bytes: ByteReader): AsyncGenerator<Buffer> {
  // Of the largest block that there is; what is never touched takes no memory.
  const links = new Uint32Array(9 * BYTES_A_LEVEL);
  try {
    do {
      const header = (await bytes.take(4)).toString('latin1');
      if (!/^BZh[1-9]$/.test(header)) throw new Error('something else follows the compressed data');
      yield* decodeStream(bytes, links.subarray(0, Number(header[3]) * BYTES_A_LEVEL));
      await bytes.skipZeros();
    } while ((await bytes.peek(1)).length > 0);
  } finally {
    await bytes.close();
  }
}

/** The blocks of a stream follow each other bit by bit. */
async function* decodeStream(bytes: ByteReader, links: Uint32Array): AsyncGenerator<Buffer> {
  let bit = 0;
  let combined = 0;
  for (;;) {
    const packed = await bytes.peek(MOST_PACKED_BYTES);
    const bits = new Bits(packed, bit);
    const mark = bits.takeLong(48);
    const crc = bits.takeLong(32);
    const block = mark === BLOCK_MARK ? readBlock(bits, links) : undefined;
    if (mark !== BLOCK_MARK && mark !== END_MARK) throw new Error('a block without its mark');
    if (bits.position > packed.length * 8) throw new EndedEarly();
    bit = bits.position & 7;
    await bytes.take(block === undefined ? Math.ceil(bits.position / 8) : bits.position >> 3);
    if (block === undefined) {
      if (crc !== combined) throw new Error('bad checksum');
      return;
    }
    const content = new RunReader(links, block);
    for (let piece = content.next(PIECE_BYTES); piece.length > 0; piece = content.next(PIECE_BYTES)) yield piece;
    if (crc !== content.crc) throw new Error('bad checksum');
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0;
  }
}
