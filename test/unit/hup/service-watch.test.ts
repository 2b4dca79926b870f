import { beforeEach, describe, expect, it } from 'vitest';
import {
  createServiceMemory,
  restartServices,
  type ServiceMemory,
  watchedServices,
} from '../../../src/hup/service-watch.ts';
import { createLog } from '../../../src/logging/log.ts';
import { Redactor } from '../../../src/redact.ts';
import type { System } from '../../../src/system/system.ts';
import { fakeSystemd } from '../sections/services/fake-systemd.ts';
import { createWorld, type World } from './world.ts';

let world: World;
let memory: ServiceMemory;
let said: string[];
beforeEach(() => {
  world = createWorld();
  memory = createServiceMemory();
  said = [];
});
const log = createLog(new Redactor(), [{ write: (level, text) => void said.push(`${level} ${text}`) }]);

describe('watchedServices', () => {
  const services = {
    sysvinit: { a: { ensureRunning: 'true' }, b: { ensureRunning: false }, c: { enabled: true } },
    systemd: { a: { ensureRunning: true }, d: { ensureRunning: true } },
  };
  const document = (init: object): string => JSON.stringify({ 'AWS::CloudFormation::Init': init });
  it.each<[name: string, text: string, sets: string[], expected: string[]]>([
    ['those with ensureRunning true, once each', document({ config: { services } }), [], ['a', 'd']],
    ['of the default set', document({ configSets: { default: ['one'] }, one: { services }, two: {} }), [], ['a', 'd']],
    ['of the wanted sets', document({ configSets: { x: ['one'], y: ['two'] }, one: { services }, two: {} }), ['y'], []],
    ['none without the section', '{"v":1}', [], []],
    ['none of no document', 'nonsense', [], []],
    ['none where the config is wrong', document({ config: { services: { sysvinit: [] } } }), [], []],
  ])('%s', async (_, text, sets, expected) => {
    expect(await watchedServices('r', text, sets, memory, log)).toEqual(expected);
  });

  it('other metadata, other config sets and another resource are looked at anew', async () => {
    const text = document({ configSets: { default: ['one'], none: ['two'] }, one: { services }, two: {} });
    const of = (resource: string, metadata: string, sets: string[]) =>
      watchedServices(resource, metadata, sets, memory, log);
    expect(await of('r', text, [])).toEqual(['a', 'd']);
    expect(await of('r', text, ['none'])).toEqual([]);
    expect(await of('r', text, [])).toEqual(['a', 'd']);
    expect(await of('r', '{}', [])).toEqual([]);
    expect(await of('other', text, [])).toEqual(['a', 'd']);
  });
});

describe('restartServices', () => {
  const calls: string[] = [];
  beforeEach(() => void calls.splice(0));

  /** A machine with init scripts, of services that are up or not, and start or not. */
  function machine(states: Record<string, { up: boolean; starts?: boolean }>): System {
    for (const name of Object.keys(states)) world.write(`/etc/init.d/${name}`, '');
    const exec: System['exec'] = {
      ...world.system.exec,
      find: (program) => (program === 'service' ? '/usr/sbin/service' : undefined),
      tool: async ([, name = '', verb = '']) => {
        const state = states[name];
        if (verb === 'start') calls.push(name);
        if (verb === 'start' && state !== undefined && state.starts !== false) state.up = true;
        const isFine = verb === 'start' ? state?.starts !== false : state?.up === true;
        return { exitCode: isFine ? 0 : 1, stdout: '', output: 'it says why' };
      },
    };
    return { ...world.system, exec };
  }
  const restart = (system: System, names: string[], beforeStart = () => {}) =>
    restartServices(names, memory, { system, log }, beforeStart);

  it('starts what is known and down, having said so before', async () => {
    const system = machine({ up: { up: true }, down: { up: false } });
    const began: number[] = [];
    expect(await restart(system, ['up', 'down', 'unknown'], () => began.push(calls.length))).toBe(1);
    expect({ calls, began }).toEqual({ calls: ['down'], began: [0] });
    expect(await restart(system, ['up', 'down', 'unknown'])).toBe(0);
  });

  it('asks systemd for all of them at once, and again for the rest when one was started', async () => {
    const up = { isRunning: true };
    const { system, calls } = fakeSystemd({ a: { ...up }, b: { ...up }, c: { ...up } });
    expect(await restart(system, ['a', 'b', 'c'])).toBe(0);
    expect(calls.splice(0)).toEqual(['show a.service b.service c.service']);
    await system.exec.tool(['systemctl', 'stop', 'b.service']);
    expect(await restart(system, ['a', 'b', 'c'])).toBe(1);
    const shows = calls.filter((call) => call.startsWith('show '));
    expect(shows).toEqual(['show a.service b.service c.service', 'show c.service']);
  });

  it('leaves one alone whose init script does not tell whether it runs', async () => {
    const system = machine({ mute: { up: false } });
    const mute: System = {
      ...system,
      exec: { ...system.exec, tool: async () => ({ exitCode: 1, stdout: '', output: 'Usage: mute {start|stop}' }) },
    };
    expect(await restart(mute, ['mute'])).toBe(0);
    expect(said.join('\n')).toMatch(/INFO the service mute is not watched/);
    expect(calls).toEqual([]);
  });

  it('one that does not start is tried less and less often, and keeps no other back', async () => {
    const system = machine({ bad: { up: false, starts: false }, good: { up: false } });
    expect(await restart(system, ['bad', 'good'])).toBe(1);
    expect(said.join('\n')).toMatch(/ERROR the service bad is down and cannot be restarted: .*it says why/);
    const times: number[] = [];
    for (let second = 0; second <= 1000; second += 10) {
      const before = calls.length;
      await restart(system, ['bad']);
      if (calls.length > before) times.push(second);
      world.wait(10_000);
    }
    expect(times).toEqual([60, 180, 420, 900]);
  });
});
