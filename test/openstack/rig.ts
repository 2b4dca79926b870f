import type { TestProject } from 'vitest/node';
import { holdRig, type Rig } from '../support/held-rig.ts';

declare module 'vitest' {
  interface ProvidedContext {
    openstack: Rig;
  }
}

/**
 * Holds one OpenStack for all files of test/openstack. It is started when the first of them begins, see use-openstack.ts: in a
 * run of all tests it would be in the way of the others.
 */
export default function startRig(project: TestProject): () => Promise<void> {
  const { value, end } = holdRig('openstack');
  project.provide('openstack', value);
  return end;
}
