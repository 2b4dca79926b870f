export type Arch = 'x64' | 'arm64';

/** Instructions in hex, and their replacements of the same length. */
export interface Replacement {
  readonly code: string;
  readonly kept: string;
}

/**
 * Replaces instructions of Node.
 * @param node the executable, changed in place; nothing moves
 * @param what names them in the error
 * @throws Error when Node has changed: the instructions do not occur exactly once
 */
export function replaceInstructions(node: Buffer, { code, kept }: Replacement, what: string): void {
  const at = node.indexOf(code, 0, 'hex');
  if (at === -1 || node.indexOf(code, at + 1, 'hex') !== -1)
    throw new Error(`Node has other instructions now: look up ${what}, and update them`);
  node.write(kept, at, 'hex');
}
