/** CRC-64 of ECMA-182, reflected: xz's own checksum. */
const POLYNOMIAL = 0xc96c5795d7870f42n;
/** Bytes that are taken at a time. */
const STEP = 4;

/** For each of the bytes of a step, the low and the high halves of the remainders. */
const [LOW, HIGH] = makeTables();

/** A checksum that goes on with each piece. The digest is 8 bytes, the lowest first. */
export class Crc64 {
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
