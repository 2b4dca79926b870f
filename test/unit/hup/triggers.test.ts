import { describe, expect, it } from 'vitest';
import type { HookPath, Trigger } from '../../../src/hup/hooks.ts';
import { type Acknowledged, triggersOf } from '../../../src/hup/observation.ts';

const WHOLE: HookPath = { text: 'Resources.r.Metadata', resource: 'r', kind: 'metadata', keys: [] };
const PART: HookPath = { ...WHOLE, text: 'Resources.r.Metadata.a', keys: ['a'] };
const ID: HookPath = { ...WHOLE, text: 'Resources.r.PhysicalResourceId', kind: 'physical-id' };
const value = (text: string | null): Acknowledged => ({ kind: 'value', value: text });

describe('triggersOf', () => {
  it.each<[name: string, path: HookPath, before: Acknowledged, now: string | null, Trigger[]]>([
    ['the same', WHOLE, value('{"a":1}'), '{"a":1}', []],
    ['another value', WHOLE, value('{"a":1}'), '{"a":2}', ['post.update']],
    ['metadata comes', WHOLE, value('{}'), '{"a":1}', ['post.add', 'post.update']],
    ['metadata goes', WHOLE, value('{"a":1}'), '{}', ['post.update', 'post.remove']],
    ['still none', WHOLE, value('{}'), '{}', []],
    ['a key comes', PART, value(null), '1', ['post.add']],
    ['a key comes, empty', PART, value(null), '{}', ['post.add']],
    ['a key changes', PART, value('1'), '"1"', ['post.update']],
    ['a key becomes empty', PART, value('[1]'), '[]', ['post.update']],
    ['a key goes', PART, value('1'), null, ['post.remove']],
    ['a key stays away', PART, value(null), null, []],
    ['another id', ID, value('"i-1"'), '"i-2"', ['post.update']],
    ['first sight', WHOLE, { kind: 'nothing' }, '{"a":1}', ['post.add', 'post.update']],
    ['first sight of no metadata', WHOLE, { kind: 'nothing' }, '{}', []],
    ['first sight of no key', PART, { kind: 'nothing' }, null, []],
    ['first sight of an empty key', PART, { kind: 'nothing' }, '{}', ['post.add', 'post.update']],
    ['record lost', PART, { kind: 'unknown' }, '1', ['post.add', 'post.update']],
    ['record lost, key gone', PART, { kind: 'unknown' }, null, ['post.remove']],
  ])('%s', (_, path, before, now, expected) => {
    expect(triggersOf(before, now, path)).toEqual(expected);
  });
});
