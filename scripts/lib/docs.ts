/**
 * `npm run docs`: updates synopsis and options in packaging/man/, and makes the pages of docs/reference/ from the man pages.
 * With `--check` it writes nothing, names what is out of date, and ends with 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManPages } from './man-source.ts';
import { referencePages } from './reference-pages.ts';

const project = join(import.meta.dirname, '../..');
const option = process.argv[2];
if (option !== undefined && option !== '--check') {
  console.log('usage: npm run docs [-- --check]');
  process.exit(option === '--help' ? 0 : 2);
}

const pages = readManPages();
const files = new Map([
  ...pages.map(({ file, text }): [string, string] => [`packaging/man/${file}`, text]),
  ...referencePages(pages),
]);
for (const [path, text] of files) {
  if (textOf(path) === text) continue;
  if (option === '--check') process.exitCode = 1;
  else writeFileSync(join(project, path), text);
  console.log(path);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(join(project, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
