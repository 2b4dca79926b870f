import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Problem } from '../../errors.ts';
import { ByteReader, fileChunks, Section } from './byte-reader.ts';
import { guarded } from './entry.ts';
import { Lzma2 } from './lzma.ts';
import { type Filter, makeFilter } from './xz-filters.ts';

const HEADER_MAGIC = 'fd377a585a00';
const FOOTER_MAGIC = 'YZ';
const BAD_CHECKSUM = 'bad checksum';
const BAD_HEADER = 'a header of a block that cannot be read';
const LZMA2 = 0x21;
const MOST_DICTIONARY_BYTES = 64 * 2 ** 20;

interface Checksum {
  update(bytes: Buffer): unknown;
  digest(): Buffer;
}
const CHECKSUMS: ReadonlyMap<number, () => Checksum> = new Map([
  [0, () => ({ update: () => {}, digest: () => Buffer.alloc(0) })],
  [1, startCrc32],
  [4, () => new Crc64()],
  [10, () => createHash('sha256')],
]);

/**
 * Unpacks an xz file with all its streams (xz file format 1.2.1). All its checksums and sizes are verified.
 * @throws Problem when it is damaged, incomplete, or compressed with an option that is not supported here
 */
export async function* unxz(path: string, where: string): AsyncGenerator<Buffer> {
  yield* guarded(decodeStreams(new ByteReader(fileChunks(path)), where), where);
}

async function* decodeStreams(bytes: ByteReader, where: string): AsyncGenerator<Buffer> {
  const decoder = new Lzma2();
  try {
    do {
      yield* decodeStream(bytes, decoder, where);
      // Streams may be followed by zeros, four at a time.
      const end = bytes.taken;
      await bytes.skipZeros();
      if ((bytes.taken - end) % 4 !== 0) throw new Error('its padding is invalid');
    } while ((await bytes.peek(1)).length > 0);
  } finally {
    await bytes.close();
  }
}

async function* decodeStream(bytes: ByteReader, decoder: Lzma2, where: string): AsyncGenerator<Buffer> {
  const header = await bytes.take(12);
  if (header.toString('hex', 0, 6) !== HEADER_MAGIC) throw new Error('something else follows the compressed data');
  verifyCrc32(header.subarray(6, 8), header.readUInt32LE(8));
  const checksum = CHECKSUMS.get(header.readUInt16BE(6));
  if (checksum === undefined) throw unsupported('a checksum of this kind', where);
  const records = new Records();
  for (let size = await bytes.take(1); size[0] !== 0; size = await bytes.take(1)) {
    const start = bytes.taken - 1;
    const block = await readBlockHeader(bytes, size, where);
    const dataStart = bytes.taken;
    const sum = checksum();
    let unpacked = 0;
    for await (const chunk of filtered(decoder.chunks(bytes, block.dictionary), block.filters)) {
      sum.update(chunk);
      unpacked += chunk.length;
      if (chunk.length > 0) yield chunk;
    }
    const packed = bytes.taken - dataStart;
    if ((block.packed ?? packed) !== packed || (block.unpacked ?? unpacked) !== unpacked)
      throw new Error('a wrong size');
    if (!(await bytes.take(-packed & 3)).every((byte) => byte === 0)) throw new Error('its padding is invalid');
    const expected = sum.digest();
    const unpadded = dataStart - start + packed + expected.length;
    if (!(await bytes.take(expected.length)).equals(expected)) throw new Error(BAD_CHECKSUM);
    records.add(unpadded, unpacked);
  }
  const footer = Buffer.alloc(6);
  footer.writeUInt32LE((await records.compare(bytes)) / 4 - 1);
  header.copy(footer, 4, 6, 8);
  const written = await bytes.take(12);
  verifyCrc32(written.subarray(4, 10), written.readUInt32LE());
  if (!written.subarray(4, 10).equals(footer) || written.toString('latin1', 10) !== FOOTER_MAGIC)
    throw new Error('its footer does not match its content');
}

interface BlockHeader {
  readonly packed: number | undefined;
  readonly unpacked: number | undefined;
  /** In the order in which they have to be undone. */
  readonly filters: readonly Filter[];
  /** Bytes. */
  readonly dictionary: number;
}

async function readBlockHeader(bytes: ByteReader, size: Buffer, where: string): Promise<BlockHeader> {
  const length = ((size[0] as number) + 1) * 4;
  const rest = await bytes.take(length - 1);
  const header = Buffer.concat([size, rest.subarray(0, -4)]);
  verifyCrc32(header, rest.readUInt32LE(rest.length - 4));
  const fields = new Fields(header.subarray(2));
  const flags = header[1] as number;
  const packed = (flags & 0x40) === 0 ? undefined : fields.number();
  const unpacked = (flags & 0x80) === 0 ? undefined : fields.number();
  const filters: Filter[] = [];
  for (let left = flags & 3; left > 0; left -= 1) {
    const filter = makeFilter(fields.number(), fields.take(fields.number()));
    if (filter === undefined) throw unsupported('this filter', where);
    filters.unshift(filter);
  }
  const isLzma2 = fields.number() === LZMA2;
  const [code = 0] = fields.take(fields.number());
  if (!isLzma2 || (flags & 0x3c) !== 0 || fields.rest().some((byte) => byte !== 0))
    throw unsupported('this filter', where);
  const dictionary = (2 | (code & 1)) * 2 ** ((code >> 1) + 11);
  if (dictionary > MOST_DICTIONARY_BYTES) throw unsupported('a dictionary of more than 64 MiB', where);
  return { packed, unpacked, filters, dictionary };
}

