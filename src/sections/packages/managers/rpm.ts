import { lastLine, Problem } from '../../../errors.ts';
import type { World } from '../../step.ts';
import { type PackageManager, requireAddresses } from '../manager.ts';
import { withPackageFile } from '../package-file.ts';

/** Package files by URL or path. */
export const rpm: PackageManager = {
  name: 'rpm',

  async missing(requests) {
    requireAddresses('rpm', 'yum', requests);
    return requests;
  },

  async install(requests, world) {
    const changed: string[] = [];
    for (const { name, versions } of requests) {
      for (const address of versions) {
        const isNew = await withPackageFile(address, '.rpm', world, (path) => installFile(path, world));
        if (isNew && !changed.includes(name)) changed.push(name);
      }
    }
    return changed;
  },
};

async function installFile(path: string, { system }: World): Promise<boolean> {
  const identity = await system.exec.tool(['rpm', '-q', '--package', path]);
  if (identity.exitCode === 0 && (await system.exec.tool(['rpm', '-q', identity.stdout.trim()])).exitCode === 0)
    return false;
  const { exitCode, output } = await system.exec.tool(['rpm', '--upgrade', '--oldpackage', path]);
  if (exitCode !== 0)
    throw new Problem(`rpm ended with exit code ${exitCode}`, {
      where: 'packages rpm',
      hint: lastLine(output),
      output,
    });
  return true;
}
