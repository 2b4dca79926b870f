// Undoes the filters that xz may apply before it compresses: the difference to an earlier byte, and for programs the absolute
// targets of branches ("BCJ"), which repeat more often than relative ones. Source: liblzma, src/liblzma/simple.

/** Gets the next bytes and returns those that are finished. The last call has `isLast` and returns all that are left. */
export type Filter = (bytes: Buffer, isLast: boolean) => Buffer;

/** Makes the filter with this number (xz file format, section 5.3) and properties; undefined for an unknown one. */
export function makeFilter(id: number, properties: Buffer): Filter | undefined {
  const [size] = properties.length === 1 ? properties : [];
  if (id === DELTA) return size === undefined ? undefined : delta(size + 1);
  const convert = BRANCHES.get(id)?.();
  if (convert === undefined || (properties.length !== 0 && properties.length !== 4)) return undefined;
  return branches(convert, properties.length === 0 ? 0 : properties.readUInt32LE());
}

const DELTA = 0x03;

function delta(distance: number): Filter {
  const earlier = Buffer.alloc(256);
  let position = 0;
  return (bytes) => {
    const done = Buffer.allocUnsafe(bytes.length);
    for (let at = 0; at < bytes.length; at += 1, position = (position + 1) & 0xff) {
      done[at] = (bytes[at] as number) + (earlier[(position - distance) & 0xff] as number);
      earlier[position] = done[at] as number;
    }
    return done;
  };
}

interface Branch {
  /** Bytes of the longest instruction. */
  readonly width: number;
  readonly step: number;
  /**
   * Changes the instruction at `at`.
   * @param pc its position in the program
   * @returns how many bytes to advance; undefined for one step
   */
  convert(bytes: Buffer, at: number, pc: number): number | undefined;
}

function branches({ width, step, convert }: Branch, start: number): Filter {
  let held = Buffer.alloc(0);
  let pc = start;
  return (bytes, isLast) => {
    const all = Buffer.concat([held, bytes]);
    let at = 0;
    while (at + width <= all.length) at += convert(all, at, (pc + at) >>> 0) ?? step;
    pc = (pc + at) >>> 0;
    held = all.subarray(at);
    return isLast ? all : all.subarray(0, at);
  };
}

const BRANCHES: ReadonlyMap<number, () => Branch> = new Map([
  [0x04, x86],
  [0x05, () => ({ width: 4, step: 4, convert: powerPc })],
  [0x06, () => ({ width: 16, step: 16, convert: itanium })],
  [0x07, () => ({ width: 4, step: 4, convert: arm })],
  [0x08, () => ({ width: 4, step: 2, convert: armThumb })],
  [0x09, () => ({ width: 4, step: 4, convert: sparc })],
  [0x0a, () => ({ width: 4, step: 4, convert: arm64 })],
  [0x0b, () => ({ width: 8, step: 2, convert: riscV })],
]);

/** CALL and JMP. Bytes that only look like one, inside another, are recognised by the positions of the last ones. */
function x86(): Branch {
  let mask = 0;
  let last = -5 >>> 0;
  const isHighest = (byte: number): boolean => byte === 0 || byte === 0xff;
  return {
    width: 5,
    step: 1,
    convert(bytes, at, pc) {
      if (((bytes[at] as number) & 0xfe) !== 0xe8) return undefined;
      const offset = (pc - last) >>> 0;
      last = pc;
      mask = offset > 5 ? 0 : mask;
      for (let left = offset > 5 ? 0 : offset; left > 0; left -= 1) mask = (mask & 0x77) << 1;
      const highest = bytes[at + 4] as number;
      if (!isHighest(highest) || mask >> 1 > 4 || mask >> 1 === 3) {
        mask |= isHighest(highest) ? 0x11 : 1;
        return undefined;
      }
      let target = (bytes.readInt32LE(at + 1) - (pc + 5)) | 0;
      for (const bits = 24 - ([0, 1, 2, 2, 3][mask >> 1] as number) * 8; mask !== 0; ) {
        if (!isHighest((target >>> bits) & 0xff)) break;
        target = ((target ^ (2 ** (bits + 8) - 1)) - (pc + 5)) | 0;
      }
      mask = 0;
      bytes.writeInt32LE((target << 7) >> 7, at + 1);
      return 5;
    },
  };
}

function powerPc(bytes: Buffer, at: number, pc: number): undefined {
  const word = bytes.readUInt32BE(at);
  if (word >>> 26 === 0x12 && (word & 3) === 1)
    bytes.writeUInt32BE((0x48000001 | ((word - 1 - pc) & 0x03fffffc)) >>> 0, at);
}

