import { describe, expect, test } from 'vitest';
import { dnfTool } from '../../../../../src/sections/packages/managers/dnf-tool.ts';
import { isRpmLocked } from '../../../../../src/sections/packages/managers/rpm-tool.ts';
import { zypperTool } from '../../../../../src/sections/packages/managers/zypper-tool.ts';

/**
 * What dnf5 and yum 3 print, put together from the messages in their sources. dnf 4 and zypper themselves are called by
 * test/system/dnf.test.ts and zypper.test.ts.
 */
describe('dnf5 and yum 3', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    [
      'dnf5: unknown',
      'Failed to resolve the transaction:\nNo match for argument: none\nNo match for argument: other-9.9\nYou can try to add to command line:\n  --skip-unavailable to skip unavailable packages\n',
      ['none', 'other-9.9'],
      [],
    ],
    [
      'dnf5: excluded, and held by versionlock',
      "Failed to resolve the transaction:\nArgument 'one' matches only excluded packages.\nArgument 'two-2.0' matches only packages excluded by versionlock.\n",
      ['one (excluded)', 'two-2.0 (excluded)'],
      [],
    ],
    [
      'dnf5: a repository that cannot be read',
      'Updating and loading repositories:\n>>> Curl error (7): Could not connect to server for http://m/repodata/repomd.xml [Failed to connect]\nFailed to download metadata (baseurl: "http://m/") for repository "mirror": Usable URL not found\n',
      [],
      [
        'the repository mirror cannot be read (Curl error (7): Could not connect to server for http://m/repodata/repomd.xml [Failed to connect])',
      ],
    ],
    [
      'dnf5: an unsigned package',
      'Transaction failed: Signature verification failed.\nOpenPGP check for package "one-1.0-1.noarch" (/var/cache/one.rpm) from repo "mirror" has failed: The package is not signed.\n',
      [],
      ['the check of one-1.0-1.noarch from mirror failed: The package is not signed'],
    ],
    [
      'dnf5: a script that refuses',
      '[RPM] error: %prein(one-1.0-1.noarch) scriptlet failed, exit status 3\nTransaction failed: Rpm transaction failed.\n',
      [],
      ['the script %prein of one-1.0-1.noarch failed'],
    ],
    [
      'dnf 4: a repository with gpgcheck and without a key',
      'You have enabled checking of packages via GPG keys.\n\nProblem repository: [mirror]\nbandwidth: 0\nusername: \n',
      [],
      ['the repository mirror has gpgcheck but no gpgkey, and no key is installed'],
    ],
    [
      'yum 3: unknown',
      'Loaded plugins: fastestmirror\nNo package none available.\nError: Nothing to do\n',
      ['none'],
      [],
    ],
    [
      'yum 3: an unknown group',
      'Warning: group tools does not exist.\nError: No packages in any requested group\n',
      ['@tools'],
      [],
    ],
    [
      'yum 3: a repository that cannot be read',
      'http://m/repodata/repomd.xml: [Errno 14] HTTP Error 503 - Service Unavailable\nTrying other mirror.\n\nfailure: repodata/repomd.xml from mirror: [Errno 256] No more mirrors to try.\n',
      [],
      ['the repository mirror cannot be read ([Errno 14] HTTP Error 503 - Service Unavailable)'],
    ],
    [
      'yum 3: an unsigned package',
      'Package /var/cache/yum/one.rpm is not signed\n',
      [],
      ['/var/cache/yum/one.rpm is not signed'],
    ],
  ])('%s', (_, output, unavailable, complaints) => {
    const named = dnfTool
      .unavailable(output)
      .map(({ specification, excluded }) => (excluded ? `${specification} (excluded)` : specification));
    expect(named).toEqual(unavailable);
    expect(dnfTool.complaints(output)).toEqual(complaints);
  });

  test.each([
    ['dnf 4', 'RPMDB already locked by 633\n  The application with PID 633 is: dnf\n', true],
    ['dnf5', 'Failed to obtain rpm transaction lock. Another transaction is in progress.\n', true],
    ['yum 3', 'Existing lock /var/run/yum.pid: another copy is running as pid 7.\n', true],
    [
      'yum 3, in the end',
      'Another app is currently holding the yum lock; exiting as configured by exit_on_lock\n',
      true,
    ],
    ['another failure', 'Error: Unable to find a match: none\n', false],
  ])('%s says that it is locked', (_, output, expected) => {
    expect(dnfTool.signs.isLocked(output)).toBe(expected);
  });

  const unread = (reason: string): string =>
    `  - ${reason} for http://m/repodata/repomd.xml\nError: Failed to download metadata for repo 'mirror': Cannot download\n`;
  test.each([
    ['no answer', unread("Curl error (7): Couldn't connect to server"), 'mirror'],
    ['503', unread('Status code: 503'), 'mirror'],
    ['429', unread('Status code: 429'), 'mirror'],
    ['404, which does not pass', unread('Status code: 404'), undefined],
    ['no repository at all', 'Error: Unable to find a match: none\n', undefined],
  ])('a repository in passing trouble: %s', (_, output, expected) => {
    expect(dnfTool.signs.failingRepository(output)).toBe(expected);
  });

  test('the list of versions of dnf 4, dnf5 and yum 3, which breaks long lines', () => {
    const printed =
      'Installed Packages\none.noarch      1.0-1        @local\nAvailable Packages\none.noarch      1:2.0-1     local\n' +
      'a-very-long-name.x86_64\n                2.4.6-1.el7   base\n';
    expect([...dnfTool.parseList(printed)]).toEqual([
      ['one', ['1.0-1', '1:2.0-1']],
      ['a-very-long-name', ['2.4.6-1.el7']],
    ]);
  });
});

describe("rpm's lock", () => {
  const lock = (path: string, reason: string): string =>
    `error: can't create transaction lock on ${path} (${reason})\n`;
  test.each<[string, string, boolean]>([
    ['held', lock('/var/lib/rpm/.rpm.lock', 'Resource temporarily unavailable'), true],
    [
      'held, through zypper',
      `Installation of one-1.0-1.noarch failed:\nError: Subprocess failed. Error: RPM failed: ${lock('/usr/lib/sysimage/rpm/.rpm.lock', 'Resource temporarily unavailable')}`,
      true,
    ],
    ['on a file system that is read-only', lock('/var/lib/rpm/.rpm.lock', 'Read-only file system'), false],
    ['not allowed', lock('/var/lib/rpm/.rpm.lock', 'Permission denied'), false],
    ['without a directory', lock('/var/lib/rpm/.rpm.lock', 'No such file or directory'), false],
  ])('%s', (_, output, expected) => {
    expect([isRpmLocked(output), dnfTool.signs.isLocked(output), zypperTool.signs.isLocked(output)]).toEqual([
      expected,
      expected,
      expected,
    ]);
  });
});

test.each([
  ['a reboot is needed', 102, true],
  ['a repository was left out', 106, true],
  ['a script failed afterwards', 107, true],
  ['a package is not known', 104, false],
  ['locked', 7, false],
  ['interrupted', 105, false],
])('zypper: %s', (_, exitCode, expected) => {
  expect(zypperTool.isDone(exitCode)).toBe(expected);
});
