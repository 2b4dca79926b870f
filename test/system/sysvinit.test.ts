import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, complaints, summary } from '../support/cfn-init.ts';
import { watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// The pipe of sysvinit's own init stands in the view, so that it is what runs; its scripts and tools are real.
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
  if (process.geteuid?.() !== 0) return;
  await view().run('rm -rf /run/systemd; mkfifo /run/initctl');
  await watchFor(view(), 1);
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

  test('that is only named is not changed', async () => {
    await apply({ dummyd: { files: ['/etc/dummyd.conf'] } });
    expect(summary(await apply({ dummyd: {} }))).toBe('1 unchanged');
    expect(await told('dummyd')).toEqual([]);
  });

  test('listed under systemd is managed by the init system that runs', async () => {
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

describe('an init script that hangs', () => {
  test.each(['start', 'status'])(
    'in %s is ended after service-timeout, and is a failure with exit code 75',
    async (verb) => {
      const content = script('stuck').replace(`${verb})`, `${verb}) echo I wait; sleep 300;`);
      await view().run('echo service-timeout = 2 >>/etc/cfn/cfntools.conf');
      const { code, stderr } = await apply(
        { stuck: { ensureRunning: true } },
        { '/etc/init.d/stuck': { content, mode: '000755' } },
      );
      await watchFor(view(), 1);
      expect({ code, stderr }).toEqual({
        code: 75,
        stderr: expect.stringMatching(
          new RegExp(`^cfn-init: service stuck ${verb} did not end within 2 s: [^\\n]*it was ended[^\\n]*\\n$`),
        ),
      });
      if (verb === 'start') expect(stderr).toMatch(/\/etc\/init.d\/stuck: .*last words: I wait; service-timeout in/);
    },
  );

  test('is not affected by a service-timeout that is no number, which is warned about once', async () => {
    await view().run('echo service-timeout = soon >>/etc/cfn/cfntools.conf');
    const { code, stderr } = await apply({ dummyd: { ensureRunning: true } });
    await watchFor(view(), 1);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'cfn-init: warning: service-timeout is not a number of seconds: /etc/cfn/cfntools.conf: using 1800\n',
    });
  });
});

describe('an init script that does not tell its status', () => {
  const mute = (name: string, usage = 'exit 1') => ({
    [`/etc/init.d/${name}`]: {
      content: script(name).replace(
        /^status\).*$/m,
        `status) echo "status" >>/run/${name}.log; echo "Usage: $0 {start|stop|restart}" >&2; ${usage} ;;`,
      ),
      mode: '000755',
    },
  });

  test.each(['exit 0', 'exit 1', 'exit 2', 'exit 3'])('and has a pid file, is known by that: %s', async (usage) => {
    const services = { mute: { ensureRunning: true } };
    expect((await apply(services, mute('mute', usage))).code).toBe(0);
    expect(await told('mute')).toEqual(['start']);
    expect(summary(await apply(services))).toBe('1 unchanged');
    await apply({ mute: { ensureRunning: false } });
    expect(await told('mute')).toEqual(['stop']);
    expect(summary(await apply({ mute: {} }))).toBe('1 unchanged');
  });

  test('nor has a pid file, is told each time what is wanted', async () => {
    const [[path = '', file] = []] = Object.entries(mute('blind'));
    const blind = { [path]: { ...file, content: file?.content.replaceAll('/run/blind.pid', '/run/hidden') } };
    const run = async (wanted: ConfigDocument, files: ConfigDocument = {}) => {
      const { code, stderr } = await apply({ blind: wanted }, files);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return told('blind');
    };
    expect(await run({ ensureRunning: true }, blind)).toEqual(['start']);
    expect(await run({ ensureRunning: true })).toEqual(['start']);
    const wanted = { ensureRunning: true, files: ['/etc/blind.conf'] };
    expect(await run(wanted, { '/etc/blind.conf': { content: 'a' } })).toContain('restart');
    expect(await run({ ensureRunning: false })).toEqual(['stop']);
    const files = ['/etc/blind.conf'];
    expect(await run({ files }, { '/etc/blind.conf': { content: 'b' } })).toContain('restart');
  });
});

describe("with chkconfig (a stand-in that does with the links what Red Hat's does)", () => {
  test('a script is added, enabled, and disabled', async () => {
    await view().run(`cat >/usr/local/sbin/chkconfig <<'END'
#!/bin/sh
echo "$*" >>/run/chkconfig.log
links() { for level in 2 3 4 5; do rm -f /etc/rc$level.d/[SK]??$1; ln -s ../init.d/$1 /etc/rc$level.d/$2$1; done; }
case "$1 $2" in
'--add '*) ls /etc/rc3.d/[SK]??$2 >/dev/null 2>&1 || links $2 K50 ;;
*' on') ls /etc/rc3.d/[SK]??$1 >/dev/null 2>&1 && links $1 S50 ;;
*' off') links $1 K50 ;;
*) ls /etc/rc3.d/S??$1 >/dev/null 2>&1 ;;
esac
END
chmod 755 /usr/local/sbin/chkconfig`);
    const calls = async () => (await view().run('grep -v "^red$" /run/chkconfig.log; rm /run/chkconfig.log')).stdout;
    expect((await apply({ red: { enabled: true } }, file('red'))).code).toBe(0);
    expect({ calls: await calls(), links: await links('red') }).toEqual({ calls: '--add red\nred on\n', links: '4' });
    expect(summary(await apply({ red: { enabled: true } }))).toBe('1 unchanged');
    expect(summary(await apply({ red: { enabled: false } }))).toBe('1 changed');
    expect({ calls: await calls(), links: await links('red') }).toEqual({ calls: 'red off\n', links: '0' });
    expect(summary(await apply({ red: { enabled: false } }))).toBe('1 unchanged');
    await view().run('rm /usr/local/sbin/chkconfig');
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

  test.each(['dumyd', 'dummdy.service', '/etc/init.d/dummy'])('the nearest name is told: %s', async (name) => {
    const { stderr } = await apply({ [name]: { ensureRunning: true } });
    expect(stderr).toMatch(/did you mean dummyd\?\n$/);
  });

  test('one that does not stay up is named, with what its status says', async () => {
    const content = script('frail')
      .replace('sleep 300', 'sleep 0.3')
      .replace('kill -0 "$(cat $pid)"', '{ kill -0 "$(cat $pid)" 2>/dev/null || { echo "frail is dead"; exit 1; }; }');
    const result = await apply(
      { frail: { ensureRunning: true } },
      { '/etc/init.d/frail': { content, mode: '000755' } },
    );
    expect({ code: result.code, lines: complaints(result).length }).toEqual({ code: 1, lines: 1 });
    expect(result.stderr).toMatch(
      /^cfn-init: service "frail" did not stay up: services sysvinit "frail": service frail status ended with exit code 1; [^\n]*frail is dead\n$/,
    );
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
