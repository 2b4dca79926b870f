import { type Arch, type Replacement, replaceInstructions } from './instructions.ts';

/**
 * At its start Node resets all ignored signals to their default (src/node.cc, ResetSignalHandlers), except SIGKILL and SIGSTOP, by a
 * mask of their numbers: 1 << 9 | 1 << 19. These are the instructions that load the mask.
 */
const masks: Readonly<Record<Arch, Replacement>> = {
  // mov $0x80200,%r12d
  x64: { code: '41bc00020800', kept: '41bc02020800' },
  // mov x20, #0x200; mov w19, #0x1; the upper half of the mask comes later.
  arm64: { code: '144080d233008052', kept: '544080d233008052' },
};

/**
 * Makes Node leave out SIGHUP as well, so that `nohup cfn-init` keeps running when the terminal closes. Node resets the signals before
 * any JavaScript runs, and has no option against it; afterwards the ignored signals are not known any more.
 * @param node the executable, changed in place
 * @throws Error when Node has changed
 */
export function keepIgnoredHangup(node: Buffer, arch: Arch): void {
  replaceInstructions(node, masks[arch], 'the mask of signals in ResetSignalHandlers');
}
