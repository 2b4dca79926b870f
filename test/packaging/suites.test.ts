import { describe, expect, test } from 'vitest';
import { commands } from '../../src/commands/index.ts';
import { VERSION } from '../../src/version.ts';
import { until } from '../support/cfn-hup.ts';
import { SUITES, suiteRoot } from '../support/debian-suites.ts';
import { packagesFor } from '../support/packages.ts';
import { useSandbox } from '../support/use-machine.ts';

/*
 * What differs from one Debian to the next: dpkg and apt, the C library, systemd, the tools for accounts, and whether /lib is
 * a link to /usr/lib. What does not is in deb.test.ts.
 */

/** A small package without dependencies, in all of the suites. */
const PACKAGE = 'hello';
const UNITS = ['cfn-hup.service', 'cfn-hup-pass.service', 'cfn-hup.timer'];
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
};
/** Heat does not answer there: the daemon says so, and goes on. */
const CONFIGURATION = '[main]\nstack=s\nurl=http://127.0.0.1:1/v1/\ncredential-file=/etc/cfn/key\n';
const METADATA = {
  'AWS::CloudFormation::Init': {
    config: {
      packages: { apt: { [PACKAGE]: [] } },
      groups: { people: {} },
      users: { somebody: { groups: ['people'] } },
      files: {
        '/etc/cfn/cfn-hup.conf': { content: CONFIGURATION },
        '/etc/cfn/key': { content: 'AWSAccessKeyId=a\nAWSSecretKey=b\n', mode: '000400' },
        '/srv/of-the-template': { content: 'text', owner: 'somebody', group: 'people', mode: '000640' },
      },
      commands: { greet: { command: `${PACKAGE} >/srv/of-the-command`, test: 'test ! -e /srv/of-the-command' } },
      services: { systemd: { 'cfn-hup': { enabled: true, ensureRunning: true, files: ['/etc/cfn/cfn-hup.conf'] } } },
    },
  },
};

// The suites at the same time, and the tests of each in turn.
const IN_TURN = { concurrent: false };
describe.concurrent.each(SUITES)('the deb on %s', (suite) => {
  const view = useSandbox({ init: 'systemd' }, ['mmdebstrap', 'dpkg-deb'], async () =>
    suiteRoot(suite, (await packagesFor('x64')).deb, [PACKAGE]),
  );
  const must = async (script: string, input = ''): Promise<string> => {
    const { code, stdout, stderr } = await view().run(`set -e\n${script}`, {
      env: ENVIRONMENT,
      input,
      timeout: 120_000,
    });
    if (code !== 0) throw new Error(`exit code ${code}: ${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };

  test('is installed by apt, with what it needs from there, and no Python', IN_TURN, async () => {
    expect(await must('[ -L /lib ] && echo merged || echo apart')).toBe(suite === 'bullseye' ? 'apart' : 'merged');
    await must('find / -xdev | sort >/root/before; dpkg-query -W -f "\\${Package}\\n" | sort >/root/packages-before');
    const said = await must(`apt-get install -qq '${(await packagesFor('x64')).deb}' 2>&1`);
    // What Debian's own packages say is theirs to mend.
    const ours = said.split(/[\r\n]+/).filter((line) => /cfn/.test(line));
    expect(ours.filter((line) => /warning|error|fail|cannot/i.test(line))).toEqual([]);
    expect(ours).toContain(`Setting up cfntools (${VERSION}) ...`);
    expect(await must('dpkg --audit; dpkg --verify cfntools; apt-get check -qq; command -v python3 || true')).toBe('');
    expect(await must('test -s /usr/share/man/man1/cfn-init.1.gz; cat /proc/1/comm')).toBe('systemd');
    expect(await must('for command in /opt/aws/bin/*; do "$command" --version; done')).toBe(
      commands.map(() => `cfntools ${VERSION}`).join('\n'),
    );
  });

  test('has units that its systemd finds nothing in, and that are off', IN_TURN, async () => {
    const paths = UNITS.map((unit) => `/usr/lib/systemd/system/${unit}`).join(' ');
    expect(await must(`systemd-analyze verify --man=no ${paths} 2>&1`)).toBe('');
    expect(await must(`systemctl is-enabled ${UNITS.join(' ')} || true`)).toBe('disabled\nstatic\ndisabled');
    // The view has it masked, and a newer systemd does not look for more of a unit that is masked.
    await must('rm -f /etc/systemd/system/systemd-tmpfiles-setup.service; systemctl daemon-reload');
    const before = await must('systemctl show --property=Before --value systemd-tmpfiles-setup.service');
    expect(before.split(' ')).toEqual(expect.arrayContaining(['cloud-init.service', 'cloud-init-network.service']));
    expect(await must('cd /var/lib/cloud/data; umask 022; echo >cfn-init-data; stat -c %a cfn-init-data; rm *')).toBe(
      '600',
    );
  });

  test('applies a template: a package of that suite, accounts, a file, a command and cfn-hup', IN_TURN, async () => {
    await must('cat >/root/metadata', JSON.stringify(METADATA));
    expect(await must('cfn-init /root/metadata 2>&1')).toMatch(/^cfn-init: 8 changed in /m);
    expect(await must(`dpkg-query -W -f '\${db:Status-Status}' ${PACKAGE}; cat /srv/of-the-command`)).toMatch(
      /^installedHello/,
    );
    expect(await must("stat -c '%a %U:%G' /srv/of-the-template; id -Gn somebody")).toMatch(
      /^640 somebody:people\n.*\bpeople$/,
    );
    expect(await must('cfn-init /root/metadata 2>&1')).toMatch(/^cfn-init: 7 unchanged, 1 skipped in /m);
    const state = (): Promise<string> =>
      must('systemctl show --property=ActiveState,SubState,MainPID cfn-hup.service | sort');
    const running = await state();
    expect(running).toMatch(/^ActiveState=active\nMainPID=[1-9]\d*\nSubState=running$/);
    await must('systemctl reload cfn-hup.service');
    await until('the same daemon is ready again', async () => (await state()) === running);
  });

  test('leaves nothing when it is purged', IN_TURN, async () => {
    await must('apt-get purge -qq cfntools 2>&1');
    expect(await must('systemctl is-active cfn-hup.service || true')).toBe('inactive');
    // What came with it, and what the template has made.
    await must(`dpkg-query -W -f '\${Package}\\n' | sort | comm -13 /root/packages-before - | xargs apt-get purge -qq 2>&1
      userdel somebody; groupdel people; rm -r /etc/cfn /srv/of-the-*`);
    const others =
      '/(root|var/cache|var/log/(apt|journal)|var/lib/(apt|dpkg|systemd))/|/etc/[a-z]*-$|/var/log/dpkg.log$';
    expect(await must(`find / -xdev | sort | comm -13 /root/before - | grep -vE '^(${others})' || true`)).toBe('');
  });
});
