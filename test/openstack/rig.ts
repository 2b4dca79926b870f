import type { TestProject } from 'vitest/node';
import { holdRig, type Rig } from '../support/held-rig.ts';

declare module 'vitest' {
  interface ProvidedContext {
    openstack: Rig;
  }
}

/** Starts one OpenStack for all files of test/openstack; who uses it waits until it is up, see use-openstack.ts. */
export default function startRig(project: TestProject): () => Promise<void> {
  const { rig, end } = holdRig('openstack');
  project.provide('openstack', rig);
  return end;
}
