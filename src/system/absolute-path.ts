import { resolve } from 'node:path';
import { errnoOf, Problem } from '../errors.ts';

/**
 * A path that the caller gave, from where we are called.
 * @throws Problem for a relative one when that directory has been removed since
 */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new Problem('the current directory has been removed', {
      where: path,
      hint: 'change to another one, or give a path that begins with /',
      cause: error,
    });
  }
}
