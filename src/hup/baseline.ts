import type { StackResource } from '../heat/answer.ts';
import type { Hook } from './hook.ts';
import { observe, observeMetadata } from './observation.ts';
import type { Acknowledged } from './triggers.ts';

/**
 * What a hook begins with: what was published before it was first seen, by cfn-init at boot for instance. Of ids and times
 * nothing is published: what they say now is taken as known where the metadata has not changed since.
 * @param published the metadata of the resource before this pass publishes, if there was any
 */
export function baselineOf(hook: Hook, resource: StackResource, published: string | undefined): Acknowledged {
  if (published === undefined) return { kind: 'nothing' };
  if (hook.path.kind === 'metadata') return { kind: 'value', value: observeMetadata(published, hook.path.keys) };
  const isSame = observeMetadata(published, []) === observeMetadata(resource.metadata.text, []);
  return isSame ? { kind: 'value', value: observe(resource, hook.path) } : { kind: 'nothing' };
}
