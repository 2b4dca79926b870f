/**
 * What the binary begins with: it finds out which command is meant, and runs the bundle that was made for it. What a command
 * does not need it neither reads nor keeps.
 */
import { writeFileSync } from 'node:fs';
import { commands } from './commands/index.ts';
import { dispatch } from './multicall.ts';
import { loadPacked } from './packed.ts';

/** The bundle for the binary's own name, and for the commands that have none of their own (scripts/lib/bundle.ts). */
const REST = 'cfntools';
const { command } = dispatch(process.argv0, process.argv.slice(2), new Set(commands.map(({ name }) => name)));
try {
  // Node calls itself MainThread, which tells nobody what is running. Setting process.title would lose the arguments.
  writeFileSync('/proc/self/comm', command ?? REST);
} catch {
  // Without /proc nobody could read it.
}
loadPacked(command ?? REST, REST);
