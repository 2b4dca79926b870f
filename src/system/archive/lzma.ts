import type { ByteReader } from './byte-reader.ts';

// LZMA, as in the chunks of LZMA2. Source: the LZMA specification in Igor Pavlov's LZMA SDK. All numbers are 32-bit integers,
// which V8 keeps in registers.

const HALF = 1024;
const SHORTEST_MATCH = 2;
const MOST_CHUNK_BYTES = 2 ** 21;

// The index of the first probability of each kind in the array of all.
const IS_MATCH = 0;
const IS_REP = IS_MATCH + 12 * 16;
const IS_REP_G0 = IS_REP + 12;
const IS_REP_G1 = IS_REP_G0 + 12;
const IS_REP_G2 = IS_REP_G1 + 12;
const IS_REP0_LONG = IS_REP_G2 + 12;
const SLOT = IS_REP0_LONG + 12 * 16;
const SPECIAL = SLOT + 4 * 64;
const ALIGN = SPECIAL + 128;
const MATCH_LENGTH = ALIGN + 16;
const REP_LENGTH = MATCH_LENGTH + 2 + 2 * 16 * 8 + 256;
const LITERAL = REP_LENGTH + 2 + 2 * 16 * 8 + 256;
const LITERAL_CODER = 0x300;
const MOST_LITERAL_BITS = 4;

/** Decodes chunks one after the other. Keeps as many bytes in memory as the dictionary has, at least 2 MiB. */
class LzmaDecoder {
  readonly #probs = new Uint16Array(LITERAL + (LITERAL_CODER << MOST_LITERAL_BITS));
  readonly #window: Buffer;
  readonly #dictionary: number;
  /** The position of the next byte since the dictionary was reset, without whole turns of the window, which are multiples of 16. */
  #position = 0;
  /** How many earlier bytes are available. */
  #reach = 0;
  #literalContext = 0;
  #literalMask = 0;
  #positionMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #range = 0;
  #code = 0;

  /** @param dictionary its size in bytes, a multiple of 16 */
  constructor(dictionary: number) {
    this.#dictionary = dictionary;
    this.#window = Buffer.alloc(Math.max(dictionary, MOST_CHUNK_BYTES));
  }

  resetDictionary(): void {
    this.#position = 0;
    this.#reach = 0;
  }

