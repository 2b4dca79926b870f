import { statSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { newHookState } from '../../../src/hup/hook-state.ts';
import {
  peekHookState,
  prepareStateDirectory,
  readHookState,
  removeOtherStates,
  setAside,
  writeHookState,
} from '../../../src/hup/state-store.ts';
import { createWorld, hookIn, type World } from './world.ts';

const STATE = '/var/lib/cfn-hup';

let world: World;
beforeEach(() => {
  world = createWorld();
});
const stateOf = (name: string) => newHookState(hookIn(world, { name }), { kind: 'value', value: JSON.stringify(name) });
const mode = (path: string): number => statSync(`${world.root}${path}`).mode & 0o7777;

describe('the names of the files', () => {
  it.each([
    ['cfn-auto_reloader.1', 'cfn-auto_reloader.1.json'],
    ['my hook', 'my%20hook.json'],
    ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd.json'],
    ['.', '%2E.json'],
    ['ü', '%C3%BC.json'],
    ['a%20b', 'a%2520b.json'],
    ['h.json', 'h.json.json'],
  ])('%j is %s', (name, file) => {
    writeHookState(world.system, stateOf(name));
    expect(world.files.names(STATE)).toEqual([file]);
    expect(readHookState(world.system, hookIn(world, { name })).state).toEqual(stateOf(name));
  });

  it('of long hook names are different, and short enough', () => {
    const names = ['a', 'b'].map((end) => `${'ü'.repeat(200)}${end}`);
    for (const name of names) writeHookState(world.system, stateOf(name));
    expect(world.files.names(STATE)).toHaveLength(2);
    for (const name of names) expect(readHookState(world.system, hookIn(world, { name })).state).toEqual(stateOf(name));
  });
});

describe('the directory', () => {
  it('is ours alone, also when it was open', () => {
    world.files.makeDirectory(STATE);
    expect(mode(STATE)).toBe(0o755);
    prepareStateDirectory(world.system);
    expect(mode(STATE)).toBe(0o700);
    writeHookState(world.system, stateOf('h'));
    expect(mode(`${STATE}/h.json`)).toBe(0o600);
  });
});

describe('a record', () => {
  it('that was never written is of a new hook', () => {
    expect(readHookState(world.system, hookIn(world))).toEqual({ state: undefined, corrupt: undefined });
    expect(peekHookState(world.system, hookIn(world))).toBeUndefined();
  });

  it('of another path is of a new hook', () => {
    writeHookState(world.system, stateOf('h'));
    expect(readHookState(world.system, hookIn(world, { keys: ['a'] })).state).toBeUndefined();
  });

  it('that is corrupt is kept beside, and stands for unknown from then on', () => {
    const hook = hookIn(world);
    world.write(`${STATE}/h.json`, '{"version"');
    const { state, corrupt } = readHookState(world.system, hook);
    expect(state).toEqual(newHookState(hook, { kind: 'unknown' }));
    expect(corrupt).toMatch(/^the state of the hook h is corrupt \(.*\): set aside as \S+h\.corrupt-\S+$/);
    expect(setAside(world.system, hook).map((path) => world.read(path))).toEqual(['{"version"']);
    expect(readHookState(world.system, hook)).toEqual({ state, corrupt: undefined });
  });

  it('that is corrupt is only looked at by --status', () => {
    world.write(`${STATE}/h.json`, '{"version"');
    expect(peekHookState(world.system, hookIn(world))).toBeUndefined();
    expect(world.read(`${STATE}/h.json`)).toBe('{"version"');
  });
});

it('removes the states of hooks that are gone, and nothing else', () => {
  const read = '/etc/cfn/hooks.conf';
  for (const name of ['kept', 'gone']) writeHookState(world.system, stateOf(name));
  // Of another configuration, which -c names: one whose file is there, and one whose file is not.
  for (const name of ['other', 'other-gone']) {
    writeHookState(world.system, { ...stateOf(name), file: `/srv/cfn/hooks.d/${name}` });
    if (name === 'other') world.write(`/srv/cfn/hooks.d/${name}`, '');
  }
  // As it was written before files were noted.
  writeHookState(world.system, { ...stateOf('old'), file: undefined });
  for (const name of ['daemon.lock', 'pass.lock', 'gone.corrupt-2026']) world.write(`${STATE}/${name}`, '');
  removeOtherStates(world.system, { hooks: [hookIn(world, { name: 'kept' })], files: [read] });
  expect(world.files.names(STATE)).toEqual([
    'daemon.lock',
    'gone.corrupt-2026',
    'kept.json',
    'other.json',
    'pass.lock',
  ]);
});
