import { createHash } from 'node:crypto';
import { statSync, symlinkSync, utimesSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { type HookState, newHookState } from '../../../src/hup/hook-state.ts';
import type { Hook } from '../../../src/hup/hooks.ts';
import {
  corruptStates,
  inspectHookState,
  prepareStateDirectory,
  readHookState,
  removeOtherStates,
  writeHookState,
} from '../../../src/hup/state-files.ts';
import { createWorld, type HookOptions, hookIn, MAIN, stateFileOf, type World } from './world.ts';

const STATE = '/var/lib/cfn-hup';
const FILE = '/etc/cfn/hooks.conf';
const OTHER_MAIN = '/srv/cfn/cfn-hup.conf';

let world: World;
beforeEach(() => {
  world = createWorld();
});
const around = (...hooks: Hook[]) => ({ hooks, main: MAIN, files: [MAIN, FILE, '/etc/cfn/hooks.d/x'] });
const read = (hook: Hook) => readHookState(world.system, hook, around(hook));
const peek = (hook: Hook, there = around(hook)) => {
  const state = inspectHookState(world.system, hook, there);
  return typeof state === 'string' ? undefined : state;
};
const newStateOf = (hook: Hook) => newHookState(hook, { kind: 'value', value: JSON.stringify(hook.name) });
const write = (hook: Hook) => writeHookState(world.system, newStateOf(hook), hook);
const named = (name: string, wanted: HookOptions = {}) => hookIn(world, { name, ...wanted });
/** Of another configuration, by -c. */
const elsewhere = (name: string, file = '/srv/cfn/hooks.conf'): Hook => {
  const hook = named(name, { file });
  return { ...hook, origin: { ...hook.origin, main: OTHER_MAIN } };
};
const mode = (path: string): number => statSync(`${world.root}${path}`).mode & 0o7777;
/** Puts a record where earlier versions had it, by the hook's name alone. */
const writeOld = (hook: Hook, fields: Partial<HookState>, name = `${hook.name}.json`): void => {
  const { main: _, instance: __, ...state } = { ...newStateOf(hook), ...fields };
  world.write(`${STATE}/${name}`, JSON.stringify({ version: 1, ...state }));
};

describe('the names of the files', () => {
  it.each([
    ['cfn-auto_reloader.1', 'cfn-auto_reloader.1'],
    ['my hook', 'my%20hook'],
    ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd'],
    ['.', '%2E'],
    ['ü', '%C3%BC'],
    ['a%20b', 'a%2520b'],
    ['h.json', 'h.json'],
  ])('%j is %s', (name, file) => {
    write(named(name));
    const digest = createHash('sha256')
      .update(JSON.stringify([MAIN, FILE, name]))
      .digest('hex')
      .slice(0, 16);
    expect(world.files.names(STATE)).toEqual([`${file}@${digest}.json`]);
    expect(read(named(name)).state).toEqual(newStateOf(named(name)));
  });

  it('of long hook names are different, and short enough', () => {
    const hooks = ['a', 'b'].map((end) => named(`${'ü'.repeat(200)}${end}`));
    for (const hook of hooks) write(hook);
    expect(world.files.names(STATE)).toHaveLength(2);
    for (const hook of hooks) expect(read(hook).state).toEqual(newStateOf(hook));
  });
});

describe('the directory', () => {
  it('is ours alone, also when it was open', () => {
    world.files.makeDirectory(STATE);
    expect(mode(STATE)).toBe(0o755);
    prepareStateDirectory(world.system);
    expect(mode(STATE)).toBe(0o700);
    write(named('h'));
    expect(mode(stateFileOf('h'))).toBe(0o600);
  });
});

describe('a record', () => {
  it('that was never written is of a new hook', () => {
    expect(read(named('h'))).toEqual({ state: undefined });
    expect(peek(named('h'))).toBeUndefined();
  });

  it('of another path is of a new hook', () => {
    write(named('h'));
    expect(read(named('h', { keys: ['a'] })).state).toBeUndefined();
  });

  it.each(['h.json', undefined])('that is corrupt is kept beside, and stands for unknown from then on: %s', (old) => {
    const hook = named('h');
    world.write(old === undefined ? stateFileOf('h') : `${STATE}/${old}`, '{"version"');
    const { state, corrupt } = read(hook);
    expect(state).toEqual(newHookState(hook, { kind: 'unknown' }));
    expect(corrupt).toMatch(/^the state of the hook h is corrupt \(.*\): set aside as \S+h@\S+\.corrupt-\S+$/);
    expect(corruptStates(world.system, hook).map((path) => world.read(path))).toEqual(['{"version"']);
    expect(read(hook)).toEqual({ state });
  });

  it('that is corrupt is only looked at by --status', () => {
    world.write(stateFileOf('h'), '{"version"');
    expect(inspectHookState(world.system, named('h'), around(named('h')))).toMatch(
      /^damaged: .*h@.*\.json: .*truncated/,
    );
    expect(world.read(stateFileOf('h'))).toBe('{"version"');
  });
});

describe('two configurations with a hook of one name', () => {
  it('have a state each', () => {
    const hooks = [named('h'), elsewhere('h'), elsewhere('h', FILE)];
    for (const [index, hook] of hooks.entries())
      writeHookState(world.system, newHookState(hook, { kind: 'value', value: `${index}` }), hook);
    expect(hooks.map((hook) => read(hook).state?.acknowledged)).toEqual(
      hooks.map((_, index) => ({ kind: 'value', value: `${index}` })),
    );
  });

  it.each<[what: string, fields: Partial<HookState>, taker: 'first' | 'second']>([
    ['the one whose file it names', { file: FILE }, 'first'],
    ['the one whose file it names, though the other one asks first', { file: '/srv/cfn/hooks.conf' }, 'second'],
    ['the first that asks, where it names none', { file: undefined }, 'first'],
    ['the first that asks, where the file is gone', { file: '/etc/cfn/hooks.d/gone' }, 'first'],
  ])('and a state of an earlier version: %s takes it, no other', (_, fields, taker) => {
    for (const path of [MAIN, FILE, OTHER_MAIN, '/srv/cfn/hooks.conf']) world.write(path, '');
    const [first, second] = [named('h'), elsewhere('h')];
    writeOld(first, fields);
    const seen = [first, second].map((hook) => {
      const there = { hooks: [hook], main: hook.origin.main, files: [hook.file] };
      const peeked = peek(hook, there);
      const { state } = readHookState(world.system, hook, there);
      expect(peeked?.acknowledged).toEqual(state?.acknowledged);
      return state?.acknowledged;
    });
    const value = { kind: 'value', value: '"h"' };
    expect(seen).toEqual(taker === 'first' ? [value, undefined] : [undefined, value]);
    expect(world.files.names(STATE)).toHaveLength(1);
    expect(world.files.names(STATE)[0]).toMatch(/^h@/);
  });

  it('and a take-over that was cut before the old record was removed: no other takes it', () => {
    for (const path of [MAIN, FILE, OTHER_MAIN, '/srv/cfn/hooks.conf']) world.write(path, '');
    const hook = named('h');
    writeOld(hook, { file: undefined });
    const { write: writeFile } = world.files;
    // The first of the two writes alone.
    let writes = 0;
    const files = {
      ...world.files,
      write: (...args: Parameters<typeof writeFile>) => {
        if (++writes > 1) throw new Error('killed');
        return writeFile.apply(world.files, args);
      },
    };
    expect(() => readHookState({ ...world.system, files }, hook, around(hook))).toThrow('killed');
    const second = elsewhere('h');
    const there = { hooks: [second], main: OTHER_MAIN, files: [second.file] };
    expect(readHookState(world.system, second, there).state).toBeUndefined();
    expect(read(hook).state?.acknowledged).toEqual({ kind: 'value', value: '"h"' });
  });
});

it.each<[what: string, file: string, old: string, isTaken: boolean]>([
  ['since', FILE, '2026-11-22T11:00:00Z', true],
  ['before', FILE, '2026-11-22T09:00:00Z', false],
  ['since for another configuration', '/srv/cfn/hooks.conf', '2026-11-22T11:00:00Z', false],
])('a state that an earlier version, installed again, has kept %s', (_, file, time, isTaken) => {
  for (const path of [MAIN, FILE, OTHER_MAIN, '/srv/cfn/hooks.conf']) world.write(path, '');
  const hook = named('h');
  write(hook);
  const later = { kind: 'value', value: '"later"' } as const;
  writeOld(hook, { file, acknowledged: later });
  const [own, old] = [stateFileOf('h'), `${STATE}/h.json`].map((path) => `${world.root}${path}`);
  utimesSync(own ?? '', new Date('2026-11-22T10:00:00Z'), new Date('2026-11-22T10:00:00Z'));
  utimesSync(old ?? '', new Date(time), new Date(time));
  const expected = isTaken ? later : { kind: 'value', value: '"h"' };
  expect([peek(hook)?.acknowledged, read(hook).state?.acknowledged]).toEqual([expected, expected]);
  expect([peek(hook)?.acknowledged, read(hook).state?.acknowledged]).toEqual([expected, expected]);
});

describe('a hook that is elsewhere now keeps its state', () => {
  it.each<[what: string, before: string, now: string, prepare?: () => void]>([
    ['moved to another file of the configuration', FILE, '/etc/cfn/hooks.d/x', () => world.write(FILE, '')],
    ['its file was renamed', '/etc/cfn/hooks.d/w', '/etc/cfn/hooks.d/x'],
    [
      'its directory is reached by a link',
      FILE,
      '/srv/link/hooks.conf',
      () => {
        world.write(FILE, '');
        world.files.makeDirectory('/srv');
        symlinkSync('/etc/cfn', `${world.root}/srv/link`);
      },
    ],
  ])('%s', (_, before, now, prepare) => {
    write(named('h', { file: before }));
    prepare?.();
    const hook = named('h', { file: now });
    const { state } = read(hook);
    expect(state).toEqual({ ...newStateOf(named('h', { file: before })), ...hook.origin });
    expect(world.files.names(STATE).map((name) => `${STATE}/${name}`)).toEqual([stateFileOf('h', now)]);
  });

  it('but does not take that of a file which the configuration does not read', () => {
    world.write('/opt/hooks/x', '');
    write(named('h', { file: '/opt/hooks/x' }));
    expect(read(named('h')).state).toBeUndefined();
  });
});

describe('an image of a running guest', () => {
  const INSTANCE = '/var/lib/cloud/data/instance-id';
  const THIS = 'ba14d706-9a70-46fb-af0b-c9a81b2a2425';
  const OTHER = '0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11';
  const aged = (path: string, time: string): void => utimesSync(`${world.root}${path}`, new Date(time), new Date(time));

  it('brings states that count as never seen; those of this instance stay', () => {
    world.write(INSTANCE, OTHER);
    for (const name of ['h', 'i']) write(named(name));
    expect(read(named('h')).state?.instance).toBe(OTHER);
    world.write(INSTANCE, THIS);
    expect(peek(named('h'))).toBeUndefined();
    expect(read(named('h'))).toEqual({ state: undefined, foreign: `written by another instance, ${OTHER}` });
    expect(read(named('h'))).toEqual({ state: undefined });
    write(named('h'));
    expect(read(named('h')).state?.instance).toBe(THIS);
  });

  it.each<[what: string, now: string | undefined, noted: string | undefined]>([
    ['cloud-init knows nothing', undefined, OTHER],
    ['cloud-init had no data source at this boot', 'iid-datasource-none', OTHER],
    ['cloud-init names the instance by another kind of id', 'i-0000002a', OTHER],
    ['upper case', OTHER.toUpperCase(), OTHER],
    ['an earlier version noted none', THIS, undefined],
  ])('cannot be told: %s', (_, now, noted) => {
    const hook = named('h');
    world.write(stateFileOf('h'), JSON.stringify({ version: 1, ...newStateOf(hook), instance: noted }));
    if (now !== undefined) world.write(INSTANCE, now);
    expect(read(hook).state?.acknowledged).toEqual({ kind: 'value', value: '"h"' });
  });

  it('a state of an instance with another kind of id, older than what cloud-init brought', () => {
    const hook = named('h');
    world.write(INSTANCE, OTHER);
    write(hook);
    aged(stateFileOf('h'), '2026-10-22T10:00:00Z');
    world.write('/var/lib/heat-cfntools/cfn-init-data', '{}');
    aged('/var/lib/heat-cfntools/cfn-init-data', '2026-11-22T10:00:00Z');
    expect(read(hook).foreign).toBeUndefined();
    world.write(INSTANCE, 'i-0000002a');
    expect(read(hook).foreign).toBe('older than /var/lib/heat-cfntools/cfn-init-data');
  });

  it.each<[what: string, boot: string | undefined, state: string, isOurs: boolean]>([
    ['older than what cloud-init brought', '2026-11-22T10:00:00Z', '2026-10-22T10:00:00Z', false],
    ['newer', '2026-10-22T10:00:00Z', '2026-11-22T10:00:00Z', true],
    ['of the same boot', '2026-11-22T10:00:02Z', '2026-11-22T10:00:00Z', true],
    ['with nothing to compare', undefined, '2026-10-22T10:00:00Z', true],
    ['compared with a clock that was wrong', '2026-12-22T10:00:00Z', '2026-11-22T10:00:00Z', true],
  ])('of an earlier version: a state %s', (_, boot, time, isOurs) => {
    const hook = named('h');
    writeOld(hook, {});
    aged(`${STATE}/h.json`, time);
    if (boot !== undefined) {
      world.write('/var/lib/heat-cfntools/cfn-init-data', '{}');
      aged('/var/lib/heat-cfntools/cfn-init-data', boot);
    }
    expect(read(hook).state !== undefined).toBe(isOurs);
  });
});

it('removes the states of hooks that are gone, and nothing else', () => {
  for (const path of [MAIN, FILE, OTHER_MAIN, '/srv/cfn/hooks.conf']) world.write(path, '');
  const [kept, gone, other, otherGone] = [
    named('kept'),
    named('gone'),
    elsewhere('other'),
    elsewhere('other-gone', '/srv/cfn/gone'),
  ];
  for (const hook of [kept, gone, other, otherGone]) write(hook);
  // As earlier versions wrote them: with a file of another configuration that is there, or is not; and without one.
  writeOld(other, {}, 'old-other.json');
  writeOld(otherGone, {}, 'old-other-gone.json');
  writeOld(gone, { file: undefined }, 'old.json');
  const others = ['daemon.lock', 'pass.lock', 'gone.corrupt-2026', 'corrupt.json'];
  for (const name of others) world.write(`${STATE}/${name}`, '');
  removeOtherStates(world.system, around(kept));
  expect(world.files.names(STATE).map((name) => name.replace(/@.*/, '@'))).toEqual([
    'corrupt.json',
    'daemon.lock',
    'gone.corrupt-2026',
    'kept@',
    'old-other.json',
    'other-gone@',
    'other@',
    'pass.lock',
  ]);
});
