import { expect, it } from 'vitest';
import { parseBoolean, parseSwitch } from '../../../src/config/values.ts';

it.each<[value: unknown, expected: boolean | undefined]>([
  [true, true],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['yes', true],
  ['Yes', true],
  ['y', true],
  [' Y ', true],
  [1, true],
  ['1', true],
  [false, false],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['no', false],
  ['NO', false],
  ['n', false],
  ['N', false],
  [0, false],
  ['0', false],
  ['', undefined],
  ['on', undefined],
  ['off', undefined],
  ['ye', undefined],
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

it.each<[text: string, expected: boolean | undefined]>([
  ['on', true],
  [' OFF ', false],
  ['Yes', true],
  ['n', false],
  ['0', false],
  ['onn', undefined],
  ['', undefined],
])('in a configuration file: %j', (text, expected) => {
  expect(parseSwitch(text)).toBe(expected);
});
