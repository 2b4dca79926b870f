import { hasContent, publishMetadata, readLocalMetadata, resourceCachePath } from '../metadata/local.ts';
import { isNoted } from '../metadata/written-by.ts';
import { paths } from '../paths.ts';
import type { FileSystem } from '../system/file-system.ts';
import type { System } from '../system/system.ts';

/**
 * The metadata of a resource that is known to the guest: last_metadata_RES, else last_metadata where that is not plainly
 * another resource's, and neither where it is of another instance. What cloud-init left at boot does not count: nobody need
 * have applied it.
 * @returns its text, or undefined when there is none that can be used
 */
export function readPublished({ files, clock }: Pick<System, 'files' | 'clock'>, resource: string): string | undefined {
  const { found } = readLocalMetadata(files, resource, clock.now());
  if (found === undefined || !found.path.startsWith(`${paths.metadataCache}/`)) return undefined;
  const isOwn = found.path === resourceCachePath(resource);
  return isOwn || !isOfAnother(files, resource, found.document.text) ? found.document.text : undefined;
}

/** Makes metadata known to the other agents. What is known already costs no write: resources take turns in last_metadata. */
export function publish({ files, self }: System, text: string, resource: string): void {
  const common = files.entry(`${paths.metadataCache}/${paths.lastMetadata}`);
  const isKnown =
    common?.kind === 'file' &&
    common.mode === 0o600 &&
    files.entry(resourceCachePath(resource))?.mode === 0o600 &&
    hasContent(files, resourceCachePath(resource), Buffer.from(text)) &&
    isNoted(files, resourceCachePath(resource));
  if (!isKnown) publishMetadata(files, text, resource, self);
}

function isOfAnother(files: FileSystem, resource: string, text: string): boolean {
  const prefix = `${paths.metadataCache}/${paths.lastMetadata}_`;
  const content = Buffer.from(text);
  return files
    .names(paths.metadataCache)
    .map((name) => `${paths.metadataCache}/${name}`)
    .some(
      (path) => path.startsWith(prefix) && path !== resourceCachePath(resource) && hasContent(files, path, content),
    );
}
