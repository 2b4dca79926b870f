import { parseOctal } from '../../octal.ts';
/** How the bytes of a file are packed, judged by the bytes alone: names and Content-Type lie. */
export type Format = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'zip' | 'tar';
export type Compression = Exclude<Format, 'zip' | 'tar'>;

/** So many bytes from the start are enough for detectFormat and describeContent. */
export const START_BYTES = 512;

const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;
const USTAR_AT = 257;

const SIGNATURES: readonly (readonly [format: Format, pattern: RegExp])[] = [
  ['gzip', /^\x1f\x8b\x08/],
  ['bzip2', /^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/],
  ['xz', /^\xfd7zXZ\0/],
  // Parallel zstd starts with a frame that decoders skip.
  ['zstd', /^(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)/],
  ['zip', /^PK(?:\x03\x04|\x05\x06)/],
];

const LOOKS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a 7z archive', /^7z\xbc\xaf\x27\x1c/],
  ['a RAR archive', /^Rar!\x1a\x07/],
  ['compressed by compress (.Z)', /^\x1f[\x9d\xa0]/],
  ['an lz4 file', /^\x04\x22\x4d\x18/],
  ['an lzip file', /^LZIP/],
  ['an lzma file', /^\x5d\0\0[\s\S]{2}[\0-\x0f\xff]/],
  ['a cpio archive', /^(?:07070[127]|\xc7\x71)/],
  ['a Debian package or ar archive', /^!<arch>/],
  ['an RPM package', /^\xed\xab\xee\xdb/],
  ['a program', /^(?:\x7fELF|#!)/],
  ['an HTML page', /^\s*(?:\xef\xbb\xbf\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype html|html|head|body)\b/i],
  ['an XML document', /^\s*(?:\xef\xbb\xbf\s*)?<[?a-z]/i],
  ['a JSON document', /^\s*[{[]\s*["\]}{[]/],
];

/** The format of a file that starts with these bytes, or undefined when it is none that can be unpacked. */
export function detectFormat(start: Buffer): Format | undefined {
  const text = start.toString('latin1', 0, START_BYTES);
  const found = SIGNATURES.find(([, pattern]) => pattern.test(text));
  if (found !== undefined) return found[0];
  return isTar(start) ? 'tar' : undefined;
}

/** True when the bytes start with a header of a tar archive: the ustar mark, or (before 1988) just a true checksum. */
export function isTar(start: Buffer): boolean {
  if (start.length < START_BYTES) return false;
  return start.toString('latin1', USTAR_AT, USTAR_AT + 5) === 'ustar' || hasTrueChecksum(start);
}

/** True when there is nothing but zeros: the end mark of a tar, which is all that an empty one has. */
export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** What a person would call the content, as in "it looks like an HTML page". */
export function describeContent(start: Buffer): string {
  if (start.length === 0) return 'it is empty';
  const text = start.toString('latin1', 0, START_BYTES);
  const look = LOOKS.find(([, pattern]) => pattern.test(text));
  if (look !== undefined) return `it looks like ${look[0]}`;
  if (isBlank(start)) return 'it holds zeros';
  return /^[^\x00-\x08\x0e-\x1a\x1c-\x1f]*$/.test(text) ? 'it looks like text' : 'it looks like no archive at all';
}

/** True when a header's checksum is that of its bytes. */
export function hasTrueChecksum(header: Buffer): boolean {
  const written = /^[ \0]*([0-7]+)[ \0]/.exec(header.toString('latin1', CHECKSUM_AT, CHECKSUM_END));
  if (written === null) return false;
  let sum = 0;
  for (let at = 0; at < START_BYTES; at += 1) {
    sum += at >= CHECKSUM_AT && at < CHECKSUM_END ? 0x20 : (header[at] ?? 0);
  }
  return sum === parseOctal(written[1] ?? '');
}
