/**
 * The start of the binary. It finds the command, and runs the bundle for it. So a command does not load code that it does not
 * need.
 */
import { writeFileSync } from 'node:fs';
import { commands } from './commands/index.ts';
import { dispatch } from './multicall.ts';
import { loadPacked } from './packed.ts';

/** The bundle for the binary's own name, and for the commands without a bundle of their own (scripts/lib/bundle.ts). */
const REST = 'cfntools';
const { command } = dispatch(process.argv0, process.argv.slice(2), new Set(commands.map(({ name }) => name)));
try {
  // Node names its process MainThread, so ps and top would not show the command. Setting process.title would hide the arguments.
  writeFileSync('/proc/self/comm', command ?? REST);
} catch {
  // Without /proc nothing can show the name either.
}
loadPacked(command ?? REST, REST);
