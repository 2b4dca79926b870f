import type { HookPath, Trigger } from './hook.ts';
import type { Observation } from './observation.ts';

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