async function* filtered(chunks: AsyncIterable<Buffer>, filters: readonly Filter[]): AsyncGenerator<Buffer> {
  const undo = (chunk: Buffer, isLast: boolean): Buffer =>
    filters.reduce((bytes, filter) => filter(bytes, isLast), chunk);
  for await (const chunk of chunks) yield undo(chunk, false);
  if (filters.length > 0) yield undo(Buffer.alloc(0), true);
}

/** The expected index of a stream: it repeats the sizes of the blocks. */
class Records {
  #count = 0;
  #length = 0;
  #crc = 0;

  add(unpadded: number, unpacked: number): void {
    const record = Buffer.concat([encodeNumber(unpadded), encodeNumber(unpacked)]);
    this.#crc = crc32(record, this.#crc);
    this.#length += record.length;
    this.#count += 1;
  }

  /** Reads an index after its first byte. @returns its length @throws Error when it does not match */
  async compare(bytes: ByteReader): Promise<number> {
    const head = Buffer.concat([Buffer.alloc(1), encodeNumber(this.#count)]);
    const misfit = new Error('its index does not match its content');
    if (!(await bytes.take(head.length - 1)).equals(head.subarray(1))) throw misfit;
    let own = 0;
    let whole = crc32(head);
    for await (const part of new Section(bytes, this.#length)) {
      own = crc32(part, own);
      whole = crc32(part, whole);
    }
    if (own !== this.#crc) throw misfit;
    const padding = Buffer.alloc(-(head.length + this.#length) & 3);
    if (!(await bytes.take(padding.length)).equals(padding)) throw misfit;
    if ((await bytes.take(4)).readUInt32LE() !== crc32(padding, whole)) throw new Error(BAD_CHECKSUM);
    return head.length + this.#length + padding.length + 4;
  }
}

/** Reads the parts of a block's header. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A number of 7 bits a byte, the lowest first. */
  number(): number {
    let value = 0;
    for (let weight = 1; weight < 2 ** 53; weight *= 128) {
      const [byte = 0x80] = this.take(1);
      if (byte === 0 && weight > 1) break; // one byte too many
      value += (byte & 0x7f) * weight;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
    }
    throw new Error(BAD_HEADER);
  }

  take(count: number): Buffer {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Error(BAD_HEADER);
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }
}

function encodeNumber(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.from([...bytes, left]);
}

function startCrc32(): Checksum {
  let crc = 0;
  return {
    update(bytes) {
      crc = crc32(bytes, crc);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(crc);
      return bytes;
    },
  };
}

function verifyCrc32(bytes: Buffer, written: number): void {
  if (crc32(bytes) !== written) throw new Error(BAD_CHECKSUM);
}

function unsupported(what: string, where: string): Problem {
  return new Problem(`the xz decoder does not support ${what}`, { where, hint: 'compress the file with plain xz -6' });
}

/** CRC-64 of ECMA-182, reflected: xz's own checksum. */
const POLYNOMIAL = 0xc96c5795d7870f42n;
/** Bytes that are processed at a time. */
const STEP = 4;

/** For each of the bytes of a step, the low and the high halves of the remainders. */
const [LOW, HIGH] = makeTables();

/** A checksum that is updated with each piece. The digest has 8 bytes, the lowest first. */
class Crc64 {
  #low = -1;
  #high = -1;

  update(bytes: Buffer): this {
    let low = this.#low;
    let high = this.#high;
    let at = 0;
    for (const end = bytes.length - (STEP - 1); at < end; at += STEP) {
      const a = 768 + ((low ^ (bytes[at] as number)) & 0xff);
      const b = 512 + (((low >>> 8) ^ (bytes[at + 1] as number)) & 0xff);
      const c = 256 + (((low >>> 16) ^ (bytes[at + 2] as number)) & 0xff);
      const d = (low >>> 24) ^ (bytes[at + 3] as number);
      low = high ^ (LOW[a] as number) ^ (LOW[b] as number) ^ (LOW[c] as number) ^ (LOW[d] as number);
      high = (HIGH[a] as number) ^ (HIGH[b] as number) ^ (HIGH[c] as number) ^ (HIGH[d] as number);
    }
    for (; at < bytes.length; at += 1) {
      const index = (low ^ (bytes[at] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[index] as number);
      high = (high >>> 8) ^ (HIGH[index] as number);
    }
    this.#low = low;
    this.#high = high;
    return this;
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeInt32LE(~this.#low);
    bytes.writeInt32LE(~this.#high, 4);
    return bytes;
  }
}

function makeTables(): readonly [Int32Array, Int32Array] {
  const low = new Int32Array(STEP * 256);
  const high = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8 * STEP; bit += 1) {
      value = (value >> 1n) ^ ((value & 1n) * POLYNOMIAL);
      if (bit % 8 !== 7) continue;
      const index = (bit >> 3) * 256 + byte;
      low[index] = Number(BigInt.asIntN(32, value));
      high[index] = Number(BigInt.asIntN(32, value >> 32n));
    }
  }
  return [low, high];
}
