import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HupGuest, prepareHupGuest, until } from '../support/cfn-hup.ts';
import { packagesFor } from '../support/packages.ts';
import { useSandbox } from '../support/use-machine.ts';

const isPossible = process.geteuid?.() === 0;
// A real systemd as the first process of the view, and the real deb installed there.
const view = useSandbox({ init: 'systemd' }, ['dpkg-deb']);
const UNIT = 'cfn-hup.service';
const ACTED = '/srv/acted';
const RECORD = `echo "$CFN_NEW_METADATA" >>${ACTED}`;
const DATA = '/var/lib/cloud/data';
let guest: HupGuest;

const must = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await view().run(`set -e\n${script}`, { timeout: 120_000 });
  if (code !== 0) throw new Error(`exit code ${code}: ${script}\n${stdout}${stderr}`);
  return stdout.trim();
};
const show = (property: string, unit = UNIT): Promise<string> =>
  must(`systemctl show --property=${property} --value ${unit}`);
const isActive = async (unit: string): Promise<boolean> => (await show('ActiveState', unit)) === 'active';
const said = { said: () => guest.log() };
/** Settings for the test that an administrator would make in the same way. */
const dropIn = (unit: string, lines: string): Promise<string> =>
  must(`mkdir -p /etc/systemd/system/${unit}.d
    printf '${lines}' >/etc/systemd/system/${unit}.d/test.conf
    systemctl daemon-reload`);

beforeAll(async () => {
  if (!isPossible) return;
  const { deb } = await packagesFor('x64');
  guest = await prepareHupGuest(view());
  // What that has left of an unpackaged program makes room for the packaged one.
  // Nor may a machine's ban on starting services hold in the view.
  await must(`rm -f /etc/systemd/system/${UNIT} /usr/bin/cfn-* /usr/sbin/policy-rc.d
    dpkg --force-confnew --force-confmiss -i '${deb}' 2>&1`);
  await must('systemctl daemon-reload');
});

beforeEach(async () => {
  if (!isPossible) return;
  await view().run(`systemctl stop cfn-hup.timer cfn-hup-pass.service ${UNIT}; systemctl reset-failed
    rm -rf /etc/systemd/system/cfn-hup*.d /var/lib/cfn-hup/* /run/cfn-hup ${ACTED}; systemctl daemon-reload`);
  await guest.tell({ version: 0 });
  await guest.publish({ version: 0 });
});

async function start(action = RECORD): Promise<void> {
  await guest.configure({ interval: '1s' }, action);
  await must(`systemctl start ${UNIT}`);
  await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
}

