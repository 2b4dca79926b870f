/**
 * Node begins by giving each signal that it was started with ignored its default again (src/node.cc, ResetSignalHandlers). Only
 * SIGKILL and SIGSTOP are left out, by a mask of their numbers: 1 << 9 | 1 << 19. These are the instructions that load it.
 */
const masks = {
  // mov $0x80200,%r12d
  x64: { code: '41bc00020800', kept: '41bc02020800' },
  // mov x20, #0x200; mov w19, #0x1; the upper half of the mask comes later.
  arm64: { code: '144080d233008052', kept: '544080d233008052' },
} as const;

/**
 * Has Node leave out SIGHUP as well, so that `nohup cfn-init` survives the terminal, as a program should. It happens before
 * any JavaScript runs, and no option of Node changes it; what was ignored cannot be found out afterwards.
 * @param node the executable, changed in place; nothing moves
 * @throws Error when Node has changed: the instructions are not there, or not once
 */
export function keepIgnoredHangup(node: Buffer, arch: keyof typeof masks): void {
  const { code, kept } = masks[arch];
  const at = node.indexOf(code, 0, 'hex');
  if (at === -1 || node.indexOf(code, at + 1, 'hex') !== -1)
    throw new Error('Node resets signals by other instructions now: look up ResetSignalHandlers, and mend the masks');
  node.write(kept, at, 'hex');
}
