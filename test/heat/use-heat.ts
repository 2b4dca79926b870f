import { beforeEach, inject } from 'vitest';
import { prepareMachine } from '../support/second-attempt.ts';
import { Cloud } from './cloud.ts';
import { rigAddresses } from './rig.ts';

/**
 * Call it at the top of a test file, or of a part of one.
 * @param which see rig.ts
 * @returns what gives the cloud, within tests and hooks that come later
 */
export function useHeat(which: 'heat' | 'heatOfToday' = 'heat'): () => Cloud {
  const rig = inject(which);
  let cloud: Cloud | undefined;
  prepareMachine(async (note) => {
    if ('directory' in rig) cloud = await Cloud.connect(await rigAddresses(rig.directory, note));
  }, 500_000);
  beforeEach((context) => {
    if ('reasonAgainst' in rig) context.skip(rig.reasonAgainst);
  });
  return () => {
    if (cloud === undefined) throw new Error('heat is there within tests only');
    return cloud;
  };
}