function itanium(bytes: Buffer, at: number, pc: number): undefined {
  const slots = [4, 4, 6, 6, 0, 0, 7, 7, 4, 4, 0, 0, 4, 4, 0, 0][((bytes[at] as number) & 0x1f) - 16] ?? 0;
  for (let slot = 0; slot < 3; slot += 1) {
    if (((slots >> slot) & 1) === 0) continue;
    const bit = 5 + slot * 41;
    const place = at + (bit >> 3);
    const shift = BigInt(bit & 7);
    const word = BigInt(bytes.readUIntLE(place, 6));
    const instruction = word >> shift;
    if (((instruction >> 37n) & 0xfn) !== 5n || ((instruction >> 9n) & 7n) !== 0n) continue;
    const source = Number(((instruction >> 13n) & 0xfffffn) | (((instruction >> 36n) & 1n) << 20n));
    const target = BigInt(((source << 4) - pc) >>> 4);
    const changed = (instruction & ~(0x8fffffn << 13n)) | ((target & 0xfffffn) << 13n) | ((target & 0x100000n) << 16n);
    bytes.writeUIntLE(Number(BigInt.asUintN(48, (word & ((1n << shift) - 1n)) | (changed << shift))), place, 6);
  }
}

function arm(bytes: Buffer, at: number, pc: number): undefined {
  if (bytes[at + 3] === 0xeb) bytes.writeUIntLE((bytes.readUIntLE(at, 3) - ((pc + 8) >>> 2)) & 0xffffff, at, 3);
}

function armThumb(bytes: Buffer, at: number, pc: number): number | undefined {
  const high = bytes.readUInt16LE(at);
  const low = bytes.readUInt16LE(at + 2);
  if (high >> 11 !== 0x1e || low >> 11 !== 0x1f) return undefined;
  const target = (((high & 0x7ff) << 11) | (low & 0x7ff)) - ((pc + 4) >>> 1);
  bytes.writeUInt16LE(0xf000 | ((target >>> 11) & 0x7ff), at);
  bytes.writeUInt16LE(0xf800 | (target & 0x7ff), at + 2);
  return 4;
}

function sparc(bytes: Buffer, at: number, pc: number): undefined {
  const word = bytes.readUInt32BE(at);
  if (word >>> 22 !== 0x100 && word >>> 22 !== 0x1ff) return;
  const target = ((word << 2) - pc) >>> 2;
  const sign = (target >>> 22) & 1 ? 0x3fc00000 : 0;
  bytes.writeUInt32BE(sign | (target & 0x3fffff) | 0x40000000, at);
}

function arm64(bytes: Buffer, at: number, pc: number): undefined {
  const word = bytes.readUInt32LE(at);
  if (word >>> 26 === 0x25) {
    bytes.writeUInt32LE((0x94000000 | ((word - (pc >>> 2)) & 0x03ffffff)) >>> 0, at);
  } else if ((word & 0x9f000000) >>> 0 === 0x90000000) {
    const source = ((word >>> 29) & 3) | ((word >>> 3) & 0x1ffffc);
    if (((source + 0x20000) & 0x1c0000) !== 0) return;
    const target = source - (pc >>> 12);
    const sign = (target & 0x20000) === 0 ? 0 : 0xe00000;
    bytes.writeInt32LE((word & 0x9000001f) | ((target & 3) << 29) | ((target & 0x3fffc) << 3) | sign, at);
  }
}

/** JAL, and pairs of AUIPC and the instruction that uses its result. Pairs that only look converted are distinguished from real ones. */
function riscV(bytes: Buffer, at: number, pc: number): number | undefined {
  const word = bytes.readInt32LE(at);
  if ((word & 0xff) === 0xef) {
    if ((word & 0x0d00) !== 0) return undefined;
    const [, b1 = 0, b2 = 0, b3 = 0] = bytes.subarray(at, at + 4);
    const target = (((b1 & 0xf0) << 13) | (b2 << 9) | (b3 << 1)) - pc;
    bytes[at + 1] = (b1 & 0x0f) | ((target >> 8) & 0xf0);
    bytes[at + 2] = ((target >> 16) & 0x0f) | ((target >> 7) & 0x10) | ((target << 4) & 0xe0);
    bytes[at + 3] = ((target >> 4) & 0x7f) | ((target >> 13) & 0x80);
    return 4;
  }
  if ((word & 0x7f) !== 0x17) return undefined;
  if ((word & 0xe80) !== 0) {
    const second = bytes.readInt32LE(at + 4);
    if ((((word << 8) ^ (second - 3)) & 0xf8003) !== 0) return 6;
    bytes.writeInt32LE(0x17 | (2 << 7) | (second << 12), at);
    bytes.writeInt32LE((word & 0xfffff000) + (second >>> 20), at + 4);
    return 8;
  }
  const register = word >>> 27;
  if (((word - 0x3117) << 18) >>> 0 >= (register & 0x1d)) return 4;
  const target = (bytes.readInt32BE(at + 4) - pc) | 0;
  bytes.writeInt32LE(0x17 | (register << 7) | ((target + 0x800) & 0xfffff000), at);
  bytes.writeInt32LE((word >>> 12) | (target << 20), at + 4);
  return 8;
}
