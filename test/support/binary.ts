import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '../..');

/** The directory of the built commands; another one can be tested through CFNTOOLS_BIN. */
export const binaryDirectory = process.env['CFNTOOLS_BIN'] ?? join(project, 'dist/linux-x64');

/** The path of a built command. @throws Error when it is not built */
export function binary(command: string): string {
  const path = join(binaryDirectory, command);
  if (!existsSync(path)) throw new Error(`${path} is not there: run scripts/build first`);
  return path;
}
