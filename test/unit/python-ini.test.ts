import { expect, it } from 'vitest';
import { parsePythonIni } from '../../src/python-ini.ts';

it.each<[text: string, sections: Record<string, Record<string, string>>]>([
  ['', {}],
  ['[Boto]\nis_secure = 0', { Boto: { is_secure: '0' } }],
  ['\uFEFF[a]\r\nKey: value\r\n', { a: { key: 'value' } }],
  ['[a]\nx=1\n[b]\nx=2\n[a]\ny=3', { a: { x: '1', y: '3' }, b: { x: '2' } }],
  ['[a]\n# x=1\n ; y=2\nz=3', { a: { z: '3' } }],
  ['[a]\nx = &hf9*8D;h1G0#XE % =:', { a: { x: '&hf9*8D;h1G0#XE % =:' } }],
  ['[a]\nx = 100%% sure', { a: { x: '100% sure' } }],
  ['[a]\nx = one\n  two\n# no\n\tthree\ny = 1', { a: { x: 'one\ntwo\nthree', y: '1' } }],
  ['[a]\n  x = 1\n  y = 2\n    more', { a: { x: '1', y: '2\nmore' } }],
  ['[a]\nx =\n  late', { a: { x: '\nlate' } }],
  ['[a]\nx=1\nx=2', { a: { x: '2' } }],
  ['x=1', { '': { x: '1' } }],
  ['[a]', { a: {} }],
])('%j', (text, expected) => {
  const { sections, oddities } = parsePythonIni(text);
  expect(Object.fromEntries([...sections].map(([name, values]) => [name, Object.fromEntries(values)]))).toEqual(
    expected,
  );
  expect(oddities).toEqual([]);
});

it('names the lines that are nothing', () => {
  const { sections, oddities } = parsePythonIni('[a]\nnonsense\n= value\nx = 1\n');
  expect(oddities).toEqual(['line 2: neither a section nor a setting', 'line 3: neither a section nor a setting']);
  expect(sections.get('a')?.get('x')).toBe('1');
});
