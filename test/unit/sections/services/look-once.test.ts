import { describe, expect, it } from 'vitest';
import { createLog } from '../../../../src/logging/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { planRun } from '../../../../src/sections/index.ts';
import type { Changes, World } from '../../../../src/sections/step.ts';
import { applyTo, configsOf, type FakeSystemd, fakeSystemd, type Unit } from './fake-systemd.ts';

const UP = { ensureRunning: true };
const NAMES = Array.from({ length: 10 }, (_, index) => `s${index}`);
const BOTH = { enabled: true, ensureRunning: true };

const shows = ({ calls }: FakeSystemd): number => calls.filter((call) => call.startsWith('show ')).length;
const changing = ({ calls }: FakeSystemd): readonly string[] =>
  calls.filter((call) => !/^(?:show|list-\w+) ?/.test(call));
const services = (names: readonly string[], wanted: object = UP) => ({
  services: { systemd: Object.fromEntries(names.map((name) => [name, wanted])) },
});
const fresh = (): Record<string, Unit> => Object.fromEntries(NAMES.map((name) => [name, {}]));

describe('ten services of one config', () => {
  it('that are started and enabled cost twelve shows at most', async () => {
    const fake = fakeSystemd(fresh());
    const { results, stoppedBy } = await applyTo(fake, { one: services(NAMES, BOTH) });
    expect(stoppedBy).toBeUndefined();
    expect(results).toEqual([
      ...NAMES.map((name) => `one services changed ${name}`),
      `one services unchanged watch of ${NAMES.join(', ')}`,
    ]);
    expect(Object.values(fake.units).every(({ isRunning, isEnabled }) => isRunning && isEnabled)).toBe(true);
    expect(shows(fake)).toBeLessThanOrEqual(12);
  });

  it('whose units were written in this run, too', async () => {
    const fake = fakeSystemd(Object.fromEntries(NAMES.map((name) => [name, { isUnread: true }])));
    const files = { '/etc/systemd/system/s0.service': { content: '' } };
    expect((await applyTo(fake, { one: { files, ...services(NAMES, BOTH) } })).stoppedBy).toBeUndefined();
    expect(shows(fake)).toBeLessThanOrEqual(12);
    expect(changing(fake).filter((call) => call === 'daemon-reload')).toHaveLength(1);
  });

  it('that are as they should be cost one', async () => {
    const fake = fakeSystemd(Object.fromEntries(NAMES.map((name) => [name, { isRunning: true, isEnabled: true }])));
    await applyTo(fake, { one: services(NAMES, BOTH) });
    expect({ shows: shows(fake), changing: changing(fake) }).toEqual({ shows: 1, changing: [] });
    expect(fake.passed()).toBe(0);
  });

  it('one of which systemd refuses are looked at one by one', async () => {
    const fake = fakeSystemd({ a: {}, b: {} });
    const { exec } = fake.system;
    const query: typeof exec.query = async (command) =>
      command.length > 5 ? { exitCode: 1, stdout: '', output: 'Unit name x is not valid.' } : exec.query(command);
    const refusing = { ...fake, system: { ...fake.system, exec: { ...exec, query } } };
    expect((await applyTo(refusing, { one: services(['a', 'b']) })).results).toEqual([
      'one services changed a',
      'one services changed b',
      'one services unchanged watch of a, b',
    ]);
  });
});

describe('what is known of a service is forgotten', () => {
  it('when the start of another one may have started it', async () => {
    const fake = fakeSystemd({ a: { wants: ['b'] }, b: {} });
    const { results } = await applyTo(fake, { one: services(['a', 'b']) });
    expect(results.slice(0, 2)).toEqual(['one services changed a', 'one services unchanged b']);
  });

  it('when the start of another one may have stopped it', async () => {
    const fake = fakeSystemd({ a: { conflicts: ['b'] }, b: { isRunning: true } });
    const { results } = await applyTo(fake, { one: services(['a', 'b']) });
    expect(results.slice(0, 2)).toEqual(['one services changed a', 'one services changed b']);
  });

  it('when commands have run', async () => {
    const fake = fakeSystemd(
      { a: { isRunning: true } },
      { halt: ({ units }) => ((units['a'] as Unit).isRunning = false) },
    );
    const two = { commands: { c: { command: 'halt' } }, ...services(['a']) };
    const { results } = await applyTo(fake, { one: services(['a']), two });
    expect(results.slice(0, 3)).toEqual([
      'one services unchanged a',
      'two commands changed c',
      'two services changed a',
    ]);
  });
});

describe('a look', () => {
  const looked = async (fake: FakeSystemd, changed: readonly string[] = [], wanted: object = UP) => {
    const changes = { names: (section) => (section === 'files' ? changed : []), has: () => false } satisfies Changes;
    const log = createLog(new Redactor(), []);
    const world: World = { system: fake.system, log, changes };
    const [step] = planRun(configsOf({ one: services(['a'], wanted) })).steps;
    const found = await step?.inspect(world);
    const apply = found?.state === 'differs' ? found.apply : undefined;
    const before = { what: found?.state === 'differs' ? found.what : found?.state, changing: [...changing(fake)] };
    return { ...before, passed: fake.passed(), apply };
  };
  const unknown = (why: string): string => `${why}: unit files are read again, what else changes is unknown`;

  it.each<[string, Unit, readonly string[], string]>([
    ['of one that is down', {}, [], 'started'],
    ['of one that is up', { isRunning: true }, [], 'unchanged'],
    ['of one that is not known', { isUnread: true }, [], unknown('not known yet')],
    ['of one whose file is newer', { isStale: true }, [], unknown('its unit file has changed')],
    [
      'after a unit file was written',
      { isRunning: true },
      ['/etc/systemd/system/a.service.d/x.conf'],
      unknown('a unit file has changed'),
    ],
  ])('%s changes nothing', async (_, unit, changed, what) => {
    expect(await looked(fakeSystemd({ a: unit }), changed)).toMatchObject({ what, changing: [], passed: 0 });
  });

  it('that has to be repeated after unit files were read is repeated by apply, once', async () => {
    const fake = fakeSystemd({ a: { isUnread: true, isRunning: true } });
    const { apply } = await looked(fake);
    expect(await apply?.()).toEqual({ state: 'unchanged' });
    expect(changing(fake)).toEqual(['daemon-reload']);
  });

  it('is not repeated by apply', async () => {
    const fake = fakeSystemd({ a: {} });
    const { apply } = await looked(fake, [], { enabled: true });
    const before = shows(fake);
    expect(await apply?.()).toEqual({ state: 'changed', what: 'enabled' });
    expect(shows(fake)).toBe(before);
  });

  it('of one that does not exist says so when unit files were read, with the name that it may have', async () => {
    const fake = fakeSystemd({ ab: {}, nginx: {} });
    const { stoppedBy } = await applyTo(fake, { one: services(['nginz']) });
    expect(stoppedBy).toBe('no service "nginz": config "one", services systemd "nginz": did you mean nginx?');
    expect(changing(fake)).toEqual(['daemon-reload']);
  });
});
