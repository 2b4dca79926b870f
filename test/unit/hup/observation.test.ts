import { describe, expect, it } from 'vitest';
import type { StackResource } from '../../../src/heat/answer.ts';
import type { HookPath } from '../../../src/hup/hooks.ts';
import { observe, observeMetadata, plainText } from '../../../src/hup/observation.ts';
import { canonicalJson } from '../../../src/json-forms.ts';

describe('observeMetadata', () => {
  const text =
    ' {"a": {"b.c": [1, {"d": "x"}, null], "2": 1.0}, "n": null, "t": "{\\"in\\": 1}", "e": {}, "f": false, "z": 0}';
  it.each<[keys: string[], value: string | null]>([
    [['a', 'b.c'], '[1,{"d":"x"},null]'],
    [['a', 'b.c', '0'], '1'],
    [['a', 'b.c', '1', 'd'], '"x"'],
    [['a', 'b.c', '2'], null],
    [['a', 'b.c', '3'], null],
    [['a', 'b.c', '01'], null],
    [['a', 'b.c', '-1'], null],
    [['a', '2'], '1.0'],
    [['n'], null],
    [['n', 'x'], null],
    [['nothing'], null],
    [['t'], '"{\\"in\\": 1}"'],
    [['t', 'in'], null],
    [['t', '0'], null],
    [['e'], '{}'],
    [['e', 'length'], null],
    [['f'], 'false'],
    [['z'], '0'],
    [['constructor'], null],
  ])('%j is %s', (keys, value) => {
    expect(observeMetadata(text, keys)).toBe(value);
  });

  it.each([
    ['{}', '{}'],
    ['\uFEFF{"a":1}', '{"a":1}'],
    ['null', null],
    [' null ', null],
  ])('all of %j is %j', (document, value) => {
    expect(observeMetadata(document, [])).toBe(value);
  });
});

describe('canonicalJson', () => {
  it.each([
    ['{"b": 1, "a": [ ]}', '{"a":[],"b":1}'],
    ['{"\\u0061": "\\u00e9\\/"}', '{"a":"é/"}'],
    ['{"a": 1, "a": 2}', '{"a":2}'],
    ['{"a": {"d": [{"z": 1, "y": {}}], "c": true}}', '{"a":{"c":true,"d":[{"y":{},"z":1}]}}'],
    ['"a: b, {c}"', '"a: b, {c}"'],
    ['{"__proto__": 1}', '{"__proto__":1}'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalJson(text)).toBe(canonical);
  });

  it('keeps apart integers that JSON.parse makes equal', () => {
    expect(canonicalJson('9007199254740993')).not.toBe(canonicalJson('9007199254740992'));
  });

  it('takes a document of some megabytes', () => {
    const large = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => ({ b: `text ${index}`, a: index })));
    expect(canonicalJson(large)).toHaveLength(large.length);
  });
});

describe('observe', () => {
  const resource: StackResource = {
    metadata: { value: { a: 1 }, text: '{"a": 1}' },
    status: 'CREATE_COMPLETE',
    physicalId: 'i-1',
    lastUpdated: undefined,
  };
  const path = (kind: HookPath['kind']): HookPath => ({ text: '', resource: 'r', kind, keys: [] });
  it.each<[HookPath['kind'], string | null, string | undefined]>([
    ['metadata', '{"a":1}', '{"a":1}'],
    ['physical-id', '"i-1"', 'i-1'],
    ['last-updated', null, undefined],
  ])('%s: %j, which an action sees as %j', (kind, value, plain) => {
    expect(observe(resource, path(kind))).toBe(value);
    expect(plainText(value)).toBe(plain);
  });
});
