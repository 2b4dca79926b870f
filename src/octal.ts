/** The value of octal digits; undefined for any other text. */
export function parseOctal(digits: string): number | undefined {
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** Permission bits as for chmod(1), with at least four digits: `0644`. */
export function octalMode(bits: number): string {
  return bits.toString(8).padStart(4, '0');
}