test('systemd-analyze finds nothing in the units', async () => {
  const { code, stdout, stderr } = await view().run('systemd-analyze verify /usr/lib/systemd/system/cfn-*');
  const lines = (stdout + stderr).split('\n').filter((line) => line.includes('cfn-'));
  // A machine without man has no pages.
  expect(lines.filter((line) => !/Command 'man .*' failed/.test(line))).toEqual([]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
});

describe('cfn-hup.service, as it is packaged', () => {
  test('is off, and has nothing to do without cfn-hup.conf', async () => {
    expect(await show('UnitFileState')).toBe('disabled');
    await must(`rm -f /etc/cfn/cfn-hup.conf; systemctl start ${UNIT}`);
    expect([await show('ActiveState'), await show('ConditionResult')]).toEqual(['inactive', 'no']);
  });

  test('becomes ready, is the packaged program, and acts on a change', async () => {
    await start();
    expect([await show('ActiveState'), await show('Type')]).toEqual(['active', 'notify']);
    expect(await show('FragmentPath')).toMatch(/^(\/usr)?\/lib\/systemd\/system\/cfn-hup\.service$/);
    expect(await must(`readlink /proc/${await show('MainPID')}/exe`)).toBe('/usr/bin/cfntools');
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":1}']);
    expect(await must('stat -c %a /var/lib/cfn-hup /run/cfn-hup')).toBe('700\n700');
  });

  test('takes its environment from /etc/default/cfn-hup', async () => {
    await must("echo 'ONE_OF_OURS=is here' >>/etc/default/cfn-hup");
    await start(`echo "$ONE_OF_OURS" >>${ACTED}`);
    await guest.tell({ version: 1 });
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['is here']);
  });

  test('one that hangs is ended by the watchdog, and started again', async () => {
    await start();
    expect(await show('WatchdogUSec')).toBe('5min');
    await must(`systemctl stop ${UNIT}; rm -rf /run/cfn-hup`);
    await dropIn(UNIT, '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=2\\nRestartSec=100ms\\n');
    await start();
    const pid = await show('MainPID');
    await must(`kill -STOP ${pid}`);
    await until('there is a new one', async () => {
      const now = await show('MainPID');
      return now !== pid && now !== '0' && (await isActive(UNIT));
    });
    expect(Number(await show('NRestarts'))).toBeGreaterThan(0);
    await guest.tell({ version: 3 });
    await until('it acts', () => guest.lines(ACTED).includes('{"version":3}'), said);
  });

  test('reloads at once', async () => {
    await guest.configure({ interval: '1h' }, RECORD);
    await must(`systemctl start ${UNIT}`);
    await until('the first pass is over', () => view().exists('/run/cfn-hup/last-check.json'), said);
    await guest.tell({ version: 4 });
    await must(`systemctl reload ${UNIT}`);
    await until('the action ran', () => guest.lines(ACTED).length > 0, said);
    expect(guest.lines(ACTED)).toEqual(['{"version":4}']);
  });

  test('lets an action do what configuring a machine takes', async () => {
    await must(`
      mkdir -p /srv/dummy/DEBIAN /srv/dummy/usr/bin
      printf '%s\\n' 'Package: dummy' 'Version: 1' 'Architecture: all' 'Maintainer: n <n@example.test>' \\
        'Description: a dummy' >/srv/dummy/DEBIAN/control
      printf '#!/bin/sh\\nchown daemon /usr/bin/dummy\\n' >/srv/dummy/DEBIAN/postinst
      cp /usr/bin/id /srv/dummy/usr/bin/dummy; chmod 755 /srv/dummy/DEBIAN/postinst
      dpkg-deb --root-owner-group --build /srv/dummy /srv/dummy.deb >/dev/null
      printf '[Service]\\nExecStart=/bin/sleep 1000\\n' >/srv/dummy.service
      cat >/srv/configure.sh <<'END'
set -ex
dpkg -i /srv/dummy.deb
groupadd --gid 4321 people
useradd --create-home --uid 4321 --gid people someone
install -o someone -g people -m 600 /etc/hostname /home/someone/file
echo text >/etc/of-the-action
echo text >/usr/local/of-the-action
echo text >/root/of-the-action
echo text >/tmp/of-the-action
cp /usr/bin/id /usr/local/bin/id-of-root
chmod u+s /usr/local/bin/id-of-root
echo "setuid: $(runuser -u someone -- /usr/local/bin/id-of-root -u)" >>${ACTED}
mount -t tmpfs tmpfs /mnt && touch /mnt/file && umount /mnt
mknod /srv/device c 1 3
cp /srv/dummy.service /etc/systemd/system/
systemctl daemon-reload
systemctl start dummy.service
sysctl -n kernel.hostname >/dev/null
code=0; chrt --fifo 1 true || code=$?; echo "realtime: $code" >>${ACTED}
END
      cat >/srv/sockets.py <<'END'
import socket
for name in 'AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_BLUETOOTH'.split():
    try:
        socket.socket(getattr(socket, name), socket.SOCK_RAW if name in ('AF_NETLINK', 'AF_PACKET', 'AF_BLUETOOTH') else socket.SOCK_STREAM, 1 if name == 'AF_BLUETOOTH' else 0)
        print(name, 'is there')
    except OSError as error:
        print(name, error.strerror)
END`);
    const realtime = await must('code=0; chrt --fifo 1 true 2>/dev/null || code=$?; echo $code');
    await start(
      `bash /srv/configure.sh >/srv/said 2>&1; echo "exit code $?" >>${ACTED}; python3 /srv/sockets.py >>${ACTED}; echo end >>${ACTED}`,
    );
    await guest.tell({ version: 5 });
    await until('the action ended', () => guest.lines(ACTED).includes('end'), {
      seconds: 60,
      said: () => view().read('/srv/said'),
    });
    expect(guest.lines(ACTED), view().read('/srv/said')).toEqual([
      'setuid: 0',
      `realtime: ${realtime}`,
      'exit code 0',
      ...['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET'].map((name) => `${name} is there`),
      'AF_BLUETOOTH Address family not supported by protocol',
      'end',
    ]);
    // What it did is there for everybody, and not in a place of the service's own.
    expect(await must('cat /etc/of-the-action /usr/local/of-the-action /root/of-the-action /tmp/of-the-action')).toBe(
      'text\ntext\ntext\ntext',
    );
    expect(
      await must("dpkg-query -W -f='${db:Status-Status}' dummy; stat -c ' %U' /usr/bin/dummy /home/someone/file"),
    ).toBe('installed daemon\n someone');
    // What an action has started goes on without the daemon.
    await must(`systemctl stop ${UNIT}`);
    expect(await isActive('dummy.service')).toBe(true);
  });
});

