import { describe, expect, test } from 'vitest';
import {
  aptSigns,
  explainFailure,
  isIndexOld,
  isInterrupted,
  parseFetchFailures,
  removedPackages,
} from '../../../../../src/sections/packages/managers/apt-output.ts';

describe('a lock', () => {
  test.each<[string, string, string | undefined]>([
    [
      'apt 2',
      'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 123 (unattended-upgr)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?',
      'process 123 (unattended-upgr)',
    ],
    [
      'apt 1',
      'E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)\nE: Unable to acquire the dpkg frontend lock',
      undefined,
    ],
    [
      'the package lists',
      'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 9 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/',
      'process 9 (apt-get)',
    ],
    [
      'dpkg 1.21',
      'dpkg: error: dpkg frontend lock was locked by another process with pid 42\nNote: removing the lock file is always wrong',
      'process 42',
    ],
    ['dpkg 1.19', 'dpkg: error: dpkg frontend is locked by another process', undefined],
    ['dpkg 1.17', 'dpkg: error: dpkg status database is locked by another process', undefined],
  ])('of %s is known', (_, output, holder) => {
    expect([aptSigns.isLocked(output), aptSigns.lockHolder?.(output)]).toEqual([true, holder]);
  });

  test('that may not be opened is no lock to wait for', () => {
    const output =
      'E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?';
    expect(aptSigns.isLocked(output)).toBe(false);
  });
});

describe('what could not be fetched', () => {
  test.each<[string, string, string, string, boolean]>([
    [
      'a refused connection',
      'W: Failed to fetch http://u:geheim@h.test:8080/./InRelease  Could not connect to h.test:8080 (10.0.0.1). - connect (111: Connection refused)',
      'http://h.test:8080',
      'Could not connect to h.test:8080 (10.0.0.1). - connect (111: Connection refused)',
      false,
    ],
    [
      'an error of the server',
      'E: Failed to fetch http://h.test/debian/pool/main/n/nginx/nginx_1_all.deb  500  Internal Server Error [IP: 10.0.0.1 80]',
      'http://h.test/debian',
      '500 Internal Server Error',
      false,
    ],
    [
      'a file that has gone',
      'E: Failed to fetch http://h.test/debian/pool/main/n/nginx/nginx_1_all.deb  404  Not Found [IP: 10.0.0.1 80]',
      'http://h.test/debian',
      '404 Not Found',
      true,
    ],
    [
      'another file than expected',
      'E: Failed to fetch http://h.test/debian/dists/stable/main/binary-amd64/Packages.gz  Hash Sum mismatch',
      'http://h.test/debian',
      'Hash Sum mismatch',
      true,
    ],
    [
      'no repository',
      "E: The repository 'http://h.test/x stable Release' does not have a Release file.",
      'http://h.test/x',
      'does not have a Release file.',
      true,
    ],
    [
      'a key that is not known',
      "W: GPG error: http://h.test/x stable InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 1",
      'http://h.test/x',
      "stable InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 1",
      true,
    ],
  ])('%s', (_, output, repository, reason, isFinal) => {
    expect(parseFetchFailures(output)).toMatchObject([{ repository, reason, isFinal }]);
    expect(aptSigns.failingRepository(output)).toBe(isFinal ? undefined : repository);
    expect(isIndexOld(output)).toBe(isFinal);
  });
});

describe('explainFailure', () => {
  test.each<[string, string, string]>([
    [
      'a script that fails',
      'Setting up bad (1) ...\ndpkg: error processing package bad (--configure):\n installed bad package post-installation script subprocess returned error exit status 3\nErrors were encountered while processing:\n bad\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n',
      'could not install bad: installed bad package post-installation script subprocess returned error exit status 3',
    ],
    [
      'a held package',
      'The following held packages will be changed:\n  vim nano\n1 upgraded\nE: Held packages were changed and -y was used without --allow-change-held-packages.\n',
      'held back: vim, nano: apt-mark unhold vim nano, or ask for the version that is installed',
    ],
    [
      'a dependency that is not there',
      'The following packages have unmet dependencies:\n lost : Depends: nowhere but it is not installable\nE: Unable to correct problems, you have held broken packages.\n',
      'lost : Depends: nowhere but it is not installable',
    ],
    [
      'what apt says otherwise',
      'Reading...\nE: Malformed entry 1 in list file /etc/apt/sources.list\n',
      'Malformed entry 1 in list file /etc/apt/sources.list',
    ],
    ['nothing that is known', 'Killed\n', 'it printed last: Killed'],
  ])('%s', (_, output, expected) => {
    expect(explainFailure(output)).toBe(expected);
  });
});

test('what was removed to make room', () => {
  expect(removedPackages('The following packages will be REMOVED:\n  a b*\n  c\nThe following NEW\n  d\n')).toEqual([
    'a',
    'b',
    'c',
  ]);
  expect(removedPackages('0 to remove\n')).toEqual([]);
});

test('an interrupted dpkg', () => {
  expect(
    isInterrupted("E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."),
  ).toBe(true);
  expect(isInterrupted('E: Unable to locate package x')).toBe(false);
});
