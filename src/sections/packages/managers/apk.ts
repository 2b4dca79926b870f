import { Problem } from '../../../errors.ts';
import type { PackageManager } from '../manager.ts';

export const apk: PackageManager = {
  name: 'apk',
  async missing() {
    throw new Problem('apk is not built yet', { where: 'packages apk' });
  },
  async install() {
    return [];
  },
};