describe('cfn-hup.timer, as it is packaged', () => {
  test('looks after a while, spread over two minutes', async () => {
    expect(await show('RandomizedDelayUSec', 'cfn-hup.timer')).toBe('2min');
    expect(await show('TimersMonotonic', 'cfn-hup.timer')).toMatch(/OnUnitInactiveUSec=4min.*|OnBootUSec=1min/s);
    expect(await show('Unit', 'cfn-hup.timer')).toBe('cfn-hup-pass.service');
  });

  test('makes pass after pass', async () => {
    await guest.configure({}, RECORD);
    const lines = [
      '[Timer]',
      'OnBootSec=',
      'OnActiveSec=0',
      'OnUnitInactiveSec=1',
      'RandomizedDelaySec=0',
      'AccuracySec=1ms',
    ];
    await dropIn('cfn-hup.timer', `${lines.join('\\n')}\\n`);
    await guest.tell({ version: 1 });
    await must('systemctl start cfn-hup.timer');
    await until('it acts', () => guest.lines(ACTED).includes('{"version":1}'), said);
    await guest.tell({ version: 2 });
    await until('it acts again', () => guest.lines(ACTED).includes('{"version":2}'), said);
    expect(guest.lines(ACTED)).toEqual(['{"version":1}', '{"version":2}']);
    await until('the pass is over', async () => (await show('Result', 'cfn-hup-pass.service')) === 'success');
  });

  test('makes way for the daemon', async () => {
    await guest.configure({ interval: '1h' }, RECORD);
    await must('systemctl start cfn-hup.timer');
    expect(await isActive('cfn-hup.timer')).toBe(true);
    await must(`systemctl start ${UNIT}`);
    await until('the timer stops', async () => !(await isActive('cfn-hup.timer')));
    expect(await isActive(UNIT)).toBe(true);
  });
});

describe('copies of the metadata in the directory of cloud-init, as the package leaves it', () => {
  const COPIES = ['cfn-init-data', 'cfn-boto-cfg', 'cfn-userdata'];
  const write = `cd ${DATA}; umask 022; for name in ${COPIES.join(' ')}; do echo '{}' >$name; done`;
  const modes = (): Promise<string> => must(`cd ${DATA}; stat -c %a ${COPIES.join(' ')}`);
  // What systemd-tmpfiles-setup.service runs.
  const atBoot = 'systemd-tmpfiles --create --remove --boot --exclude-prefix=/dev >/dev/null 2>&1 || true';

  test('are closed from the moment that they are there', async () => {
    await must(write);
    expect(await modes()).toBe('600\n600\n600');
  });

  test('are closed in a directory that the boot has made, before cloud-init writes to it', async () => {
    await must(`rm -rf /var/lib/cloud; ${atBoot}; ${write}`);
    expect(await modes()).toBe('600\n600\n600');
    expect(await must(`stat -c '%a %U:%G' /var/lib/cloud ${DATA}`)).toBe('755 root:root\n755 root:root');
    const before = (await show('Before', 'systemd-tmpfiles-setup.service')).split(' ');
    expect(before).toEqual(expect.arrayContaining(['cloud-init.service', 'cloud-init-network.service']));
  });

  test('are closed at the boot where they were there before; a link is not followed', async () => {
    await must(
      `chmod 644 ${DATA}/*; echo text >/srv/other; chmod 644 /srv/other; ln -sf /srv/other ${DATA}/cfn-boto-cfg`,
    );
    await must(atBoot);
    expect(await modes()).toBe('600\n777\n700');
    expect(await must('stat -c %a /srv/other')).toBe('644');
  });

  test('and what cloud-init lets others read stays so', async () => {
    await must(`cd ${DATA}; umask 022; echo '{}' >new; chmod 644 new; mv new status.json`);
    expect(await must(`setpriv --reuid=65534 --clear-groups cat ${DATA}/status.json`)).toBe('{}');
  });
});
