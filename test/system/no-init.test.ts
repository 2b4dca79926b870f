import { beforeAll, describe, expect, test } from 'vitest';
import { binary, binaryDirectory } from '../support/binary.ts';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { RUNS, service, UNITS, watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// systemd is installed and nothing runs as init: a container, or an image that is being built.
const view = useSandbox({}, ['systemctl', 'service', 'update-rc.d']);
const BOTH = { enabled: true, ensureRunning: true };
const apply = (services: ConfigDocument, files: ConfigDocument = {}) =>
  cfnInit(view(), { services: { systemd: services }, files });
const isEnabled = async (unit: string): Promise<string> =>
  (await view().run(['systemctl', '--root=/', 'is-enabled', unit])).stdout.trim();

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await view().run('rm -rf /run/systemd');
  await watchFor(view(), 1);
  const files = {
    [`${UNITS}/native.service`]: RUNS,
    [`${UNITS}/many@.service`]: RUNS,
    [`${UNITS}/bare.service`]: service('ExecStart=/bin/sleep 300'),
    [`${UNITS}/helper.service`]: service('ExecStart=/bin/sleep 300', '[Install]\nAlso=native.service\n'),
    [`${UNITS}/first.service`]: service('ExecStart=/bin/true', '[Install]\nAlias=second.service\n'),
    '/usr/lib/systemd/system/packaged.service': RUNS,
    [`${UNITS}/other.service`]: { content: '/usr/lib/systemd/system/packaged.service', mode: '120777' },
    [`${UNITS}/hidden.service`]: { content: '/dev/null', mode: '120777' },
  };
  const { code, stderr } = await cfnInit(view(), { files });
  if (code !== 0) throw new Error(stderr);
});

describe('a unit', () => {
  test.each(['native', 'many@one'])('%s is enabled for the next boot, and a warning says so', async (name) => {
    const first = await apply({ [name]: BOTH });
    expect({ code: first.code, stderr: first.stderr, enabled: await isEnabled(`${name}.service`) }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        `^cfn-init: warning: ${name} is not started, no init system runs here: [^\\n]*: it starts at the next boot\n$`,
      ),
      enabled: 'enabled',
    });
    expect(summary(await apply({ [name]: { enabled: true } }))).toBe('1 unchanged');
    expect(summary(await apply({ [name]: { enabled: false, ensureRunning: false } }))).toBe('1 changed');
    expect(await isEnabled(`${name}.service`)).toBe('disabled');
    expect(summary(await apply({ [name]: { enabled: false, ensureRunning: false } }))).toBe('1 unchanged');
  });

  test('that is not to be enabled is skipped, and a warning says what the next boot does', async () => {
    const result = await apply({ native: { ensureRunning: true } });
    expect({ code: result.code, stderr: result.stderr, summary: summary(result) }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/native is not started, [^\n]*not enabled, so that no boot starts it either\n$/),
      summary: '1 skipped',
    });
  });

  test('is not restarted when its files change', async () => {
    const result = await apply({ native: { files: ['/etc/native'] } }, { '/etc/native': { content: '' } });
    expect({ code: result.code, stderr: result.stderr, summary: summary(result) }).toEqual({
      code: 0,
      stderr: '',
      summary: '1 changed, 1 unchanged',
    });
  });

  test('that only enables others is enabled when those are', async () => {
    expect(summary(await apply({ helper: { enabled: true } }))).toBe('1 changed');
    expect(await isEnabled('native.service')).toBe('enabled');
    expect(summary(await apply({ helper: { enabled: true } }))).toBe('1 unchanged');
  });

  test.each(['packaged', 'other'])('that has a second name by a link is not enabled by that: %s', async (name) => {
    expect(await isEnabled('packaged.service')).toBe('indirect');
    expect(summary(await apply({ [name]: { enabled: true } }))).toBe('1 changed');
    expect(await isEnabled('packaged.service')).toBe('enabled');
    expect(summary(await apply({ [name]: { enabled: true } }))).toBe('1 unchanged');
    await view().run('rm /etc/systemd/system/*.wants/packaged.service');
    expect(summary(await apply({ [name]: { enabled: false } }))).toBe('1 unchanged');
  });

  test('goes by its alias as well', async () => {
    await apply({ first: { enabled: true } });
    expect(summary(await apply({ second: { enabled: true } }))).toBe('1 unchanged');
    expect(summary(await apply({ second: { enabled: false } }))).toBe('1 changed');
    expect(await isEnabled('first.service')).toBe('disabled');
  });

  test('that cannot be enabled: a warning', async () => {
    const { code, stderr } = await apply({ bare: { enabled: true } });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/warning: bare\.service cannot be enabled: .*no \[Install\]/),
    });
  });

  test('that is masked cannot be enabled', async () => {
    const { code, stderr } = await apply({ hidden: { enabled: true } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/hidden.service is masked[^\n]*unmask/),
    });
    expect((await apply({ hidden: { enabled: false } })).code).toBe(0);
  });

  test('that is not there is named, with the nearest name', async () => {
    const { code, stderr } = await apply({ natvie: { enabled: true } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/"natvie"[^\n]*did you mean native\?/) });
  });
});

