import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { project as sources } from '../support/binary.ts';

/** A heat that is coming up in a directory, or why there is none. */
export type Rig = { readonly directory: string } | { readonly reasonAgainst: string };

declare module 'vitest' {
  interface ProvidedContext {
    heat: Rig;
  }
}

/** What heat-up leaves for those who want to use it. */
export interface RigAddresses {
  readonly keystone: string;
  readonly api: string;
  /** With a slash at the end, as in cfn-metadata-server. */
  readonly cfn: string;
  readonly project: string;
  readonly user: string;
  readonly password: string;
}

const UP_TIMEOUT = 240_000;

/** Ends heat when the tests are done, however they end: then its stdin is closed. */
const HOLD = `
"$0/heat-up" "$1/heat" || echo "exit code $?" >"$1/failed"
read -r _
"$0/heat-down" "$1/heat"
rm -rf "$1"
`;

/**
 * Starts one heat for all files of test/heat, once for a run that has any of them. Others need not wait until it is up:
 * who uses it does, see rigAddresses.
 */
export default function startRig(project: TestProject): () => Promise<void> {
  const scripts = join(sources, 'scripts/lib');
  const reasonAgainst = execFileSync(join(scripts, 'heat-up'), ['--check'], { encoding: 'utf8' }).trim();
  if (reasonAgainst !== '') {
    project.provide('heat', { reasonAgainst });
    return async () => {};
  }
  const directory = mkdtempSync(join(tmpdir(), 'cfntools-heat-'));
  const output = openSync(join(directory, 'output'), 'w');
  // In a session of its own, so that an interrupt from the keyboard does not end it in the middle.
  const holder = spawn('bash', ['-c', HOLD, scripts, directory], { stdio: ['pipe', output, output], detached: true });
  closeSync(output);
  const ended = new Promise((resolve) => holder.once('close', resolve));
  project.provide('heat', { directory });
  return async () => {
    holder.stdin?.end();
    await ended;
  };
}

/** Waits until the heat of this run is up. @throws Error with the end of its log when it does not come up */
export async function rigAddresses(directory: string): Promise<RigAddresses> {
  const file = join(directory, 'heat/heat.json');
  for (let waited = 0; !existsSync(file); waited += 100) {
    if (waited > UP_TIMEOUT || existsSync(join(directory, 'failed'))) {
      const output = readFileSync(join(directory, 'output'), 'utf8').slice(-3000);
      throw new Error(`no heat after ${waited / 1000} s:\n${output}`);
    }
    await sleep(100);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as RigAddresses;
}
