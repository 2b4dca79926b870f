import type { SourceEntry } from '../../config/config.ts';
import { readSettings, wholeSetting } from '../../settings.ts';
import { ARCHIVE_LIMITS } from '../../system/archive/entry.ts';
import { shownUrl } from '../../url.ts';
import { fetchUrl } from '../download.ts';
import type { Section } from '../step.ts';

const MOST_BYTES = 'most-unpacked-bytes';
const BYTES = { of: 'bytes', least: 1, most: Number.MAX_SAFE_INTEGER };

/** Unpacks archives into directories. What differs is only known after the download. */
export const sourcesSection: Section<SourceEntry, undefined> = {
  name: 'sources',
  worksOnRoot: true,
  order: (entries) => entries,

  async inspect(entry) {
    return { state: 'differs', what: `unpacked from ${shownUrl(entry.url)}`, plan: undefined };
  },

  async apply(entry, _, world) {
    const { system, log } = world;
    const { unpackArchive } = await import('./unpack.ts');
    const bytes = wholeSetting(await readSettings(system.files), MOST_BYTES, ARCHIVE_LIMITS.bytes, log, BYTES);
    // On the file system of the destination, because /tmp may be small and in memory.
    const scratch = system.files.openScratch(entry.name, 'download');
    try {
      const download = scratch.stage('archive');
      try {
        await fetchUrl({ ...entry, write: download.write, restart: download.restart }, world);
        const { changed } = await unpackArchive(system, {
          archive: download.path,
          url: entry.url,
          destination: entry.name,
          limits: { ...ARCHIVE_LIMITS, bytes },
        });
        if (changed.length === 0) return { state: 'unchanged' };
        return { state: 'changed', what: `${changed.length} new or changed, from ${shownUrl(entry.url)}` };
      } finally {
        download.discard();
      }
    } finally {
      scratch.remove();
    }
  },
};
