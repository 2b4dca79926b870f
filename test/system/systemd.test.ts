import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { property, stateOf, watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// A real systemd as the first process of the view.
const view = useSandbox({ init: 'systemd' });
const UNIT = '/etc/systemd/system/dummy.service';
const unit = (text = 'one'): ConfigDocument => ({
  content: `[Unit]\nDescription=${text}\n[Service]\nExecStart=/bin/sleep 300\n[Install]\nWantedBy=multi-user.target\n`,
});
const apply = (services: ConfigDocument, files: ConfigDocument = {}, manager = 'systemd') =>
  cfnInit(view(), { services: { [manager]: services }, files });

const show = (name: string, of = 'dummy.service'): Promise<string> => property(view(), name, of);
const state = (of = 'dummy.service'): Promise<string> => stateOf(view(), of);

beforeAll(async () => {
  if (process.geteuid?.() === 0) await watchFor(view(), 0);
});

describe('a unit', () => {
  test('written by files is known, enabled and started; the second run is unchanged', async () => {
    const services = { dummy: { enabled: 'true', ensureRunning: 'true', files: [UNIT] } };
    const first = await apply(services, { [UNIT]: unit() });
    expect({ code: first.code, stderr: first.stderr, summary: summary(first) }).toEqual({
      code: 0,
      stderr: '',
      summary: '2 changed',
    });
    expect(await state()).toBe('enabled active');
    const pid = await show('MainPID');
    expect(summary(await apply(services, { [UNIT]: unit() }))).toBe('2 unchanged');
    expect(await show('MainPID')).toBe(pid);
  });

  test('that has changed is read again, and the service restarted', async () => {
    const pid = await show('MainPID');
    const result = await apply({ dummy: { ensureRunning: true, files: [UNIT] } }, { [UNIT]: unit('two') });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect({ text: await show('Description'), reload: await show('NeedDaemonReload') }).toEqual({
      text: 'two',
      reload: 'no',
    });
    expect(await show('MainPID')).not.toBe(pid);
  });

  test('that has changed is read again even when the service need not restart', async () => {
    const pid = await show('MainPID');
    await apply({ dummy: { ensureRunning: true } }, { [UNIT]: unit('three') });
    expect(await show('Description')).toBe('three');
    expect(await show('MainPID')).toBe(pid);
  });

  test('a drop-in counts as a unit file', async () => {
    const files = { '/etc/systemd/system/dummy.service.d/env.conf': { content: '[Service]\nEnvironment=A=b\n' } };
    await apply({ dummy: { ensureRunning: true, files: Object.keys(files) } }, files);
    expect({ environment: await show('Environment'), reload: await show('NeedDaemonReload') }).toEqual({
      environment: 'A=b',
      reload: 'no',
    });
  });

  test('that lies newer on the disk than systemd has read is read again first', async () => {
    await view().run(`sed -i 's/^Description=.*/Description=by hand/' ${UNIT}`);
    expect(await show('NeedDaemonReload')).toBe('yes');
    expect(summary(await apply({ dummy: { ensureRunning: true } }))).toBe('1 unchanged');
    expect({ text: await show('Description'), reload: await show('NeedDaemonReload') }).toEqual({
      text: 'by hand',
      reload: 'no',
    });
  });

  test('is restarted when a file that it is for has changed, and only then', async () => {
    const services = { 'dummy.service': { ensureRunning: 'true', files: ['/etc/dummy.conf'] } };
    const pids = [await show('MainPID')];
    for (const content of ['a', 'a', 'b']) {
      expect((await apply(services, { '/etc/dummy.conf': { content }, '/etc/unrelated': { content } })).code).toBe(0);
      pids.push(await show('MainPID'));
    }
    expect(pids[1]).not.toBe(pids[0]);
    expect(pids[2]).toBe(pids[1]);
    expect(pids[3]).not.toBe(pids[2]);
  });

  test('listed under sysvinit goes by what runs here all the same', async () => {
    expect(summary(await apply({ dummy: { enabled: true, ensureRunning: true } }, {}, 'sysvinit'))).toBe('1 unchanged');
    expect(summary(await apply({ dummy: { enabled: false } }, {}, 'sysvinit'))).toBe('1 changed');
    expect(await state()).toBe('disabled active');
  });

  test('is stopped and disabled', async () => {
    await apply({ dummy: { enabled: true } });
    const services = { dummy: { enabled: 'false', ensureRunning: 'false' } };
    expect(summary(await apply(services))).toBe('1 changed');
    expect(await state()).toBe('disabled inactive');
    expect(summary(await apply(services))).toBe('1 unchanged');
  });

  test('that was stopped is not started by a change of its files alone', async () => {
    await apply({ dummy: { files: ['/etc/dummy.conf'] } }, { '/etc/dummy.conf': { content: 'z' } });
    expect(await state()).toBe('disabled inactive');
  });

  test('of a template, and a socket', async () => {
    const files = {
      '/etc/systemd/system/many@.service': unit('many %i'),
      '/etc/systemd/system/tap.socket': {
        content: '[Socket]\nListenStream=/run/tap\n[Install]\nWantedBy=sockets.target\n',
      },
      '/etc/systemd/system/tap.service': unit('tap'),
    };
    const services = {
      'many@one': { enabled: true, ensureRunning: true },
      'tap.socket': { enabled: true, ensureRunning: true },
    };
    const first = await apply(services, files);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect({ many: await state('many@one.service'), tap: await state('tap.socket') }).toEqual({
      many: 'enabled active',
      tap: 'enabled active',
    });
    expect(summary(await apply(services, files))).toBe('5 unchanged');
  });

  test('an init script, which systemd knows by its generator', async () => {
    const content = `#!/bin/sh
### BEGIN INIT INFO
# Provides: old
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
case $1 in start) setsid sleep 300 >/dev/null 2>&1 & ;; esac
`;
    const files = { '/etc/init.d/old': { content, mode: '000755' } };
    const services = { old: { enabled: true, ensureRunning: true } };
    const first = await apply(services, files, 'sysvinit');
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await show('ActiveState', 'old.service')).toBe('active');
    expect(summary(await apply(services, files, 'sysvinit'))).toBe('2 unchanged');
  });
});

describe('failures', () => {
  test('an unknown service is named', async () => {
    const { code, stderr } = await apply({ nonsense: { enabled: true, ensureRunning: true } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^cfn-init: [^\n]*nonsense[^\n]*\n$/) });
  });

  test('an unknown one that is not wanted is fine', async () => {
    expect((await apply({ nonsense: { enabled: false, ensureRunning: false } })).code).toBe(0);
  });

  test('one that does not start is named, with where to look', async () => {
    const content = '[Service]\nType=oneshot\nExecStart=/bin/false\n';
    const files = { '/etc/systemd/system/broken.service': { content } };
    const { code, stderr } = await apply({ broken: { ensureRunning: true } }, files);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^cfn-init: [^\n]*broken[^\n]*journalctl[^\n]*\n$/),
    });
  });

  test('the first failing service ends the run', async () => {
    const result = await apply({ nonsense: { ensureRunning: true }, dummy: { ensureRunning: true } });
    expect({ code: result.code, summary: summary(result) }).toEqual({ code: 1, summary: '1 failed, 1 not run' });
  });
});
