import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keepNewest } from '../../src/sections/packages/managers/rpm-version.ts';
import type { World } from '../../src/sections/step.ts';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import {
  dummies,
  haveInstalled,
  installedRpms,
  makeRpmRepository,
  serveRepository,
  toolCalls,
  whileInstalling,
} from '../support/rpm-packages.ts';
import { isRoot, useSandbox } from '../support/use-machine.ts';

const view = useSandbox({}, ['rpm', 'rpmbuild', 'createrepo_c']);
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

const rpm = (packages: ConfigDocument) => cfnInit(view(), { packages: { rpm: packages } }, [], { env: ENV });
const installed = () => installedRpms(view());
const upgrades = async () => (await toolCalls(view())).filter((line) => line.startsWith('rpm --upgrade '));
const file = (name: string): string => `/repo/${name}.noarch.rpm`;
const url = (name: string): string => `http://127.0.0.1:8081/${name}.noarch.rpm`;

beforeAll(async () => {
  if (isRoot) await makeRpmRepository(view(), dummies);
});

beforeEach(async () => {
  if (isRoot) await haveInstalled(view());
});

describe('rpm', () => {
  test.each<[string, readonly string[], ConfigDocument, readonly string[]]>([
    ['a path', [], { any: file('cfn-other-1.0-1') }, ['cfn-other=1.0-1']],
    ['a file URL', [], { any: `file://${file('cfn-other-1.0-1')}` }, ['cfn-other=1.0-1']],
    ['a URL', [], { any: [url('cfn-other-1.0-1')] }, ['cfn-other=1.0-1']],
    [
      'a URL and a path that need each other',
      [],
      { left: url('cfn-left-1.0-1'), right: file('cfn-right-1.0-1') },
      ['cfn-left=1.0-1', 'cfn-right=1.0-1'],
    ],
    [
      'a list of files',
      [],
      { both: [file('cfn-needy-3.0-1'), url('cfn-dummy-1.9-1')] },
      ['cfn-dummy=1.9-1', 'cfn-needy=3.0-1'],
    ],
    [
      "a list of one package's files: the newest",
      [],
      { any: [file('cfn-dummy-1.10-1'), file('cfn-dummy-1.9-1')] },
      ['cfn-dummy=1.10-1'],
    ],
    ['an upgrade', ['cfn-dummy-1.0-1'], { any: file('cfn-dummy-1.9-1') }, ['cfn-dummy=1.9-1']],
    ['a downgrade', ['cfn-dummy-1.10-2'], { any: file('cfn-dummy-1.9-1') }, ['cfn-dummy=1.9-1']],
    ['a downgrade over an epoch', ['cfn-epoch-0.5-1'], { any: file('cfn-epoch-5.0-1') }, ['cfn-epoch=5.0-1']],
    [
      'one up, one down, one new',
      ['cfn-dummy-1.0-1', 'cfn-other-2.0-1'],
      { up: file('cfn-dummy-1.9-1'), down: url('cfn-other-1.0-1'), new: file('cfn-needy-3.0-1') },
      ['cfn-dummy=1.9-1', 'cfn-needy=3.0-1', 'cfn-other=1.0-1'],
    ],
  ])(
    '%s, in one transaction; the second run is unchanged; nothing that was downloaded stays',
    async (_, before, packages, expected) => {
      const server = await serveRepository(view());
      await haveInstalled(view(), ...before);
      const first = await rpm(packages);
      expect({ stderr: first.stderr, code: first.code, summary: summary(first) }).toEqual({
        code: 0,
        stderr: '',
        summary: '1 changed',
      });
      expect(await installed()).toEqual(expected);
      const transactions = await upgrades();
      expect(transactions).toHaveLength(1);
      expect(transactions[0]).not.toContain('force');
      expect(summary(await rpm(packages))).toBe('1 unchanged');
      expect(await upgrades()).toEqual([]);
      expect((await view().run('find /var/cache/heat-cfntools /tmp -name "*.rpm" -path "*heat*"')).stdout).toBe('');
      await server.close();
    },
  );

  test('two URLs that end alike', async () => {
    await view().run(
      'mkdir -p /repo/one /repo/two && cd /repo && cp cfn-other-1.0* one/x.rpm && cp cfn-dummy-1.0* two/x.rpm',
    );
    const server = await serveRepository(view());
    const packages = { one: 'http://127.0.0.1:8081/one/x.rpm', two: 'http://127.0.0.1:8081/two/x.rpm' };
    expect(summary(await rpm(packages))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-dummy=1.0-1', 'cfn-other=1.0-1']);
    await server.close();
  });

  test('a path with characters that rpm takes for a pattern', async () => {
    const path = '/run/a b[1]{x}*.rpm';
    await view().run(['cp', file('cfn-other-1.0-1'), path]);
    expect(summary(await rpm({ any: path }))).toBe('1 changed');
    expect(await installed()).toEqual(['cfn-other=1.0-1']);
    expect(summary(await rpm({ any: path }))).toBe('1 unchanged');
  });

  test('only what has changed is reported', async () => {
    await haveInstalled(view(), 'cfn-other-1.0-1');
    const packages = { other: `file://${file('cfn-other-1.0-1')}`, dummy: file('cfn-dummy-1.9-1') };
    const { stderr } = await cfnInit(view(), { packages: { rpm: packages } }, ['-v'], { env: ENV });
    expect(stderr).toContain('(installed dummy)');
  });

  test.each<[string, string, RegExp]>([
    ['a missing dependency', file('cfn-lonely-1.0-1'), /cfn-nowhere >= 2 is needed by cfn-lonely-1\.0-1\.noarch$/],
    ['a script that refuses', file('cfn-refuses-1.0-1'), /the script %prein of cfn-refuses-1\.0-1\.noarch failed$/],
    ['a path where nothing is', '/repo/none.rpm', /no such package file: \/repo\/none\.rpm/],
    ['a URL where nothing is', url('none-1.0-1'), /404/],
    [
      'a text, which rpm would take for a list of files',
      '/etc/passwd',
      /not a package that rpm can read: \/etc\/passwd/,
    ],
    ['a file cut short', '/run/short.rpm', /not a package that rpm can read: \/run\/short\.rpm/],
    ['a file with a changed byte', '/run/changed.rpm', /cfn-other-1\.0-1\.noarch does not verify/],
    ['a version', '1.0', /rpm needs the URL or path of cfn-thing/],
  ])('%s is a failure that names it', async (_, address, what) => {
    const server = await serveRepository(view());
    await view().run(`
      head -c 2000 ${file('cfn-other-1.0-1')} >/run/short.rpm
      cp ${file('cfn-other-1.0-1')} /run/changed.rpm
      printf X | dd of=/run/changed.rpm conv=notrunc bs=1 seek=$(($(stat -c %s /run/changed.rpm) - 40)) 2>/dev/null`);
    const result = await rpm({ 'cfn-thing': address });
    await server.close();
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 1,
      complaints: [expect.stringMatching(what)],
    });
    expect(await installed()).toEqual([]);
  });

  test('a script that fails after its package is in is a warning, as it is to rpm', async () => {
    const result = await rpm({ any: file('cfn-grumbles-1.0-1') });
    expect({ code: result.code, complaints: complaints(result) }).toEqual({
      code: 0,
      complaints: ['cfn-init: warning: rpm: the script %post of cfn-grumbles-1.0-1.noarch failed'],
    });
  });

  test('while another installs, it waits; no longer than it may, then it ends with 75', async () => {
    const slow = `/usr/bin/rpm -U ${file('cfn-slow-1.0-1')}`;
    await whileInstalling(view(), slow, async () => {
      const { code, stderr, milliseconds } = await rpm({ any: file('cfn-other-1.0-1') });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(milliseconds).toBeGreaterThan(2_000);
    });
    await haveInstalled(view());
    await view().run('mkdir -p /etc/cfn && echo package-lock-timeout=0 >/etc/cfn/cfntools.conf');
    await whileInstalling(view(), slow, async () => {
      const result = await rpm({ any: file('cfn-other-1.0-1') });
      expect({ code: result.code, complaints: complaints(result) }).toEqual({
        code: 75,
        complaints: [expect.stringMatching(/process \d+ \((?:dnf|rpm)\S*\) has held the lock of rpm/)],
      });
    });
    await view().run('rm /etc/cfn/cfntools.conf');
  });
});

test('the newest of a list is what rpm takes for it', async () => {
  const lists: readonly (readonly [newest: string, ...others: string[]])[] = [
    ['1.10', '1.9', '1.2'],
    ['1.0a', '1.0'],
    ['1.0', '1.0~rc1', '1.0~beta2'],
    ['1.0^git1', '1.0'],
    ['1.0.1', '1.0^git1'],
    ['1:0.5', '9.0', '0:10.0-3'],
    ['1.0-10', '1.0-9', '1.0'],
    ['2.0-1.el10', '2.0-1.el9_2'],
    ['1.20240101120000123456789', '1.20240101120000123456788'],
    ['1.10*', '1.9*'],
  ];
  const query = async (command: readonly string[]) => {
    const { code, stdout, stderr } = await view().run(command);
    return { exitCode: code, stdout, output: stdout + stderr };
  };
  const world = { system: { exec: { query } } } as unknown as World;
  for (const turn of [(list: readonly string[]) => list, (list: readonly string[]) => list.toReversed()]) {
    const requests = lists.map((list, at) => ({ name: String(at), versions: turn(list) }));
    const found = await keepNewest(requests, world);
    expect(found.map(({ versions }) => versions)).toEqual(lists.map(([newest]) => [newest]));
  }
});
