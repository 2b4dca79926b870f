import { describe, expect, it } from 'vitest';
import {
  afterFailure,
  afterStart,
  afterSuccess,
  decide,
  decodeHookState,
  encodeHookState,
  type HookState,
  newHookState,
} from '../../../src/hup/hook-state.ts';
import type { Hook, Trigger } from '../../../src/hup/hooks.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const later = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);
const MOST = 3;

function hookOf(...triggers: Trigger[]): Hook {
  const path = { text: 'Resources.r.Metadata.a', resource: 'r', kind: 'metadata', keys: ['a'] } as const;
  const origin = { main: '/m', file: '/f' };
  return { name: 'h', file: '/f', origin, triggers, path, action: 'true', runas: 'root' };
}
const hook = hookOf('post.update');
const known = newHookState(hook, { kind: 'value', value: '1' });

/** A state after so many failures of the action for a value, the last one just now. */
function failed(times: number, value: string, most = MOST): HookState {
  let state = known;
  for (let attempt = 0; attempt < times; attempt++)
    state = afterFailure(afterStart(state, value, attempt, NOW), 'it failed', most, NOW);
  return state;
}

describe('decide', () => {
  it.each<[string, HookState, string | null, Hook, object]>([
    ['nothing new', known, '1', hook, { kind: 'rest' }],
    ['a change', known, '2', hook, { kind: 'run', triggers: ['post.update'], attempts: 0 }],
    ['a change that it does not listen for', known, null, hook, { kind: 'acknowledge' }],
    [
      'first sight',
      newHookState(hook, { kind: 'nothing' }),
      '1',
      hook,
      { kind: 'run', triggers: ['post.update'], attempts: 0 },
    ],
    [
      'first sight, for both triggers',
      newHookState(hook, { kind: 'nothing' }),
      '1',
      hookOf('post.add', 'post.update'),
      { kind: 'run', triggers: ['post.add', 'post.update'], attempts: 0 },
    ],
    ['failed once: due', failed(1, '2'), '2', hook, { kind: 'run', triggers: ['post.update'], attempts: 1 }],
    ['failed twice', failed(2, '2'), '2', hook, { kind: 'wait', milliseconds: 10_000 }],
    ['failed too often', failed(3, '2'), '2', hook, { kind: 'parked' }],
    [
      'failed too often, and now something else',
      failed(3, '2'),
      '3',
      hook,
      { kind: 'run', triggers: ['post.update'], attempts: 0 },
    ],
    // The machine is as the action for 2 has left it.
    ['failed, and taken back', failed(3, '2'), '1', hook, { kind: 'run', triggers: ['post.update'], attempts: 0 }],
    ['failed, taken back, and failed', failed(2, '1'), '1', hook, { kind: 'wait', milliseconds: 10_000 }],
    ['failed, taken back, and failed too often', failed(3, '1'), '1', hook, { kind: 'parked' }],
    [
      'cut off, and taken back',
      afterStart(known, '2', 0, NOW),
      '1',
      hookOf('post.add', 'post.update'),
      { kind: 'run', triggers: ['post.update'], attempts: 0 },
    ],
    [
      'cut off in the removal, and there again',
      afterStart(known, null, 0, NOW),
      '1',
      hookOf('post.add', 'post.remove'),
      { kind: 'run', triggers: ['post.add'], attempts: 0 },
    ],
    [
      'cut off in the addition, and gone again',
      afterStart(newHookState(hook, { kind: 'value', value: null }), '1', 0, NOW),
      null,
      hookOf('post.add', 'post.remove'),
      { kind: 'run', triggers: ['post.remove'], attempts: 0 },
    ],
    [
      'taken back, for a hook that does not listen for that',
      afterStart(known, null, 0, NOW),
      '1',
      hookOf('post.remove'),
      { kind: 'acknowledge' },
    ],
    [
      'a service was restarted',
      { ...known, isRestartPending: true },
      '1',
      hookOf('service.restarted'),
      { kind: 'run', triggers: ['service.restarted'], attempts: 0 },
    ],
    [
      'a service was restarted, for a hook that no longer listens',
      { ...known, isRestartPending: true },
      '1',
      hook,
      { kind: 'acknowledge' },
    ],
  ])('%s', (_, state, value, of, expected) => {
    expect(decide(state, value, of, MOST, NOW)).toEqual(expected);
  });

  it.each([
    [9_999, 'wait'],
    [10_000, 'run'],
    // The clock was set back.
    [-300_000, 'wait'],
    [-86_400_000, 'run'],
  ])('%d ms after the second failure: %s', (milliseconds, kind) => {
    expect(decide(failed(2, '2'), '2', hook, MOST, later(milliseconds)).kind).toBe(kind);
  });

  it('waits longer and longer, up to ten minutes', () => {
    const waits = Array.from({ length: 12 }, (_, index) => decide(failed(index + 1, '2', 99), '2', hook, 99, NOW)).map(
      (decision) => (decision.kind === 'wait' ? decision.milliseconds / 1000 : decision.kind),
    );
    expect(waits).toEqual(['run', 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]);
  });

  it('an action that never comes back, since it restarts the machine, is bounded as one that fails', () => {
    let state = known;
    const decisions: string[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const { kind } = decide(state, '2', hook, MOST, later(attempt * 600_000));
      decisions.push(kind);
      if (kind === 'run') state = afterStart(state, '2', attempt, later(attempt * 600_000));
    }
    expect(decisions).toEqual(['run', 'run', 'run', 'parked']);
    expect(decide(state, '3', hook, MOST, NOW)).toEqual({ kind: 'run', triggers: ['post.update'], attempts: 0 });
  });
});

describe('afterSuccess', () => {
  it('acknowledges, and forgets the failures', () => {
    const state = afterSuccess(failed(3, '2'), '2', NOW, true);
    expect(state).toMatchObject({ acknowledged: { kind: 'value', value: '2' }, attempts: 0, isParked: false });
    expect(decide(state, '2', hook, MOST, NOW)).toEqual({ kind: 'rest' });
  });
});

describe('the text of a state', () => {
  it.each([
    known,
    failed(2, '2'),
    failed(3, '2'),
    newHookState(hook, { kind: 'unknown' }),
    afterSuccess(known, null, NOW, true),
  ])('can be read again: %#', (state) => {
    expect(decodeHookState(encodeHookState(state))).toEqual(state);
  });

  const sound = JSON.parse(encodeHookState(known)) as object;
  it.each<[string, string]>([
    ['empty', ''],
    ['cut off', encodeHookState(known).slice(0, 50)],
    ['zeros', '\0'.repeat(100)],
    ['a list', '[]'],
    ['of another version', JSON.stringify({ ...sound, version: 2 })],
    ['without what is acknowledged', JSON.stringify({ ...sound, acknowledged: undefined })],
    ['with a value that is no text', JSON.stringify({ ...sound, acknowledged: { kind: 'value', value: 1 } })],
    ['with negative attempts', JSON.stringify({ ...sound, attempts: -1 })],
  ])('%s: is refused', (_, text) => {
    expect(typeof decodeHookState(text)).toBe('string');
  });

  it('with a time that is none: the time is ignored', () => {
    const text = JSON.stringify({ ...sound, nextAttempt: 'tomorrow' });
    expect(decodeHookState(text)).toEqual(known);
  });
});
