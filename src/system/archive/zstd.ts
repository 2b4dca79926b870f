import { pipeline, Readable } from 'node:stream';
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { errnoOf, Problem } from '../../errors.ts';
import { ByteReader, fileChunks, Section } from './byte-reader.ts';
import { damagedArchive } from './entry.ts';

const FRAME = 0xfd2fb528;
const SKIPPABLE_FRAME = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const REPEATED_BYTE_BLOCK = 1;
const SMALL_BYTES = 64 * 1024;
const MOST_AT_ONCE = 2 ** 20;
const WINDOW_TOO_LARGE = 'ZSTD_error_frameParameter_windowTooLarge';

/**
 * Unpacks a zstd file with all its frames (parallel compressors write many). Node's decoder drops the frames that follow the first
 * one in a chunk, so the frames are separated here (RFC 8878, section 3) and decoded one by one.
 * @throws Problem when it is damaged, incomplete or followed by other data
 */
export async function* unzstd(path: string, where: string): AsyncGenerator<Buffer> {
  try {
    yield* decodeFrames(new ByteReader(fileChunks(path)));
  } catch (error) {
    if (errnoOf(error) === WINDOW_TOO_LARGE) {
      throw new Problem('the zstd file needs more than 128 MiB of memory', {
        where,
        hint: 'compress it without --long',
        cause: error,
      });
    }
    throw error instanceof Problem ? error : damagedArchive(where, error);
  }
}

async function* decodeFrames(bytes: ByteReader): AsyncGenerator<Buffer> {
  try {
    for (let magic = await bytes.takeIfAny(4); magic !== undefined; magic = await bytes.takeIfAny(4)) {
      const kind = magic.readUInt32LE();
      if (kind === FRAME) {
        yield* decodeFrame(frameBytes(magic, bytes));
      } else if ((kind & 0xfffffff0) >>> 0 === SKIPPABLE_FRAME) {
        await new Section(bytes, (await bytes.take(4)).readUInt32LE()).skip();
      } else throw new Error('something else follows the compressed data');
    }
  } finally {
    await bytes.close();
  }
}

/** Decodes a frame. A small one is decoded in one call, because thousands of streams would take long. */
async function* decodeFrame(frame: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  let next = await frame.next();
  for (; next.done !== true && length <= SMALL_BYTES; next = await frame.next()) {
    parts.push(next.value);
    length += next.value.length;
  }
  const isWhole = next.done === true;
  const unpacked = isWhole ? decodeSmall(Buffer.concat(parts)) : undefined;
  if (unpacked !== undefined) {
    if (unpacked.length > 0) yield unpacked;
    return;
  }
  const packed = Readable.from(
    (async function* () {
      yield* parts;
      if (next.done !== true) yield next.value;
      yield* frame;
    })(),
  );
  const decoder = createZstdDecompress({ rejectGarbageAfterEnd: true });
  pipeline(packed, decoder, () => {});
  yield* decoder;
}

/** The content of a frame, or undefined when it is large. */
function decodeSmall(frame: Buffer): Buffer | undefined {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: MOST_AT_ONCE });
  } catch (error) {
    if (errnoOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

/** The bytes of one frame, up to its last block and checksum. */
async function* frameBytes(magic: Buffer, bytes: ByteReader): AsyncGenerator<Buffer> {
  yield magic;
  const descriptor = await bytes.take(1);
  yield descriptor;
  const flags = descriptor[0] ?? 0;
  const isSingleSegment = (flags & 0x20) !== 0;
  const dictionaryId = DICTIONARY_ID_BYTES[(flags & 3) as 0 | 1 | 2 | 3];
  const contentSize = CONTENT_SIZE_BYTES[(flags >> 6) as 0 | 1 | 2 | 3] || (isSingleSegment ? 1 : 0);
  yield await bytes.take((isSingleSegment ? 0 : 1) + dictionaryId + contentSize);
  for (let isLast = false; !isLast; ) {
    const header = await bytes.take(3);
    yield header;
    const block = header.readUIntLE(0, 3);
    isLast = (block & 1) !== 0;
    yield* new Section(bytes, ((block >> 1) & 3) === REPEATED_BYTE_BLOCK ? 1 : block >> 3);
  }
  if ((flags & 4) !== 0) yield await bytes.take(4);
}
