import { fileURLToPath } from 'node:url';
import { binary } from './binary.ts';
import type { DaemonMeasures } from './hup-polls.ts';
import type { Machine } from './sandbox.ts';

const PROGRAM = fileURLToPath(new URL('hup-polls.ts', import.meta.url));

/** Runs a daemon in a view for so many polls; prepareHupGuest has configured it, and its heat is closed again. */
export async function measurePolls(machine: Machine, stops: readonly number[]): Promise<DaemonMeasures> {
  const command = [process.execPath, PROGRAM, binary('cfn-hup'), '/srv/answer.json', ...stops.map(String)];
  const { code, stdout, stderr } = await machine.run(command, { timeout: 150_000 });
  if (code !== 0) throw new Error(stderr.slice(-2000));
  return JSON.parse(stdout) as DaemonMeasures;
}
