import { Problem } from '../../../errors.ts';
import type { PackageManager } from '../manager.ts';

export const pacman: PackageManager = {
  name: 'pacman',
  async missing() {
    throw new Problem('pacman is not built yet', { where: 'packages pacman' });
  },
  async install() {
    return [];
  },
};
