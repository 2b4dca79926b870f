import { type Arch, type Replacement, replaceInstructions } from './instructions.ts';

/**
 * Node begins by giving each signal that it was started with ignored its default again (src/node.cc, ResetSignalHandlers). Only
 * SIGKILL and SIGSTOP are left out, by a mask of their numbers: 1 << 9 | 1 << 19. These are the instructions that load it.
 */
const masks: Readonly<Record<Arch, Replacement>> = {
  // mov $0x80200,%r12d
  x64: { code: '41bc00020800', kept: '41bc02020800' },
  // mov x20, #0x200; mov w19, #0x1; the upper half of the mask comes later.
  arm64: { code: '144080d233008052', kept: '544080d233008052' },
};

/**
 * Has Node leave out SIGHUP as well, so that `nohup cfn-init` survives the terminal, as a program should. It happens before
 * any JavaScript runs, and no option of Node changes it; what was ignored cannot be found out afterwards.
 * @param node the executable, changed in place
 * @throws Error when Node has changed
 */
export function keepIgnoredHangup(node: Buffer, arch: Arch): void {
  replaceInstructions(node, masks[arch], 'the mask of signals in ResetSignalHandlers');
}
