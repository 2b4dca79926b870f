import { describe, expect, it } from 'vitest';
import { decodePythonIni, parsePythonIni, resolveSetting, valuesOf } from '../../src/python-ini.ts';

function valuesBySection(text: string): Record<string, Record<string, string>> {
  const ini = parsePythonIni(text);
  return Object.fromEntries([...ini.sections.keys()].map((name) => [name, Object.fromEntries(valuesOf(ini, name))]));
}

it.each<[text: string, sections: Record<string, Record<string, string>>]>([
  ['', {}],
  ['[Boto]\nis_secure = 0', { Boto: { is_secure: '0' } }],
  ['\uFEFF[a]\r\nKey: value\r\n', { a: { key: 'value' } }],
  ['[a]\nx=1\n[b]\nx=2', { a: { x: '1' }, b: { x: '2' } }],
  ['[a]\n# x=1\n ; y=2\nz=3', { a: { z: '3' } }],
  ['[a]\nx = &hf9*8D;h1G0#XE % =:', { a: { x: '&hf9*8D;h1G0#XE % =:' } }],
  ['[a]\nx = 100%% sure', { a: { x: '100% sure' } }],
  ['[a]\nx = date +%F', { a: { x: 'date +%F' } }],
  ['[a]\nx = one\n  two\n# no\n\tthree\ny = 1', { a: { x: 'one\ntwo\nthree', y: '1' } }],
  ['[a]\n  x = 1\n  y = 2\n    more', { a: { x: '1', y: '2\nmore' } }],
  ['[a]\nx =\n  late', { a: { x: '\nlate' } }],
  ['[a]', { a: {} }],
  ['[DEFAULT]\nx = 1\n[a]\ny = %(X)s2\n[b]\nx = 3', { a: { x: '1', y: '12' }, b: { x: '3' } }],
  ['[a]\nx = %(nobody)s', { a: { x: '%(nobody)s' } }],
])('%j', (text, expected) => {
  expect(valuesBySection(text)).toEqual(expected);
  expect(parsePythonIni(text).faults).toEqual([]);
});

it.each<[text: string, faults: [number, string][], sections: Record<string, Record<string, string>>]>([
  [
    '[a]\nnonsense\n= value\nx = 1\n',
    [
      [2, 'neither a section nor a setting'],
      [3, 'neither a section nor a setting'],
    ],
    { a: { x: '1' } },
  ],
  ['[a]\nnonsense\n  below\nx = 1', [[2, 'neither a section nor a setting']], { a: { x: '1' } }],
  ['[a]\nx=1\n\nX=2', [[4, 'the key x is repeated, first on line 2']], { a: { x: '2' } }],
  [
    '[a]\nx=1\n[b]\n[a]\nx=2\ny=3',
    [[4, 'the section [a] is repeated, first on line 1']],
    { a: { x: '2', y: '3' }, b: {} },
  ],
  ['x=1\ny=2\n[a]', [[1, 'text before the first section']], { a: {} }],
  ['[a]\nx = a\0b', [[2, 'a NUL byte']], { a: { x: 'a\0b' } }],
])('names what is wrong in %j', (text, faults, sections) => {
  expect(parsePythonIni(text).faults).toEqual(faults.map(([line, what]) => ({ line, what })));
  expect(valuesBySection(text)).toEqual(sections);
});

it('knows the lines of sections and keys', () => {
  const { sections } = parsePythonIni('# c\n[a]\n\nx = 1\n  2\n\ny = 3\r\n[b]\rz = 4');
  const lines = [...sections].flatMap(([name, { line, settings }]) => [
    [name, line],
    ...[...settings].map(([key, setting]) => [key, setting.line]),
  ]);
  expect(lines).toEqual([
    ['a', 2],
    ['x', 4],
    ['y', 7],
    ['b', 8],
    ['z', 9],
  ]);
});

it('says little about what is no INI file at all', () => {
  const { faults } = parsePythonIni(`[a]\n${'nonsense\n'.repeat(1000)}`);
  expect(faults).toHaveLength(20);
});

it('takes UTF-8 only', () => {
  expect(valuesOf(decodePythonIni(Buffer.from('[a]\nx=gr\u00fcn')), 'a').get('x')).toBe('gr\u00fcn');
  expect(decodePythonIni(Buffer.from('[a]\nx=gr\u00fcn', 'latin1')).faults).toEqual([
    { line: undefined, what: 'not UTF-8 text' },
  ]);
});

describe('a value', () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`k${index}`, `%(k${index + 1})s`.repeat(100)]),
  );
  it.each<[what: string, settings: Record<string, string>, key: string, result: object | undefined]>([
    ['is not there', {}, 'x', undefined],
    ['refers to another in any case', { x: '<%(Y)s>', y: '1' }, 'x', { value: '<1>' }],
    ['refers on', { x: '%(y)s', y: '%(z)s', z: '%%' }, 'x', { value: '%' }],
    ['refers to nobody', { x: '%(y)s' }, 'x', { fault: 'x refers to %(y)s, and there is no such key' }],
    ['refers to itself', { x: '%(x)s' }, 'x', { fault: 'x refers to itself, or through more than 10 others' }],
    ['multiplies', { ...doubling, k10: '' }, 'k0', { fault: 'k0 refers to too many others' }],
    [
      'grows',
      { x: '%(y)s'.repeat(900), y: 'y'.repeat(100_000) },
      'x',
      { fault: 'x is longer than 1048576 characters' },
    ],
    [
      'has a printf format',
      { x: "printf '%(%F %T)T' -1; date +%s" },
      'x',
      { value: "printf '%(%F %T)T' -1; date +%s" },
    ],
  ])('%s', (_, settings, key, result) => {
    expect(resolveSetting(new Map(Object.entries(settings).map(([name, raw]) => [name, { raw }])), key)).toEqual(
      result,
    );
  });
});
