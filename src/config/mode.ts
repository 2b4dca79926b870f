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

const OCTAL_HINT = 'write it as octal text with a leading 0, such as "0644"';

/**
 * Reads a file mode: octal text (`"0644"`, `" 000644 "`, `"120777"`), or an integer, which a YAML reader may have taken
 * for octal already (420 is 0644) or for decimal (644 is meant as 0644). Text without a leading 0 may be such an integer
 * that was turned into text: CloudFormation does this.
 */
export function parseMode(value: unknown): ModeResult {
  if (typeof value === 'string') return parseText(value);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return bad(value);
  const { mode } = usualReading(value);
  return mode === undefined ? ambiguous(value) : { mode };
}

function parseText(text: string): ModeResult {
  const digits = /^\s*(?:0o)?(\d{1,7})\s*$/i.exec(text)?.[1];
  if (digits === undefined) return bad(text);
  const octal = octalOf(digits);
  const octalMode = octal === undefined ? undefined : modeOf(octal);
  if (/^\s*0/.test(text)) return octalMode === undefined ? bad(text) : { mode: octalMode };
  const { mode, count } = usualReading(Number(digits));
  if (mode !== undefined) return { mode };
  // An unusual mode can only be meant as octal. Nobody means one that gives others more than the owner.
  if (count === 0 && octalMode !== undefined && isPlausible(octalMode)) return { mode: octalMode };
  return octalMode === undefined ? bad(text) : ambiguous(text);
}

/** The one reading of an integer that is a usual mode, and how many there are. */
function usualReading(value: number): { mode: Mode | undefined; count: number } {
  const readings = new Set([value, octalOf(String(value))].filter((bits) => bits !== undefined && isUsual(bits)));
  const [bits] = readings;
  return { mode: readings.size === 1 && bits !== undefined ? modeOf(bits) : undefined, count: readings.size };
}

function octalOf(digits: string): number | undefined {
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

const bad = (value: unknown): ModeResult => ({ what: `bad mode ${JSON.stringify(value)}`, hint: OCTAL_HINT });
const ambiguous = (value: unknown): ModeResult => ({
  what: `ambiguous mode ${JSON.stringify(value)}`,
  hint: OCTAL_HINT,
});

/** True where neither the group nor others may do what the owner may not. */
function isPlausible(mode: Mode): boolean {
  if (mode.kind === 'symlink') return true;
  const [owner, group, others] = [6, 3, 0].map((shift) => (mode.bits >> shift) & 7) as [number, number, number];
  return ((group | others) & ~owner) === 0;
}

/** True when not everybody may read a file of this mode, as 0600 or 0640: what it holds must not be seen elsewhere. */
export function isPrivateMode(bits: number): boolean {
  return (bits & READ_BY_OTHERS) === 0;
}

/** True when somebody may execute a file of this mode. */
export function isExecutableMode(bits: number): boolean {
  return (bits & 0o111) !== 0;
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
