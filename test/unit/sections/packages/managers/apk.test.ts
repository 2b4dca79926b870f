import { expect, test } from 'vitest';
import {
  parseApkErrors,
  parseFailingRepository,
  parseInstalled,
} from '../../../../../src/sections/packages/managers/apk.ts';

test('apk info --installed --verbose', () => {
  expect(
    Object.fromEntries(parseInstalled('busybox-1.36.1-r29\nlib-2-x-1.0_rc1-r0\npy3-pip-24.0-r2\nown-1.0\n')),
  ).toEqual({
    busybox: '1.36.1-r29',
    'lib-2-x': '1.0_rc1-r0',
    'py3-pip': '24.0-r2',
    own: '1.0',
  });
});

/** As apk-tools 2.14.10 and 3.0.6 printed it. */
test.each<[string, string, string | undefined, string | undefined]>([
  [
    'unknown packages and versions',
    'ERROR: unable to select packages:\n  nonsense (no such package):\n    required by: world[nonsense]\n  x-1.0-r0:\n    breaks: world[x=9]\n',
    undefined,
    'unable to select packages: nonsense (no such package): required by: world[nonsense] x-1.0-r0: breaks: world[x=9]',
  ],
  [
    '2.14, a repository that is down',
    'WARNING: updating and opening http://me:opensesame@127.0.0.1:9/: could not connect to server (check repositories file)\n2 unavailable, 0 stale; 4 distinct packages available\n',
    'http://127.0.0.1:9/',
    'updating and opening http://127.0.0.1:9/: could not connect to server (check repositories file)',
  ],
  [
    '3.0, a repository that is down',
    'WARNING: updating http://127.0.0.1:9/x86_64/APKINDEX.tar.gz: Connection refused\n',
    'http://127.0.0.1:9/x86_64/APKINDEX.tar.gz',
    'updating http://127.0.0.1:9/x86_64/APKINDEX.tar.gz: Connection refused',
  ],
  [
    'a package that did not come',
    '(1/1) Installing x (1.0-r0)\nERROR: x-1.0-r0: Connection refused\n1 error; 40 B in 4 packages\n',
    'of x-1.0-r0',
    'x-1.0-r0: Connection refused',
  ],
  [
    'an index that is not there yet',
    'WARNING: opening from cache http://127.0.0.1:9/: No such file or directory\n',
    undefined,
    undefined,
  ],
  [
    'a lock, in words that could be about a network',
    'ERROR: Unable to lock database: temporary error (try again later)\nERROR: Failed to open apk database: temporary error (try again later)\n',
    undefined,
    'Unable to lock database: temporary error (try again later); Failed to open apk database: temporary error (try again later)',
  ],
])('%s', (_, output, repository, errors) => {
  expect({ repository: parseFailingRepository(output), errors: parseApkErrors(output) }).toEqual({
    repository,
    errors,
  });
});
