import { beforeAll, beforeEach, inject } from 'vitest';
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
  beforeAll(async () => {
    if ('directory' in rig) cloud = await Cloud.connect(await rigAddresses(rig.directory));
  }, 300_000);
  beforeEach((context) => {
    if ('reasonAgainst' in rig) context.skip(rig.reasonAgainst);
  });
  return () => {
    if (cloud === undefined) throw new Error('heat is there within tests only');
    return cloud;
  };
}
