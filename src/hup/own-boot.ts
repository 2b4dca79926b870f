import { isNoted } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import type { HupConfig } from './hup-config.ts';
import { isOfOtherInstance } from './state-store.ts';

/** Milliseconds. A cloud-init that says nothing for so long does not come to an end any more. */
const LONGEST_STAGE = 3_600_000;

/**
 * Whether the configuration is likely to be that of another instance, in a boot whose cloud-init is not done: an image of a
 * running guest has brought its hooks' states along, and user data is still to run this instance's cfn-init. What Heat tells
 * by that configuration is of the other instance's stack. Once cfn-init has run to its end, the configuration is ours.
 */
export function awaitsOwnBoot(system: System, config: HupConfig): boolean {
  const { files, clock } = system;
  const begun = files.entry(paths.cloudInitStatus)?.modified;
  if (begun === undefined || clock.now().getTime() - begun.getTime() > LONGEST_STAGE) return false;
  if (!config.hooks.some((hook) => isOfOtherInstance(system, hook, config))) return false;
  const hasPublished = isNoted(files, `${paths.metadataCache}/${paths.lastMetadata}`);
  return !hasPublished || files.entry(paths.initLock) !== undefined;
}