  /** Resets the probabilities. @param properties new ones, `(pb * 5 + lp) * 9 + lc` @throws Error for invalid ones */
  resetState(properties?: number): void {
    if (properties !== undefined) {
      const literalBits = Math.floor(properties / 9) % 5;
      this.#literalContext = properties % 9;
      if (properties >= 225 || this.#literalContext + literalBits > MOST_LITERAL_BITS)
        throw new Error('bad properties');
      this.#literalMask = (1 << literalBits) - 1;
      this.#positionMask = (1 << Math.floor(properties / 45)) - 1;
    }
    this.#probs.fill(HALF);
    this.#state = this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0;
  }

  /** Copies uncompressed bytes, at most 64 KiB. */
  store(bytes: Buffer): void {
    const count = bytes.copy(this.#window, this.#position);
    bytes.copy(this.#window, 0, count);
    this.#wrote(bytes.length);
  }

  /** The content of a chunk, of at most 2 MiB. @throws Error when it is damaged */
  decode(chunk: Buffer, size: number): Buffer {
    const start = this.#position;
    this.#input = chunk;
    this.#at = 5;
    this.#range = -1;
    this.#code = chunk.length < 5 ? -1 : chunk.readInt32BE(1);
    this.#run(size);
    // The encoder ends with a code of zero, which is the only check.
    if (chunk[0] !== 0 || this.#at !== chunk.length || this.#code !== 0) throw new Error('bad LZMA data');
    this.#wrote(size);
    const end = start + size;
    return end <= this.#window.length
      ? Buffer.from(this.#window.subarray(start, end))
      : Buffer.concat([this.#window.subarray(start), this.#window.subarray(0, end - this.#window.length)]);
  }

  #wrote(count: number): void {
    this.#position = (this.#position + count) % this.#window.length;
    this.#reach = Math.min(this.#reach + count, this.#dictionary);
  }

  #run(size: number): void {
    const window = this.#window;
    const dictionary = this.#dictionary;
    const reach = this.#reach;
    let position = this.#position;
    for (let done = 0; done < size; ) {
      const positionState = position & this.#positionMask;
      const state = this.#state;
      if (this.#bit(IS_MATCH + (state << 4) + positionState) === 0) {
        const before = reach + done === 0 ? 0 : (window[position === 0 ? window.length - 1 : position - 1] as number);
        const coder =
          LITERAL +
          LITERAL_CODER *
            (((position & this.#literalMask) << this.#literalContext) + (before >> (8 - this.#literalContext)));
        let from = position - this.#rep0 - 1;
        if (from < 0) from += window.length;
        window[position] = state < 7 ? this.#tree(coder, 8) : this.#literalAfterMatch(coder, window[from] as number);
        position = position + 1 === window.length ? 0 : position + 1;
        done += 1;
        this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      const length = this.#matchLength(positionState);
      const distance = this.#rep0;
      // An end mark, a distance of 2^32, is not allowed in LZMA2.
      if (distance < 0 || distance >= reach + done || distance >= dictionary || length > size - done)
        throw new Error('bad LZMA data');
      let from = position - distance - 1;
      if (from < 0) from += window.length;
      for (let left = length; left > 0; left -= 1) {
        window[position] = window[from] as number;
        position = position + 1 === window.length ? 0 : position + 1;
        from = from + 1 === window.length ? 0 : from + 1;
      }
      done += length;
    }
  }

  /** Reads the distance of a match into rep0. @returns its length */
  #matchLength(positionState: number): number {
    const state = this.#state;
    if (this.#bit(IS_REP + state) === 0) {
      this.#rep3 = this.#rep2;
      this.#rep2 = this.#rep1;
      this.#rep1 = this.#rep0;
      const length = this.#length(MATCH_LENGTH, positionState);
      this.#state = state < 7 ? 7 : 10;
      this.#rep0 = this.#distance(Math.min(length - SHORTEST_MATCH, 3));
      return length;
    }
    if (this.#bit(IS_REP_G0 + state) === 0) {
      if (this.#bit(IS_REP0_LONG + (state << 4) + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (this.#bit(IS_REP_G1 + state) === 1) {
        distance = this.#rep2;
        if (this.#bit(IS_REP_G2 + state) === 1) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    this.#state = state < 7 ? 8 : 11;
    return this.#length(REP_LENGTH, positionState);
  }

  #length(coder: number, positionState: number): number {
    const low = coder + 2 + positionState * 8;
    if (this.#bit(coder) === 0) return SHORTEST_MATCH + this.#tree(low, 3);
    if (this.#bit(coder + 1) === 0) return SHORTEST_MATCH + 8 + this.#tree(low + 16 * 8, 3);
    return SHORTEST_MATCH + 16 + this.#tree(coder + 2 + 2 * 16 * 8, 8);
  }

  #distance(lengthState: number): number {
    const slot = this.#tree(SLOT + lengthState * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const distance = (2 | (slot & 1)) << bits;
    if (slot < 14) return distance + this.#reverseTree(SPECIAL + distance - slot, bits);
    return distance + (this.#direct(bits - 4) << 4) + this.#reverseTree(ALIGN, 4);
  }

  #literalAfterMatch(coder: number, matched: number): number {
    let symbol = 1;
    let rest = matched;
    while (symbol < 0x100) {
      const expected = (rest >> 7) & 1;
      rest <<= 1;
      const bit = this.#bit(coder + ((1 + expected) << 8) + symbol);
      symbol = (symbol << 1) | bit;
      if (bit !== expected) while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(coder + symbol);
    }
    return symbol & 0xff;
  }

  /** A number of so many bits, the highest first. Decodes each bit in place, as #bit does, because most of the time is spent here. */
  #tree(coder: number, bits: number): number {
    const probs = this.#probs;
    const input = this.#input;
    const end = 1 << bits;
    let range = this.#range;
    let code = this.#code;
    let symbol = 1;
    while (symbol < end) {
      const index = coder + symbol;
      const probability = probs[index] as number;
      const bound = Math.imul(range >>> 11, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        probs[index] = probability + ((2048 - probability) >> 5);
        symbol <<= 1;
      } else {
        range = (range - bound) | 0;
        code = (code - bound) | 0;
        probs[index] = probability - (probability >> 5);
        symbol = (symbol << 1) | 1;
      }
      if (range >>> 24 === 0) {
        range <<= 8;
        code = (code << 8) | (input[this.#at++] as number);
      }
    }
    this.#range = range;
    this.#code = code;
    return symbol - end;
  }

  #reverseTree(coder: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let at = 0; at < bits; at += 1) {
      const bit = this.#bit(coder + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << at;
    }
    return value;
  }

  #direct(bits: number): number {
    let value = 0;
    for (let left = bits; left > 0; left -= 1) {
      this.#range >>>= 1;
      const isOne = this.#code >>> 0 >= this.#range ? 1 : 0;
      if (isOne === 1) this.#code = (this.#code - this.#range) | 0;
      value = (value << 1) | isOne;
      this.#normalize();
    }
    return value;
  }

  #bit(index: number): number {
    const probs = this.#probs;
    const probability = probs[index] as number;
    const bound = Math.imul(this.#range >>> 11, probability);
    let bit = 0;
    if (this.#code >>> 0 < bound >>> 0) {
      this.#range = bound;
      probs[index] = probability + ((2048 - probability) >> 5);
    } else {
      bit = 1;
      this.#range = (this.#range - bound) | 0;
      this.#code = (this.#code - bound) | 0;
      probs[index] = probability - (probability >> 5);
    }
    this.#normalize();
    return bit;
  }

  #normalize(): void {
    if (this.#range >>> 24 !== 0) return;
    this.#range <<= 8;
    this.#code = (this.#code << 8) | (this.#input[this.#at++] as number);
  }
}

/** Unpacks LZMA2, one block after the other. Keeps the largest dictionary of them in memory. */
export class Lzma2 {
  #lzma: { readonly decoder: LzmaDecoder; readonly dictionary: number } | undefined;

  /**
   * The content of the next block, up to its end mark, in pieces of at most 2 MiB.
   * @param dictionary its size in bytes
   * @throws Error when it is damaged or incomplete
   */
  async *chunks(bytes: ByteReader, dictionary: number): AsyncGenerator<Buffer> {
    if (this.#lzma === undefined || this.#lzma.dictionary < dictionary)
      this.#lzma = { decoder: new LzmaDecoder(dictionary), dictionary };
    const { decoder } = this.#lzma;
    let needsDictionary = true;
    let needsProperties = true;
    for (let control = await takeByte(bytes); control !== 0; control = await takeByte(bytes)) {
      if (control === 1 || control >= 0xe0) {
        decoder.resetDictionary();
        needsDictionary = false;
        needsProperties = true;
      }
      const isStored = control < 0x80;
      if (needsDictionary || (isStored && control > 2) || (!isStored && control < 0xc0 && needsProperties))
        throw new Error('bad LZMA data');
      if (isStored) {
        const stored = await bytes.take((await bytes.take(2)).readUInt16BE() + 1);
        decoder.store(stored);
        yield stored;
        continue;
      }
      const sizes = await bytes.take(4);
      const unpacked = ((control & 0x1f) << 16) + sizes.readUInt16BE() + 1;
      if (control >= 0xc0) {
        decoder.resetState(await takeByte(bytes));
        needsProperties = false;
      } else if (control >= 0xa0) decoder.resetState();
      yield decoder.decode(await bytes.take(sizes.readUInt16BE(2) + 1), unpacked);
    }
  }
}

async function takeByte(bytes: ByteReader): Promise<number> {
  return (await bytes.take(1))[0] as number;
}
