import { ByteReader, EndedEarly, fileChunks } from './byte-reader.ts';
import { guarded } from './entry.ts';

const BYTES_A_LEVEL = 100_000;
const BLOCK_MARK = 0x314159265359;
const END_MARK = 0x177245385090;
/** More than the size of any block: 900,000 symbols of at most 20 bits, and its tables. */
const MOST_PACKED_BYTES = 2.5 * 2 ** 20;
const PIECE_BYTES = 64 * 1024;

/** Unpacks a bzip2 file with all its streams. @throws Problem when it is damaged, incomplete or followed by other data */
export async function* bunzip2(path: string, where: string): AsyncGenerator<Buffer> {
  yield* guarded(decodeStreams(new ByteReader(fileChunks(path))), where);
}

async function* decodeStreams(bytes: ByteReader): AsyncGenerator<Buffer> {
  // For the largest possible block; pages that are never used take no memory.
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

// bzip2 makes a block by these steps, which are undone here from the last to the first: runs of 4 to 259 equal bytes become 5
// bytes; the Burrows-Wheeler transform; move to front; runs of the first symbol become numbers; Huffman codes from up to six
// tables, one for each 50 symbols. The only specification of the format is the source of bzip2.

const DAMAGED = 'bad bzip2 data';
const LONGEST_CODE = 20;
const GROUP_SYMBOLS = 50;
/** Bits of the length of a run; more than any block needs. */
const MOST_RUN = 2 ** 21;
const CRC_TABLE = makeCrcTable();

/** A stream of bits, the highest bit of a byte first. */
class Bits {
  readonly #bytes: Buffer;
  #at = 0;
  #held = 0;
  #count = 0;

  /** @param skipped bits to skip at the beginning, less than 8 */
  constructor(bytes: Buffer, skipped: number) {
    this.#bytes = bytes;
    this.take(skipped);
  }

  /** The position of the next bit. */
  get position(): number {
    return this.#at * 8 - this.#count;
  }

  /** The next bits, at most 24, without taking them; zeros after the end. @throws EndedEarly far after the end */
  peek(count: number): number {
    while (this.#count < count) {
      if (this.#at > this.#bytes.length + 3) throw new EndedEarly();
      this.#held = (this.#held << 8) | (this.#at < this.#bytes.length ? (this.#bytes[this.#at] as number) : 0);
      this.#at += 1;
      this.#count += 8;
    }
    return (this.#held >>> (this.#count - count)) & ((1 << count) - 1);
  }

  /** Takes bits that `peek` has returned. */
  skip(count: number): void {
    this.#count -= count;
  }

  /** Takes the next bits, at most 24. */
  take(count: number): number {
    const value = this.peek(count);
    this.#count -= count;
    return value;
  }

  /** Takes the next bits, 24 to 48. */
  takeLong(count: number): number {
    return this.take(count - 24) * 2 ** 24 + this.take(24);
  }
}

interface Block {
  /** The position of the link to the first byte. */
  readonly first: number;
  /** In bytes, with runs still as numbers. */
  readonly length: number;
}

/**
 * Reads a block after its mark and checksum.
 * @param links with the length of the largest block of the stream; each element gets a byte, and in the higher bits the position of
 *   the next byte
 * @throws Error when it is damaged
 */
function readBlock(bits: Bits, links: Uint32Array): Block {
  if (bits.take(1) !== 0) throw new Error('it was made by a bzip2 before 0.9.5');
  const first = bits.take(24);
  const front = readBytesInUse(bits);
  const tables = new Array<Table>(bits.take(3));
  const selectors = readSelectors(bits, tables.length);
  for (let at = 0; at < tables.length; at += 1) tables[at] = readTable(bits, front.length + 2);
  const length = readBytes(bits, links, front, () => tables[selectors.next().value ?? -1]);
  if (first >= length) throw new Error(DAMAGED);
  linkBytes(links, length);
  return { first, length };
}

/** The bytes that the block uses, in order. */
function readBytesInUse(bits: Bits): Uint8Array {
  const bytes: number[] = [];
  const ranges = bits.take(16);
  for (let range = 0; range < 16; range += 1) {
    const used = (ranges & (0x8000 >> range)) === 0 ? 0 : bits.take(16);
    for (let byte = 0; byte < 16; byte += 1) if ((used & (0x8000 >> byte)) !== 0) bytes.push(range * 16 + byte);
  }
  return Uint8Array.from(bytes);
}

/** The table of each group of symbols. */
function readSelectors(bits: Bits, tables: number): Generator<number> {
  const count = bits.take(15);
  if (tables < 2 || tables > 6 || count === 0) throw new Error(DAMAGED);
  const front = Array.from({ length: tables }, (_, table) => table);
  const selectors = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    let place = 0;
    while (bits.take(1) === 1) place += 1;
    const [table] = front.splice(place, 1);
    if (table === undefined) throw new Error(DAMAGED);
    front.unshift(table);
    selectors[at] = table;
  }
  return (function* () {
    yield* selectors;
  })();
}

/** A Huffman code. The arrays are indexed by the length of a code; codes are padded to the longest length. */
interface Table {
  /** The first longer code. */
  readonly ends: Int32Array;
  readonly starts: Int32Array;
  /** The index of the first symbol of that length. */
  readonly places: Int32Array;
  /** By the length of their codes. */
  readonly symbols: Uint16Array;
}

function readTable(bits: Bits, size: number): Table {
  const lengths = new Uint8Array(size);
  let length = bits.take(5);
  for (let symbol = 0; symbol < size; symbol += 1) {
    for (;;) {
      if (length < 1 || length > LONGEST_CODE) throw new Error(DAMAGED);
      if (bits.take(1) === 0) break;
      length += bits.take(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  const starts = new Int32Array(LONGEST_CODE + 1);
  const ends = new Int32Array(LONGEST_CODE + 1);
  const places = new Int32Array(LONGEST_CODE + 1);
  const symbols = new Uint16Array(size);
  let place = 0;
  for (let bit = 1, code = 0; bit <= LONGEST_CODE; bit += 1) {
    starts[bit] = code;
    places[bit] = place;
    for (let symbol = 0; symbol < size; symbol += 1) if (lengths[symbol] === bit) symbols[place++] = symbol;
    code += (place - (places[bit] as number)) << (LONGEST_CODE - bit);
    ends[bit] = code;
  }
  return { starts, ends, places, symbols };
}

function readSymbol(bits: Bits, { starts, ends, places, symbols }: Table): number {
  const code = bits.peek(LONGEST_CODE);
  let length = 1;
  while (length <= LONGEST_CODE && code >= (ends[length] as number)) length += 1;
  if (length > LONGEST_CODE) throw new Error(DAMAGED);
  bits.skip(length);
  const at = (places[length] as number) + ((code - (starts[length] as number)) >> (LONGEST_CODE - length));
  return symbols[at] as number;
}

/** Reads the bytes of the block, each into its link. @returns their number */
function readBytes(bits: Bits, links: Uint32Array, front: Uint8Array, nextTable: () => Table | undefined): number {
  const end = front.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  let left = 0;
  let table: Table | undefined;
  for (;;) {
    if (left === 0) {
      table = nextTable();
      left = GROUP_SYMBOLS;
    }
    if (table === undefined) throw new Error(DAMAGED);
    left -= 1;
    const symbol = readSymbol(bits, table);
    if (symbol < 2) {
      run += weight << symbol;
      weight *= 2;
      if (weight > MOST_RUN) throw new Error(DAMAGED);
      continue;
    }
    if (length + run > links.length || (run > 0 && front.length === 0)) throw new Error(DAMAGED);
    if (run > 0) links.fill(front[0] as number, length, length + run);
    length += run;
    run = 0;
    weight = 1;
    if (symbol === end) return length;
    if (length === links.length) throw new Error(DAMAGED);
    const byte = front[symbol - 1] as number;
    front.copyWithin(1, 0, symbol - 1);
    front[0] = byte;
    links[length++] = byte;
  }
}

/** Undoes the sort: puts the position of the next byte into the higher bits of each link. */
function linkBytes(links: Uint32Array, length: number): void {
  const places = new Uint32Array(256);
  for (let at = 0; at < length; at += 1) {
    const byte = (links[at] as number) & 0xff;
    places[byte] = (places[byte] as number) + 1;
  }
  for (let byte = 0, total = 0; byte < 256; byte += 1) {
    const count = places[byte] as number;
    places[byte] = total;
    total += count;
  }
  for (let at = 0; at < length; at += 1) {
    const byte = (links[at] as number) & 0xff;
    const place = places[byte] as number;
    links[place] = ((links[place] as number) | (at << 8)) >>> 0;
    places[byte] = place + 1;
  }
}

/** The content of a block: follows its links and expands the runs. */
class RunReader {
  readonly #links: Uint32Array;
  #left: number;
  #link: number;
  #last = -1;
  #equal = 0;
  #copies = 0;
  #crc = -1;

  constructor(links: Uint32Array, { first, length }: Block) {
    this.#links = links;
    this.#left = length;
    this.#link = (links[first] as number) >>> 8;
  }

  /** The checksum of the bytes that were read so far. */
  get crc(): number {
    return ~this.#crc >>> 0;
  }

  /** The next bytes, at most `most`; none at the end. */
  next(most: number): Buffer {
    const piece = Buffer.allocUnsafe(most);
    const links = this.#links;
    let at = 0;
    let crc = this.#crc;
    let [last, link, left, equal, copies] = [this.#last, this.#link, this.#left, this.#equal, this.#copies];
    while (at < most && (copies > 0 || left > 0)) {
      if (copies > 0) copies -= 1;
      else {
        left -= 1;
        const byte = (links[link] as number) & 0xff;
        link = (links[link] as number) >>> 8;
        if (equal === 4) {
          copies = byte;
          equal = 0;
          continue;
        }
        equal = byte === last ? equal + 1 : 1;
        last = byte;
      }
      piece[at++] = last;
      crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ last] as number);
    }
    [this.#last, this.#link, this.#left, this.#equal, this.#copies] = [last, link, left, equal, copies];
    this.#crc = crc;
    return piece.subarray(0, at);
  }
}

/** CRC-32 with the usual polynomial, but with the highest bit first, which zlib does not have. */
function makeCrcTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte << 24;
    for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
    return value;
  });
}
