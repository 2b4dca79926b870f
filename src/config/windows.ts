/** Whether a path is one of Windows: with a drive, or of a share. */
export function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) || path.startsWith('\\\\');
}

/** A command that begins with a path with a drive, quoted or not. */
const PATH = /^["'(&@\s]*[A-Z]:\\\w/i;
/** One that begins with a program which only Windows has. */
const PROGRAM = /^["'(&@\s]*(?:powershell|msiexec|schtasks|setx|cmd|[\w-]+\.(?:exe|ps1|bat|cmd|msi|vbs))["'\s]/i;
const DRIVE = /[^A-Z][A-Z]:\\\w/i;

/**
 * Whether a command is one for Windows: what it starts is a path with a drive, or a program of Windows that gets such a path.
 * One that only mentions a path of Windows may be for a share, a guest or wine.
 */
export function isWindowsCommand(command: string): boolean {
  return PATH.test(command) || (PROGRAM.test(command) && DRIVE.test(command));
}
