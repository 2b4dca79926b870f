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
  /** The same, with the default policy of Heat 2024.1 and later: it forbids guests to ask for metadata. */
  readonly strictCfn: string;
  readonly project: string;
  readonly user: string;
  readonly password: string;
}

const UP_TIMEOUT = 240_000;

/** Holds one heat for all files of a group; the first test that wants to know where it is has it started. */
export default function holdHeat(project: TestProject): () => Promise<void> {
  const { rig, end } = holdRig('heat');
  project.provide('heat', rig);
  return end;
}

/** Waits until the heat of this run is up. @throws Error with the end of its log when it does not come up */
export async function rigAddresses(directory: string): Promise<RigAddresses> {
  wantRig(directory);
  return (await rigFile('heat', directory, UP_TIMEOUT)) as RigAddresses;
}