describe('an init script', () => {
  const script = `#!/bin/sh
### BEGIN INIT INFO
# Provides: olden
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
case $1 in
start) setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $! >/run/olden.pid ;;
stop) kill "$(cat /run/olden.pid)"; rm -f /run/olden.pid ;;
restart) $0 stop; $0 start ;;
status) [ -e /run/olden.pid ] && kill -0 "$(cat /run/olden.pid)" || exit 3 ;;
esac
`;
  const files = (conf: string) => ({
    '/etc/init.d/olden': { content: script, mode: '000755' },
    '/etc/olden.conf': { content: conf },
  });
  const pid = () => view().read('/run/olden.pid');

  test('is enabled, started, restarted and stopped all the same', async () => {
    const services = { olden: { ...BOTH, files: ['/etc/olden.conf'] } };
    const first = await apply(services, files('a'));
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '3 changed',
    });
    const before = pid();
    expect((await view().run('ls /etc/rc3.d')).stdout).toMatch(/^S\d\dolden$/m);
    expect(summary(await apply(services, files('a')))).toBe('3 unchanged');
    await apply(services, files('b'));
    expect(pid()).not.toBe(before);
    expect(summary(await apply({ olden: { enabled: false, ensureRunning: false } }))).toBe('1 changed');
    expect(view().exists('/run/olden.pid')).toBe(false);
    expect((await view().run('ls /etc/rc3.d')).stdout).not.toMatch(/^S\d\dolden$/m);
  });
});

describe('systemd runs, and cannot be asked', () => {
  test('the reason is told', async () => {
    await view().run('mkdir -p /run/systemd/system');
    const { code, stderr } = await apply({ native: BOTH });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cfn-init: systemctl show ended with exit code 1: [^\n]*Failed to connect to bus[^\n]*\n$/,
      ),
    });
  });

  test('SYSTEMD_OFFLINE says that it shall not be', async () => {
    const input = JSON.stringify({
      'AWS::CloudFormation::Init': { config: { services: { systemd: { native: { enabled: false } } } } },
    });
    const env = { PATH: process.env['PATH'] ?? '', SYSTEMD_OFFLINE: '1' };
    const result = await view().run([binary('cfn-init'), '-'], { input, env });
    expect({ code: result.code, stderr: result.stderr, enabled: await isEnabled('native.service') }).toEqual({
      code: 0,
      stderr: '',
      enabled: 'disabled',
    });
  });
});

describe('a chroot on a machine that systemd runs', () => {
  const machine = useSandbox({ init: 'systemd' });

  test('there units are enabled, and not started', async () => {
    const root = '/mnt/root';
    const set = await machine().run(`
      set -e
      mkdir -p ${root} && mount -t tmpfs tmpfs ${root} && cd ${root}
      for link in bin sbin lib lib64; do [ ! -L /$link ] || cp -d /$link .; done
      for directory in usr etc var run proc dev tmp ${binaryDirectory}; do
        mkdir -p ./$directory && mount --rbind /$directory ./$directory
      done
      cat >/etc/systemd/system/inside.service <<'END'
[Service]
ExecStart=/bin/sleep 300
[Install]
WantedBy=multi-user.target
END`);
    expect({ code: set.code, stderr: set.stderr }).toEqual({ code: 0, stderr: '' });
    const input = JSON.stringify({
      'AWS::CloudFormation::Init': { config: { services: { systemd: { inside: BOTH } } } },
    });
    const { code, stderr } = await machine().run(['chroot', root, binary('cfn-init'), '-'], { input });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^cfn-init: warning: inside is not started, [^\n]*it starts at the next boot\n$/),
    });
    const { stdout } = await machine().run(
      'systemctl daemon-reload; systemctl is-enabled inside; systemctl is-active inside',
    );
    expect(stdout).toBe('enabled\ninactive\n');
  });
});
