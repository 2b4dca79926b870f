/** Whether a path is one of Windows: with a drive, or of a share. */
export function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) || path.startsWith('\\\\');
}

const DRIVE = /(?:^|[\s"'=(,])[A-Z]:\\\w/;
const PROGRAM = /\bpowershell\b|\w\.(?:exe|ps1|bat|cmd|msi|vbs)\b/i;
/** A letter that begins a name and no escape: `\t`, `\n`, `\s`, `\w`, `\D` are those of printf, sed, grep and prompts. */
const LETTER = '[^\\Wabdefnrstvwx\\dBDKQSW]';
/** Two names, or one with an extension; one at least that looks like no escape. */
const PATH = new RegExp(
  `(?:^|[\\s"'=(,])[A-Z]:\\\\(?:${LETTER}\\w[\\w .-]*(?:\\\\\\w{2}|\\.\\w{2,4}\\b)|\\w[\\w .-]+\\\\${LETTER}\\w)`,
);

/**
 * Whether a command is one for Windows, by a path with a drive in it. `printf 'E:\tno\n'` is none: what stands behind the
 * drive must look like a path, or the command must name a program of Windows.
 */
export function hasWindowsPath(command: string): boolean {
  return DRIVE.test(command) && (PROGRAM.test(command) || PATH.test(command));
}
