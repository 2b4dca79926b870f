import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { useSandbox } from '../support/use-machine.ts';

// No init system runs in the view: /run/systemd/system is not there, so that init scripts count.
const view = useSandbox({}, ['service', 'update-rc.d']);
const script = (name: string): string => `#!/bin/sh
### BEGIN INIT INFO
# Provides:          ${name}
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a dummy
### END INIT INFO
pid=/run/${name}.pid
case $1 in
start) setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $! >$pid ;;
stop) kill "$(cat $pid)"; rm -f $pid ;;
restart) $0 stop; $0 start ;;
status) [ -e $pid ] && kill -0 "$(cat $pid)" ;;
*) exit 2 ;;
esac
result=$?
echo "$1" >>/run/${name}.log
exit $result
`;
const file = (name: string) => ({ [`/etc/init.d/${name}`]: { content: script(name), mode: '000755' } });
const apply = (services: ConfigDocument, files: ConfigDocument = {}, more: ConfigDocument = {}) =>
  cfnInit(view(), { services: { sysvinit: services }, files, ...more });

/** What the script was told since the last look, without the questions for its status. */
async function told(name: string): Promise<string[]> {
  const { stdout } = await view().run(`cat /run/${name}.log 2>/dev/null; rm -f /run/${name}.log`);
  return stdout.split('\n').filter((word) => word !== '' && word !== 'status');
}
const links = async (name: string): Promise<string> =>
  (await view().run(`cd /etc && ls -d rc[2-5].d/S*${name} 2>/dev/null | wc -l`)).stdout.trim();

beforeAll(async () => {
  if (process.geteuid?.() === 0) await view().run('rm -rf /run/systemd');
});

describe('an init script', () => {
  test('written by files is enabled and started; the second run is unchanged', async () => {
    const services = { dummyd: { enabled: 'true', ensureRunning: 'true', files: ['/etc/init.d/dummyd'] } };
    const first = await apply(services, file('dummyd'));
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect({ told: await told('dummyd'), links: await links('dummyd') }).toEqual({ told: ['start'], links: '4' });
    expect(summary(await apply(services, file('dummyd')))).toBe('2 unchanged');
    expect(await told('dummyd')).toEqual([]);
  });

  test('is restarted when what it is for has changed, and only then', async () => {
    const services = { dummyd: { ensureRunning: true, files: ['/etc/dummyd.conf'], commands: ['01'] } };
    const conf = (content: string) => ({ '/etc/dummyd.conf': { content }, '/etc/unrelated': { content } });
    await apply(services, conf('a'));
    expect(await told('dummyd')).toContain('restart');
    await apply(services, conf('a'));
    expect(await told('dummyd')).toEqual([]);
    await apply(services, {}, { commands: { '01': { command: 'true' } } });
    expect(await told('dummyd')).toContain('restart');
    await apply(services, {}, { commands: { '02': { command: 'true' } } });
    expect(await told('dummyd')).toEqual([]);
  });

  test('is stopped and disabled', async () => {
    const services = { dummyd: { enabled: 'no', ensureRunning: '0' } };
    expect(summary(await apply(services))).toBe('1 changed');
    expect({ told: await told('dummyd'), links: await links('dummyd') }).toEqual({ told: ['stop'], links: '0' });
    expect(summary(await apply(services))).toBe('1 unchanged');
  });

  test('that is not running is started, not restarted, when its files changed', async () => {
    await apply(
      { dummyd: { ensureRunning: true, files: ['/etc/dummyd.conf'] } },
      { '/etc/dummyd.conf': { content: 'b' } },
    );
    expect(await told('dummyd')).toEqual(['start']);
  });

  test('without a wish is left alone', async () => {
    await apply({ dummyd: { files: ['/etc/dummyd.conf'] } });
    expect(summary(await apply({ dummyd: {} }))).toBe('1 unchanged');
    expect(await told('dummyd')).toEqual([]);
  });

  test('listed under systemd goes by what runs here all the same', async () => {
    const result = await cfnInit(view(), { services: { systemd: { 'dummyd.service': { ensureRunning: false } } } });
    expect({ code: result.code, told: await told('dummyd') }).toEqual({ code: 0, told: ['stop'] });
  });

  test('whose daemon keeps our pipes open does not block', async () => {
    const leaky = script('leaky').replace('>/dev/null 2>&1 </dev/null', '');
    const files = { '/etc/init.d/leaky': { content: leaky, mode: '000755' } };
    const document = { services: { sysvinit: { leaky: { ensureRunning: true } } }, files };
    expect((await cfnInit(view(), document, [], { timeout: 10_000 })).code).toBe(0);
    await view().run('service leaky stop');
  });
});

describe('failures', () => {
  test('an unknown service is named', async () => {
    const { code, stderr } = await apply({ nonsense: { enabled: true, ensureRunning: true } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*"?nonsense"?[^\n]*\n$/),
    });
  });

  test('an unknown one that is not wanted is fine', async () => {
    expect((await apply({ nonsense: { enabled: false, ensureRunning: false } })).code).toBe(0);
  });

  test('one that does not start is named, with what it said', async () => {
    const content = '#!/bin/sh\n[ "$1" = status ] && exit 3\necho "the port is taken"\nexit 1\n';
    const { code, stderr } = await apply(
      { bad: { ensureRunning: true } },
      { '/etc/init.d/bad': { content, mode: '000755' } },
    );
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*bad[^\n]*the port is taken[^\n]*\n$/),
    });
  });

  test('under --compat heat they are warnings', async () => {
    const document = { services: { sysvinit: { nonsense: { ensureRunning: true } } } };
    const { code, stderr } = await cfnInit(view(), document, ['--compat', 'heat']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^cfn-init: warning: [^\n]*nonsense/m) });
  });
});
