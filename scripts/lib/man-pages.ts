/** Writes the man pages as they are installed below a directory: `man-pages.ts DIRECTORY`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedPage, readManPages } from './man-source.ts';

const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? Date.now() / 1000);
const date = new Date(seconds * 1000).toISOString().slice(0, 10);

const directory = process.argv[2];
if (directory === undefined) throw new Error('a directory is needed');
for (const page of readManPages()) {
  mkdirSync(join(directory, `man${page.section}`), { recursive: true });
  writeFileSync(join(directory, `man${page.section}`, page.file), installedPage(page, date));
}
