import { percentEncodeForFile } from './percent-encoding.ts';

/** Source: Heat, heat/engine/resource.py and the column of its database. */
const LONGEST_NAME = 255;
/** Characters of a part of a file name; with its prefix, the whole name may have 255 bytes. */
const LONGEST_PART = 200;
const KEPT_PART = 150;
const DIGITS = 16;

/** Why a text cannot be the name of a resource: Heat accepts any text without a slash (contract section 7.5). */
export function resourceNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.includes('/')) return 'it has a slash in it';
  return [...name].length > LONGEST_NAME ? `it has more than ${LONGEST_NAME} characters` : undefined;
}

/**
 * The name of a resource as part of a file name (contract section 7.5): unchanged if it has only ASCII letters, digits, `_`, `.` and
 * `-`, otherwise percent-encoded as UTF-8. A long name is shortened and followed by a digest of the whole name.
 */
export function resourceFilePart(name: string): string {
  const plain = percentEncodeForFile(name);
  if (plain.length <= LONGEST_PART) return plain;
  // biome-ignore lint/plugin: ordinary names are shorter, so most starts do not load this.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `${plain.slice(0, KEPT_PART)}-${createHash('sha256').update(name).digest('hex').slice(0, DIGITS)}`;
}
