import { fileURLToPath } from 'node:url';
import { binary } from './binary.ts';
import type { DaemonMeasures } from './hup-polls.ts';
import type { Machine } from './sandbox.ts';

const PROGRAM = fileURLToPath(new URL('hup-polls.ts', import.meta.url));

/**
 * Runs a daemon in a view for so many polls; prepareHupGuest has configured it, and its heat is closed again. The binary is
 * read from the disk as it is needed, as on a guest that has booted: right after it was written the page cache holds it in
 * pieces of up to 2 MiB, and newer kernels map a piece as a whole when one byte of it is needed.
 */
export async function measurePolls(machine: Machine, stops: readonly number[]): Promise<DaemonMeasures> {
  const { code: copied, stderr: why } = await machine.run(
    copyOutOfCache(binary('cfn-hup'), `${machine.shared}/cfn-hup`),
  );
  if (copied !== 0) throw new Error(why);
  const command = [process.execPath, PROGRAM, `${machine.shared}/cfn-hup`, '/srv/answer.json', ...stops.map(String)];
  const { code, stdout, stderr } = await machine.run(command, { timeout: 330_000 });
  if (code !== 0) throw new Error(stderr.slice(-2000));
  return JSON.parse(stdout) as DaemonMeasures;
}

/** A copy, since what somebody has mapped stays in the cache. Written pages can go only after they are on the disk. */
function copyOutOfCache(from: string, to: string): string {
  return `set -e; cp -L '${from}' '${to}'; dd of='${to}' oflag=nocache conv=notrunc,fdatasync count=0 status=none`;
}
