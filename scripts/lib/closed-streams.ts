import { type Arch, type Replacement, replaceInstructions } from './instructions.ts';

/**
 * Where stdin, stdout or stderr is closed, Node opens /dev/null in its place, for reading and writing (src/node.cc,
 * InitializeOncePerProcessInternal). These are the instructions that pass O_RDWR; O_RDONLY is 0.
 */
const flags: Readonly<Record<Arch, Replacement>> = {
  // cmpl $4,(%r14); jne; mov $2,%esi; mov $"/dev/null",%edi
  x64: { code: '41833e047518be02000000bf', kept: '41833e047518be00000000bf' },
  // cmp w0, #4; b.ne; mov x0, x25; mov w1, #2
  arm64: { code: '1f100071c1000054e00319aa41008052', kept: '1f100071c1000054e00319aa01008052' },
};

/**
 * Makes Node open it for reading only. Then writing to a stdout that was closed is an error, as in any other program, and the output
 * is not silently lost.
 * @param node the executable, changed in place
 * @throws Error when Node has changed
 */
export function keepStreamsClosed(node: Buffer, arch: Arch): void {
  replaceInstructions(node, flags[arch], 'open("/dev/null", O_RDWR) in InitializeOncePerProcessInternal');
}
