import type { StackResource } from '../heat/answer.ts';
import { jsonTextAt } from '../json.ts';
import { canonicalJson } from '../json-forms.ts';
import type { Hook, HookPath, Trigger } from './hooks.ts';

/** The value at a path as canonical JSON, so that equal values have equal texts; null when there is no value. */
export type Observation = string | null;

/** The value at a hook's path in a fetched resource. */
export function observe(resource: StackResource, path: HookPath): Observation {
  if (path.kind === 'physical-id')
    return resource.physicalId === undefined ? null : JSON.stringify(resource.physicalId);
  if (path.kind === 'last-updated')
    return resource.lastUpdated === undefined ? null : JSON.stringify(resource.lastUpdated);
  return observeMetadata(resource.metadata.text, path.keys);
}

/**
 * The value at the keys of a metadata document. A key is a name in an object or an index in a list. JSON's null means no value.
 * @param text a valid document, nested no deeper than parseJson allows
 */
export function observeMetadata(text: string, keys: readonly string[]): Observation {
  const value = jsonTextAt(text, keys, true);
  return value === undefined || value.trim() === 'null' ? null : canonicalJson(value);
}

/** The value for an action: a text without quotes, anything else as JSON; undefined when there is no value. */
export function plainText(observation: Observation): string | undefined {
  if (observation === null) return undefined;
  return observation.startsWith('"') ? (JSON.parse(observation) as string) : observation;
}

/**
 * The first acknowledged value of a new hook: the metadata that was published before, for example by cfn-init at boot. Ids
 * and times are not published: their current values count as known when the metadata has not changed since.
 * @param published the metadata of the resource before this pass publishes it, if there was any
 */
export function baselineOf(hook: Hook, resource: StackResource, published: string | undefined): Acknowledged {
  if (published === undefined) return { kind: 'nothing' };
  if (hook.path.kind === 'metadata') return { kind: 'value', value: observeMetadata(published, hook.path.keys) };
  const isSame = observeMetadata(published, []) === observeMetadata(resource.metadata.text, []);
  return isSame ? { kind: 'value', value: observe(resource, hook.path) } : { kind: 'nothing' };
}

/** The value that a hook has handled. */
export type Acknowledged =
  /** It never ran, and the metadata was not published on the guest before. */
  | { readonly kind: 'nothing' }
  /** Its record was lost. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'value'; readonly value: Observation };

/**
 * The triggers for the change at a path since the hook last handled it (AWS, cfn-hup: triggers).
 *
 * For the first value (`nothing`) both post.add and post.update count, as in heat-cfntools. If the record was lost (`unknown`),
 * the same holds, and post.remove when there is no value: an extra run does less harm than a missing one.
 *
 * The whole metadata of a resource always exists, at least as `{}`. So `{}` means no value for post.add and post.remove, and
 * a value for post.update: then a hook with post.update alone also runs for the first metadata that a stack update adds.
 */
export function triggersOf(acknowledged: Acknowledged, now: Observation, path: HookPath): readonly Trigger[] {
  const isWhole = path.kind === 'metadata' && path.keys.length === 0;
  const isThere = (value: Observation): boolean => value !== null && !(isWhole && value === '{}');
  if (acknowledged.kind === 'nothing') return isThere(now) ? ['post.add', 'post.update'] : [];
  if (acknowledged.kind === 'unknown') return isThere(now) ? ['post.add', 'post.update'] : ['post.remove'];
  const before = acknowledged.value;
  const triggers: Trigger[] = [];
  if (!isThere(before) && isThere(now)) triggers.push('post.add');
  if (before !== null && now !== null && before !== now) triggers.push('post.update');
  if (isThere(before) && !isThere(now)) triggers.push('post.remove');
  return triggers;
}
