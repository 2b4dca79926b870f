/** The number that octal digits stand for; undefined for any other text. */
export function parseOctal(digits: string): number | undefined {
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** Permission bits as chmod(1) takes them, with four digits or more: `0644`. */
export function octalMode(bits: number): string {
  return bits.toString(8).padStart(4, '0');
}
