import { paths } from '../paths.ts';
import { sha256Hex } from '../signing/sha256.ts';
import type { HupConfig } from './hup-config.ts';

const DIGITS = 16;

/**
 * The lock of who makes passes for a configuration. Passes for another one do not wait for it: cron starts both in the same
 * second, and the slower one would never have its turn.
 */
export function passLockOf({ main }: Pick<HupConfig, 'main'>): string {
  if (main === `${paths.hupRoot}/cfn-hup.conf`) return paths.hupPassLock;
  return `${paths.hupState}/pass@${sha256Hex(main).slice(0, DIGITS)}.lock`;
}
