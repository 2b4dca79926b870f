import { Problem } from '../../errors.ts';
import { paths } from '../../paths.ts';
import type { Scratch } from '../../system/files/file-system.ts';
import { shownUrl } from '../../url.ts';
import { fetchUrl } from '../download.ts';
import type { World } from '../step.ts';

/** A package file on this machine. */
export interface PackageFile {
  /** As the document gives it. */
  readonly address: string;
  readonly path: string;
}

/**
 * Hands package files to `use` as local paths; others are downloaded first and removed afterwards.
 * @param ending `.deb` or `.rpm`, by which the tools recognise a package file
 * @throws Problem that names the address of a file that is not available
 */
export async function withPackageFiles<T>(
  addresses: readonly string[],
  ending: string,
  world: World,
  use: (files: readonly PackageFile[]) => Promise<T>,
): Promise<T> {
  const { files } = world.system;
  const isHere = (address: string): boolean => address.startsWith('/') && address.endsWith(ending);
  const missing = addresses.find((address) => address.startsWith('/') && files.entry(address) === undefined);
  if (missing !== undefined) throw new Problem('no such package file', { where: missing, hint: 'check the path' });
  if (addresses.every(isHere)) return use(addresses.map((address) => ({ address, path: address })));
  // Only we can write to it. If this run is killed, the next one removes it.
  const scratch = files.openScratch(paths.packageDownloads, 'packages', 'cannot download');
  try {
    const ready: PackageFile[] = [];
    for (const [index, address] of addresses.entries())
      ready.push({ address, path: isHere(address) ? address : await download(address, ending, index, scratch, world) });
    return await use(ready);
  } finally {
    scratch.remove();
  }
}

/** @returns the path of the file; the tools show its name, so it is as close as possible to the original one */
async function download(
  address: string,
  ending: string,
  index: number,
  scratch: Scratch,
  world: World,
): Promise<string> {
  const base = shownUrl(address).split('/').pop() ?? '';
  const plain = base.replace(/[^A-Za-z0-9._+~-]/g, '_').slice(-150);
  const name = `${index}-${plain}${plain.endsWith(ending) ? '' : ending}`;
  const staged = scratch.stage(name);
  try {
    await fetchUrl({ url: address, authentication: undefined, write: staged.write, restart: staged.restart }, world);
    staged.commit({ mode: 0o644, ...world.system.self });
    return scratch.pathForPrograms(name);
  } finally {
    staged.discard();
  }
}
