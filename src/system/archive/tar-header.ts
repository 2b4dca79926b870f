import { parseOctal } from '../../octal.ts';

/** A header of a tar archive: v7, ustar, pax or GNU. Names are bytes: an extended header may say better. */
export interface TarHeader {
  readonly name: Buffer;
  readonly target: Buffer;
  /** One character; `0` for the NUL of old archives. */
  readonly type: string;
  /** Undefined where there is no number; NaN for one that is negative or no safe integer. */
  readonly size: number | undefined;
  readonly mode: number | undefined;
  /** Seconds since 1970. */
  readonly modified: number | undefined;
}

/** Decodes the fields of a header whose checksum is true. */
export function decodeTarHeader(block: Buffer): TarHeader {
  const name = untilNul(block.subarray(0, 100));
  // GNU's `ustar  ` has other fields there.
  const prefix = block.toString('latin1', 257, 265) === 'ustar\x0000' ? untilNul(block.subarray(345, 500)) : NONE;
  const size = decodeNumber(block.subarray(124, 136));
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, SLASH, name]),
    target: untilNul(block.subarray(157, 257)),
    type: block.toString('latin1', 156, 157).replace('\0', '0'),
    size: size === undefined || (Number.isSafeInteger(size) && size >= 0) ? size : Number.NaN,
    mode: decodeNumber(block.subarray(100, 108)),
    modified: decodeNumber(block.subarray(136, 148)),
  };
}

const NONE = Buffer.alloc(0);
const SLASH = Buffer.from('/');

/** The bytes before the first NUL, or all. */
export function untilNul(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0);
  return nul < 0 ? bytes : bytes.subarray(0, nul);
}

/** A number in octal, or where that is too short, as GNU tar does it: the first bit set, then a signed binary one. */
function decodeNumber(field: Buffer): number | undefined {
  const first = field[0] ?? 0;
  if ((first & 0x80) === 0) {
    const digits = /^[ \0]*([0-7]+)/.exec(field.toString('latin1'))?.[1];
    return digits === undefined ? undefined : parseOctal(digits);
  }
  const isNegative = (first & 0x40) !== 0;
  const start = isNegative ? first - 0x100 : first & 0x3f;
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, start);
}
