import { expect, it } from 'vitest';
import { parseBoolean } from '../../../src/config/boolean.ts';

it.each<[value: unknown, expected: boolean | undefined]>([
  [true, true],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['yes', true],
  ['Yes', true],
  [1, true],
  ['1', true],
  [false, false],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['no', false],
  ['NO', false],
  [0, false],
  ['0', false],
  ['', undefined],
  ['on', undefined],
  ['off', undefined],
  ['y', undefined],
  ['truee', undefined],
  ['10', undefined],
  [2, undefined],
  [-1, undefined],
  [null, undefined],
  [undefined, undefined],
  [{}, undefined],
])('%j is %s', (value, expected) => {
  expect(parseBoolean(value)).toBe(expected);
});
