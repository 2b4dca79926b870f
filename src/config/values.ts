/** How single values are read: booleans, file modes, addresses, and what is meant for Windows. */
import type { NameFault } from '../names.ts';
import { parseOctal } from '../octal.ts';
import { encodeUrl, isWebUrl } from '../url.ts';

const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, y: true, 1: true },
  ...{ false: false, no: false, n: false, 0: false },
};

/**
 * Reads a boolean as templates write it: true/false, yes/no, y/n (AWS's), 1/0, as a value or as text in any case.
 * @returns undefined for any other value
 */
export function parseBoolean(value: unknown): boolean | undefined {
  const word = String(value).trim().toLowerCase();
  return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : undefined;
}

/** As parseBoolean, for a configuration file, where on and off are usual, too. Source: Python's configparser, getboolean. */
export function parseSwitch(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return word === 'on' || word === 'off' ? word === 'on' : parseBoolean(word);
}

/** What a `mode` means. */
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
const EXECUTED_BY_ANYBODY = 0o111;

/** The usual permissions of files (contract section 3); they decide how an integer is read. */
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
  if (typeof value === 'string') return parseModeText(value);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return badMode(value);
  const { mode } = usualReading(value);
  return mode === undefined ? badMode(value, 'ambiguous') : { mode };
}

function parseModeText(text: string): ModeResult {
  const digits = /^\s*(?:0o)?(\d{1,7})\s*$/i.exec(text)?.[1];
  if (digits === undefined) return badMode(text);
  const octal = parseOctal(digits);
  const octalMode = octal === undefined ? undefined : modeOf(octal);
  if (/^\s*0/.test(text)) return octalMode === undefined ? badMode(text) : { mode: octalMode };
  const { mode, count } = usualReading(Number(digits));
  if (mode !== undefined) return { mode };
  // An unusual mode can only be meant as octal. Nobody means one that gives others more than the owner.
  if (count === 0 && octalMode !== undefined && isPlausible(octalMode)) return { mode: octalMode };
  return octalMode === undefined ? badMode(text) : badMode(text, 'ambiguous');
}

/** The one reading of an integer that is a usual mode, and how many there are. */
function usualReading(value: number): { mode: Mode | undefined; count: number } {
  const readings = new Set([value, parseOctal(String(value))].filter((bits) => bits !== undefined && isUsual(bits)));
  const [bits] = readings;
  return { mode: readings.size === 1 && bits !== undefined ? modeOf(bits) : undefined, count: readings.size };
}

function badMode(value: unknown, how: 'bad' | 'ambiguous' = 'bad'): ModeResult {
  return { what: `${how} mode ${JSON.stringify(value)}`, hint: OCTAL_HINT };
}

/** True where neither the group nor others may do what the owner may not. */
function isPlausible(mode: Mode): boolean {
  if (mode.kind === 'symlink') return true;
  const [owner, group, others] = [6, 3, 0].map((shift) => (mode.bits >> shift) & 7) as [number, number, number];
  return ((group | others) & ~owner) === 0;
}

/** True when not everybody may read a file of this mode, as 0600 or 0640: its content must not be shown elsewhere. */
export function isPrivateMode(bits: number): boolean {
  return (bits & READ_BY_OTHERS) === 0;
}

/** True when somebody may execute a file of this mode. */
export function isExecutableMode(bits: number): boolean {
  return (bits & EXECUTED_BY_ANYBODY) !== 0;
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

/** The bits for the kind of file; undefined for a number that is larger than any mode. */
function typeOf(bits: number): number | undefined {
  return bits <= LARGEST ? bits & TYPE_BITS : undefined;
}

/** Whether a path is one of Windows: with a drive, or of a share. */
export function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) || path.startsWith('\\\\');
}

/** A command that begins with a path with a drive, quoted or not. */
const WINDOWS_PATH = /^["'(&@\s]*[A-Z]:\\\w/i;
/** A command that begins with a program which only Windows has. */
const WINDOWS_PROGRAM =
  /^["'(&@\s]*(?:powershell|msiexec|schtasks|setx|cmd|[\w-]+\.(?:exe|ps1|bat|cmd|msi|vbs))["'\s]/i;
const DRIVE = /[^A-Z][A-Z]:\\\w/i;

/**
 * Whether a command is for Windows: it starts a path with a drive, or a program of Windows with such a path as an argument.
 * A command that only mentions a path of Windows may be for a share, a guest or wine.
 */
export function isWindowsCommand(command: string): boolean {
  return WINDOWS_PATH.test(command) || (WINDOWS_PROGRAM.test(command) && DRIVE.test(command));
}

/** What to write instead of a URL that begins in one of these ways. */
const URL_HINTS: readonly (readonly [form: RegExp, hint: string])[] = [
  [/^s3:/i, 'write it as https://BUCKET.s3.REGION.amazonaws.com/KEY'],
  [/^https?:/i, 'write it as https://HOST/PATH'],
  [/^(?:file:|\/)/i, 'write it as file:///PATH'],
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'only http://, https:// and file:/// can be fetched'],
  [/^(?:[\w-]+\.)+[\w-]+(?::\d+)?(?:\/|$)|^localhost\b/i, 'begin it with https:// or http://'],
];

/** Why nothing can be downloaded from a URL; blanks and other characters that the download encodes are fine. */
export function urlFault(url: string, what = 'not a URL'): NameFault | undefined {
  if (/[\0-\x1f\x7f]/.test(url))
    return { what: `${what}: a line break or a control character`, hint: 'write it on one line' };
  if (/^file:\/\/(?:localhost)?\/./i.test(url) || isWebUrl(encodeUrl(url))) return undefined;
  const hint = URL_HINTS.find(([form]) => form.test(url))?.[1];
  return { what, hint: hint ?? 'http://, https:// or file:///' };
}
