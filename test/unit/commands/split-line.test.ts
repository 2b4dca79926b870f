import { expect, it } from 'vitest';
import { splitLine } from './split-line.ts';

it.each<[line: string, words: string[]]>([
  ['a b  c', ['a', 'b', 'c']],
  [`a "b c" 'd "e"' f"g"h`, ['a', 'b c', 'd "e"', 'fgh']],
  ["a ''", ['a', '']],
  ['a $? $b ${c d} $(e f) "${g}"', ['a', '$?', '$b', '${c d}', '$(e f)', '${g}']],
  ['a b; c', ['a', 'b']],
  ['a b || c', ['a', 'b']],
  ['a b && c', ['a', 'b']],
  ['a b)', ['a', 'b']],
  ['a b 2> /dev/null', ['a', 'b']],
  ['a b > c 2>&1', ['a', 'b']],
])('%j', (line, words) => {
  expect(splitLine(line)).toEqual(words);
});
