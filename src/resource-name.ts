import { percentEncodeForFile } from './percent-encoding.ts';

/** Source: Heat, heat/engine/resource.py and the column of its database. */
const LONGEST_NAME = 255;
/** Of a part of a file name, which has 255 bytes at most with what stands before it. */
const LONGEST_PART = 200;
const KEPT_PART = 150;
const DIGITS = 16;

/** What keeps a text from being the name of a resource: Heat takes anything without a slash (contract section 7.5). */
export function resourceNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.includes('/')) return 'it has a slash in it';
  return [...name].length > LONGEST_NAME ? `it has more than ${LONGEST_NAME} characters` : undefined;
}

/**
 * The name of a resource as a part of a file name (contract section 7.5): as it is where it has ASCII letters, digits, `_`, `.` and
 * `-` only, else percent-encoded as UTF-8; a long one is cut, and a digest of the whole stands behind.
 */
export function resourceFilePart(name: string): string {
  const plain = percentEncodeForFile(name);
  if (plain.length <= LONGEST_PART) return plain;
  // biome-ignore lint/plugin: no ordinary name is that long, so a start need not load this.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `${plain.slice(0, KEPT_PART)}-${createHash('sha256').update(name).digest('hex').slice(0, DIGITS)}`;
}
