/** What a `mode` stands for. */
export type Mode =
  | { readonly kind: 'file' /** Permission bits, set-id and sticky included. */; readonly bits: number }
  | { readonly kind: 'symlink' };

export type ModeResult = { readonly mode: Mode } | { readonly what: string; readonly hint: string };

const LARGEST = 0o177777;
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const SYMLINK = 0o120000;
const SPECIAL_BITS = 0o7000;
const READ_BY_OTHERS = 0o004;

/** The permissions that people give files (contract section 3); they tell what an integer was meant to be. */
const USUAL = new Set([
  0o400, 0o440, 0o444, 0o500, 0o550, 0o555, 0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o700, 0o711, 0o744, 0o750, 0o755,
  0o770, 0o775, 0o777,
]);

/**
 * Reads a file mode: octal text (`"0644"`, `" 000644 "`, `"120777"`), or an integer, which a YAML reader may have taken
 * for octal already (420 is 0644) or for decimal (644 is meant as 0644).
 */
export function parseMode(value: unknown): ModeResult {
  if (typeof value === 'string') {
    const digits = /^\s*(?:0o)?([0-7]{1,7})\s*$/i.exec(value)?.[1];
    const mode = digits === undefined ? undefined : modeOf(Number.parseInt(digits, 8));
    return mode === undefined
      ? { what: `bad mode ${JSON.stringify(value)}`, hint: 'write it as octal text, such as "0644"' }
      : { mode };
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    return { what: `bad mode ${JSON.stringify(value)}`, hint: 'write it as octal text, such as "0644"' };
  }
  const asDigits = /^[0-7]+$/.test(String(value)) ? Number.parseInt(String(value), 8) : undefined;
  const readings = new Set([value, asDigits].filter((bits) => bits !== undefined && isUsual(bits)));
  const [reading, other] = readings;
  const mode = reading === undefined || other !== undefined ? undefined : modeOf(reading);
  return mode === undefined
    ? { what: `ambiguous mode ${value}`, hint: 'write it as octal text, such as "0644"' }
    : { mode };
}

/** True when not everybody may read a file of this mode, as 0600 or 0640: what it holds must not be seen elsewhere. */
export function isPrivateMode(bits: number): boolean {
  return (bits & READ_BY_OTHERS) === 0;
}

function modeOf(bits: number): Mode | undefined {
  const type = typeOf(bits);
  if (type === SYMLINK) return { kind: 'symlink' };
  return type === 0 || type === REGULAR ? { kind: 'file', bits: bits & ~TYPE_BITS } : undefined;
}

function isUsual(bits: number): boolean {
  const type = typeOf(bits);
  if (type === SYMLINK) return true;
  return (type === 0 || type === REGULAR) && USUAL.has(bits & ~TYPE_BITS & ~SPECIAL_BITS);
}

/** The bits that tell the kind of file; undefined for a number that is larger than any mode. */
function typeOf(bits: number): number | undefined {
  return bits <= LARGEST ? bits & TYPE_BITS : undefined;
}
