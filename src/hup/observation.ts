import type { StackResource } from '../heat/answer.ts';
import { jsonTextAt } from '../json.ts';
import { canonicalJson } from '../json-forms.ts';
import type { Hook, HookPath, Trigger } from './hooks.ts';

/** What a path says: JSON in its one canonical form, so that equal texts are equal values; null where nothing is. */
export type Observation = string | null;

/** What a hook's path says of a resource that was fetched. */
export function observe(resource: StackResource, path: HookPath): Observation {
  if (path.kind === 'physical-id')
    return resource.physicalId === undefined ? null : JSON.stringify(resource.physicalId);
  if (path.kind === 'last-updated')
    return resource.lastUpdated === undefined ? null : JSON.stringify(resource.lastUpdated);
  return observeMetadata(resource.metadata.text, path.keys);
}

/**
 * What is at the keys of a metadata document, through objects and, by index, through lists. JSON's null is nothing.
 * @param text a valid document, nested no deeper than parseJson allows
 */
export function observeMetadata(text: string, keys: readonly string[]): Observation {
  const value = jsonTextAt(text, keys, true);
  return value === undefined || value.trim() === 'null' ? null : canonicalJson(value);
}

/** As an action sees it: a text bare, all else as JSON; undefined where nothing is. */
export function plainText(observation: Observation): string | undefined {
  if (observation === null) return undefined;
  return observation.startsWith('"') ? (JSON.parse(observation) as string) : observation;
}

/**
 * What a hook begins with: what was published before it was first seen, by cfn-init at boot for instance. Ids and times are
 * not published: their present values count as known when the metadata has not changed since.
 * @param published the metadata of the resource before this pass publishes, if there was any
 */
export function baselineOf(hook: Hook, resource: StackResource, published: string | undefined): Acknowledged {
  if (published === undefined) return { kind: 'nothing' };
  if (hook.path.kind === 'metadata') return { kind: 'value', value: observeMetadata(published, hook.path.keys) };
  const isSame = observeMetadata(published, []) === observeMetadata(resource.metadata.text, []);
  return isSame ? { kind: 'value', value: observe(resource, hook.path) } : { kind: 'nothing' };
}

/** What a hook has dealt with. */
export type Acknowledged =
  /** It was never run, and nobody else on the guest had the metadata before. */
  | { readonly kind: 'nothing' }
  /** Its record was lost. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'value'; readonly value: Observation };

/**
 * What has happened at a path since the hook dealt with it (AWS, cfn-hup: triggers).
 *
 * At first sight of a value (`nothing`) both post.add and post.update count, as in heat-cfntools. Where the record was lost
 * (`unknown`) the same holds, and post.remove where nothing is any more: to run once too often does less harm than never.
 *
 * The whole metadata of a resource is always there, at least as `{}`. So `{}` counts as nothing for post.add and post.remove,
 * and as a value for post.update: a hook that listens for post.update only also hears of metadata that a stack update brings.
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
