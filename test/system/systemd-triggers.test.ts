import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigDocument, cfnInit, summary } from '../support/cfn-init.ts';
import { makeRepository } from '../support/debian-packages.ts';
import { property, RUNS, service, UNITS, watchFor } from '../support/systemd-units.ts';
import { useSandbox } from '../support/use-machine.ts';

// What restarts a service that runs, each only when it has really changed in this run.
const view = useSandbox({ init: 'systemd' }, ['dpkg-scanpackages']);
const invocation = () => property(view(), 'InvocationID', 'app.service');

/** Applies it, and says whether the service was started anew by that. */
async function restarts(config: ConfigDocument, triggers: ConfigDocument, wanted = true): Promise<boolean> {
  const before = await invocation();
  const services = { systemd: { app: { ...(wanted ? { ensureRunning: true } : {}), ...triggers } } };
  const { code, stderr } = await cfnInit(view(), { ...config, services });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return (await invocation()) !== before;
}

beforeAll(async () => {
  if (process.geteuid?.() !== 0) return;
  await watchFor(view(), 0);
  await makeRepository(view(), ['brick=1.0', 'mortar=1.0']);
  const files = {
    [`${UNITS}/app.service`]: RUNS,
    [`${UNITS}/idle.service`]: RUNS,
    [`${UNITS}/counts.service`]: service('ExecStartPre=/bin/sh -c "echo x >>/run/starts"\nExecStart=/bin/sleep 300'),
  };
  await cfnInit(view(), { files, services: { systemd: { app: { ensureRunning: true } } } });
  await view().run('mkdir -p /tmp/a && echo 1 >/tmp/a/f && tar -C /tmp/a -czf /tmp/a.tar.gz f');
});

describe('restarted by', () => {
  test('files', async () => {
    const files = (content: string) => ({ files: { '/etc/app.conf': { content }, '/etc/other': { content } } });
    expect(await restarts(files('a'), { files: ['/etc/app.conf'] })).toBe(true);
    expect(await restarts(files('a'), { files: ['/etc/app.conf'] })).toBe(false);
    expect(await restarts(files('b'), { files: ['/etc/elsewhere'] })).toBe(false);
    expect(await restarts(files('c'), { files: ['/etc/app.conf'] }, false)).toBe(true);
  });

  test('sources, with or without a slash at the end', async () => {
    const sources = { sources: { '/opt/app': 'file:///tmp/a.tar.gz' } };
    expect(await restarts(sources, { sources: ['/opt/app/'] })).toBe(true);
    expect(await restarts(sources, { sources: ['/opt/app/'] })).toBe(false);
    await view().run('echo 2 >/tmp/a/f && tar -C /tmp/a -czf /tmp/a.tar.gz f');
    expect(await restarts(sources, { sources: ['/opt/other'] })).toBe(false);
    await view().run('rm -r /opt/app');
    expect(await restarts(sources, { sources: ['/opt/app'] })).toBe(true);
  });

  test('packages', async () => {
    const packages = (...names: string[]) => ({
      packages: { apt: Object.fromEntries(names.map((name) => [name, []])) },
    });
    expect(await restarts(packages('brick'), { packages: { apt: ['brick'] } })).toBe(true);
    expect(await restarts(packages('brick'), { packages: { apt: ['brick'] } })).toBe(false);
    expect(await restarts(packages('brick', 'mortar'), { packages: { apt: ['brick'] } })).toBe(false);
    await view().run('dpkg -r mortar');
    expect(await restarts(packages('brick', 'mortar'), { packages: { apt: 'mortar' } })).toBe(true);
  });

  test('commands that were run, and not by those that were skipped', async () => {
    const commands = (test: string) => ({ commands: { '01': { command: 'true', test }, '02': { command: 'true' } } });
    expect(await restarts(commands('true'), { commands: ['01'] })).toBe(true);
    expect(await restarts(commands('false'), { commands: ['01'] })).toBe(false);
  });
});

describe('once only', () => {
  const starts = async (document: ConfigDocument, args: readonly string[] = []) => {
    const { code, stderr } = await cfnInit(view(), JSON.stringify({ 'AWS::CloudFormation::Init': document }), args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return (await view().run('wc -l </run/starts; rm -f /run/starts')).stdout.trim();
  };
  const files = (content: string) => ({ '/etc/counts.conf': { content }, '/etc/counts.more': { content } });
  const services = {
    systemd: { counts: { ensureRunning: true, files: Object.keys(files('')), commands: ['01'] } },
  };

  test('a service that this run has started anyway', async () => {
    expect(await starts({ config: { files: files('a'), services, commands: { '01': { command: 'true' } } } })).toBe(
      '1',
    );
  });

  test('a service with several reasons', async () => {
    expect(await starts({ config: { files: files('b'), services, commands: { '01': { command: 'true' } } } })).toBe(
      '1',
    );
  });

  test('a service that a later config lists again', async () => {
    const configSets = { default: ['one', 'two'] };
    expect(await starts({ configSets, one: { files: files('c'), services }, two: { services } })).toBe('1');
  });

  test('but again for what has changed since', async () => {
    const configSets = { default: ['one', 'two'] };
    const two = { commands: { '01': { command: 'true' } }, services };
    expect(await starts({ configSets, one: { files: files('d'), services }, two })).toBe('2');
  });

  test('a service that is listed twice', async () => {
    const twice = { ...services, sysvinit: { 'counts.service': services.systemd.counts } };
    expect(await starts({ config: { files: files('e'), services: twice } })).toBe('1');
  });
});

describe('a service that does not run', () => {
  const idle = async (wanted: ConfigDocument, content = JSON.stringify(wanted)) => {
    const services = { systemd: { idle: { ...wanted, files: ['/etc/idle.conf'] } } };
    const ended = summary(await cfnInit(view(), { files: { '/etc/idle.conf': { content } }, services }));
    const state = await property(view(), 'ActiveState', 'idle.service');
    await view().run('systemctl stop idle');
    return [ended, state];
  };

  // As aws-cfn-bootstrap, which restarts it without a look at whether it runs.
  test.each([{}, { enabled: false }])('is started for what has changed: %o', async (wanted) => {
    expect(await idle(wanted)).toEqual(['2 changed', 'active']);
    expect(await idle(wanted)).toEqual(['2 unchanged', 'inactive']);
  });

  test('is not where it shall not run', async () => {
    expect(await idle({ ensureRunning: false })).toEqual(['1 changed, 1 unchanged', 'inactive']);
  });
});

describe('not restarted', () => {
  test('a service that shall not run: it is stopped', async () => {
    await view().run('systemctl start idle');
    const files = { '/etc/idle.conf': { content: 'stop' } };
    await cfnInit(view(), {
      files,
      services: { systemd: { idle: { ensureRunning: false, files: ['/etc/idle.conf'] } } },
    });
    expect(await property(view(), 'ActiveState', 'idle.service')).toBe('inactive');
  });
});
