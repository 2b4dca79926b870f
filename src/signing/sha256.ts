/**
 * SHA-256 (FIPS 180-4) and HMAC (RFC 2104), for signatures and digests. Node's crypto would do the same, but loading it costs
 * each command that signs 5 ms of CPU, and the daemon 4 MiB of memory for as long as it runs.
 */

const BLOCK = 64;
const LENGTH_FIELD = 8;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
// biome-ignore format: a table
const ROUND_CONSTANTS = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);
/** The same of the square roots of the first eight. */
// biome-ignore format: a table
const INITIAL_STATE = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

export function sha256Hex(text: string): string {
  return sha256(Buffer.from(text)).toString('hex');
}

export function hmacSha256(key: string | Buffer, text: string): Buffer {
  const bytes = Buffer.from(key);
  const padded = Buffer.alloc(BLOCK);
  (bytes.length > BLOCK ? sha256(bytes) : bytes).copy(padded);
  const inner = sha256(Buffer.concat([padded.map((byte) => byte ^ INNER_PAD), Buffer.from(text)]));
  return sha256(Buffer.concat([padded.map((byte) => byte ^ OUTER_PAD), inner]));
}

function sha256(message: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil((message.length + 1 + LENGTH_FIELD) / BLOCK) * BLOCK);
  message.copy(padded);
  padded[message.length] = 0x80;
  padded.writeBigUInt64BE(BigInt(message.length) * 8n, padded.length - LENGTH_FIELD);
  const state = INITIAL_STATE.slice();
  const schedule = new Int32Array(BLOCK);
  for (let offset = 0; offset < padded.length; offset += BLOCK) compress(state, schedule, padded, offset);
  const digest = Buffer.alloc(state.length * 4);
  state.forEach((word, index) => {
    digest.writeInt32BE(word, index * 4);
  });
  return digest;
}

/** One block of the message, into the state. Written out: where V8 only interprets, as in the daemon, each call counts. */
function compress(state: Int32Array, w: Int32Array, message: Buffer, offset: number): void {
  for (let t = 0; t < 16; t++) w[t] = message.readInt32BE(offset + t * 4);
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15] as number;
    const y = w[t - 2] as number;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16] as number) + s0 + (w[t - 7] as number) + s1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + (ROUND_CONSTANTS[t] as number) + (w[t] as number)) | 0;
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + sum0 + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] = (state[index] as number) + word;
  });
}
