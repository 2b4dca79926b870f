import type { TestProject } from 'vitest/node';
import { holdRig, type Rig, rigFile, wantRig } from '../support/held-rig.ts';

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

/**
 * Starts one heat for all files of test/heat, once for a run that has any of them. Others need not wait until it is up:
 * who uses it does, see rigAddresses.
 */
export default function startRig(project: TestProject): () => Promise<void> {
  const { rig, end } = holdRig('heat');
  project.provide('heat', rig);
  if ('directory' in rig) wantRig(rig.directory);
  return end;
}

/** Waits until the heat of this run is up. @throws Error with the end of its log when it does not come up */
export async function rigAddresses(directory: string): Promise<RigAddresses> {
  return (await rigFile('heat', directory, UP_TIMEOUT)) as RigAddresses;
}
