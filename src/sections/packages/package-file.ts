import { Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';
import { urlWithoutQuery } from '../../url.ts';
import { fetchUrl } from '../download.ts';
import type { World } from '../step.ts';

/**
 * Hands a package file to `use` as a local path; one that lies elsewhere is downloaded first and removed afterwards.
 * @param ending `.deb` or `.rpm`: the tools go by it
 */
export async function withPackageFile<T>(
  address: string,
  ending: string,
  world: World,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const { files, self } = world.system;
  if (address.startsWith('/')) {
    if (files.entry(address) === undefined)
      throw new Problem('no such package file', { where: address, hint: 'check the path' });
    return use(address);
  }
  const base = urlWithoutQuery(address).split('/').pop() ?? '';
  const path = `${paths.packageDownloads}/${base.replace(/[^A-Za-z0-9._+~-]/g, '_').slice(0, 150)}${base.endsWith(ending) ? '' : ending}`;
  const staged = files.stage(path);
  try {
    await fetchUrl({ url: address, authentication: undefined, write: staged.write, restart: staged.restart }, world);
    staged.commit({ mode: 0o644, ...self });
  } finally {
    staged.discard();
  }
  try {
    return await use(path);
  } finally {
    files.remove(path);
  }
}
