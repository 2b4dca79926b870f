import { Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';
import { shownUrl } from '../../url.ts';
import { fetchUrl } from '../download.ts';
import type { World } from '../step.ts';

/** A package file that is at hand. */
export interface PackageFile {
  /** As the document gives it. */
  readonly address: string;
  readonly path: string;
}

/**
 * Hands package files to `use` as local paths; those that lie elsewhere are downloaded first and removed afterwards.
 * @param ending `.deb` or `.rpm`: the tools go by it
 * @throws Problem that names the address of a file that cannot be had
 */
export async function withPackageFiles<T>(
  addresses: readonly string[],
  ending: string,
  world: World,
  use: (files: readonly PackageFile[]) => Promise<T>,
): Promise<T> {
  const { files } = world.system;
  const downloads: string[] = [];
  try {
    const ready: PackageFile[] = [];
    for (const address of addresses) {
      if (address.startsWith('/') && files.entry(address) === undefined)
        throw new Problem('no such package file', { where: address, hint: 'check the path' });
      if (address.startsWith('/') && address.endsWith(ending)) ready.push({ address, path: address });
      else {
        const path = downloadPath(address, ending, downloads.length);
        downloads.push(path);
        await download(address, path, world);
        ready.push({ address, path });
      }
    }
    return await use(ready);
  } finally {
    for (const path of downloads) files.remove(path);
  }
}

/** Near the name that the file has at its origin, which the tools show. */
function downloadPath(address: string, ending: string, index: number): string {
  const base = shownUrl(address).split('/').pop() ?? '';
  const name = base.replace(/[^A-Za-z0-9._+~-]/g, '_').slice(-150);
  return `${paths.packageDownloads}/${process.pid}-${index}-${name}${name.endsWith(ending) ? '' : ending}`;
}

async function download(address: string, path: string, world: World): Promise<void> {
  const { files, self } = world.system;
  const staged = files.stage(path);
  try {
    await fetchUrl({ url: address, authentication: undefined, write: staged.write, restart: staged.restart }, world);
    staged.commit({ mode: 0o644, ...self });
  } finally {
    staged.discard();
  }
}
