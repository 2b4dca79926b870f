import type { TestProject } from 'vitest/node';
import { holdRig, type Rig, rigFile, wantRig } from '../support/held-rig.ts';
import { oncePerRun } from '../support/once-per-run.ts';
import type { Note } from '../support/second-attempt.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** With the policy and the times that Heat and keystone of Debian 12 have by default. */
    heat: Rig;
    /** With the default policy of Heat 2024.1 and later, signed URLs that expire after a minute, and a swift. */
    heatOfToday: Rig;
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

/** For both attempts. */
const UP_TIMEOUT = 480_000;

const OF_TODAY = {
  HEAT_CONF: 'enforce_new_defaults = true',
  // What takes a quarter of an hour on a cloud is seen in a minute.
  KEYSTONE_CONF: '[credential]\nauth_ttl = 1',
  HEAT_SWIFT: 'yes',
};

/** Holds two heats for all files of a run; the first test that wants to know where one is has it started. */
export default function holdHeat(project: TestProject): () => Promise<void> {
  const [heat, ofToday] = [
    oncePerRun('heat', () => holdRig('heat')),
    oncePerRun('heatOfToday', () => holdRig('heat', OF_TODAY)),
  ];
  project.provide('heat', heat.value);
  project.provide('heatOfToday', ofToday.value);
  return async () => {
    await Promise.all([heat.end(), ofToday.end()]);
  };
}

/** Waits until the heat of this run is up. @throws Error with the end of its log when it does not come up */
export async function rigAddresses(directory: string, note: Note): Promise<RigAddresses> {
  wantRig(directory);
  return (await rigFile('heat', directory, UP_TIMEOUT, note)) as RigAddresses;
}
