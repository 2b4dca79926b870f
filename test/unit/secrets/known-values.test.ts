import { describe, expect, it } from 'vitest';
import { KnownValues } from '../../../src/secrets/known-values.ts';

/** Numbers that look random and are always the same. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Marks what any of the values covers, by looking for each of them everywhere. */
function covered(text: string, values: readonly string[]): string {
  const marks = [...text];
  for (const value of values)
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1))
      marks.fill('#', at, at + value.length);
  return marks.join('').replace(/#+/g, '#');
}

describe('known values', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => [seed]))('are all found, overlapping ones too: %i', (seed) => {
    const below = numbers(seed + 1);
    const word = (length: number): string => Array.from({ length }, () => 'abc'[below(3)]).join('');
    const known = new KnownValues();
    const values = Array.from({ length: 30 }, () => word(6 + below(10)));
    for (const value of values) known.add(value);
    const text = word(5000);
    expect(known.replace(text, '#').replace(/#+/g, '#')).toBe(covered(text, values));
  });

  it.each([255, 256, 257, 320, 1000, 5000])('%i characters, in a text and at its ends', (length) => {
    const below = numbers(length);
    const value = Array.from({ length }, () => String.fromCharCode(33 + below(90))).join('');
    const known = new KnownValues();
    known.add(value);
    expect(known.replace(value, '#')).toBe('#');
    expect(known.replace(` ${value}  ${value} `, '#')).toBe(' #  # ');
    expect(known.replace(`x${value.slice(0, -1)}`, '#').length).toBeLessThan(length < 257 ? length + 1 : 300);
  });

  it.each([127, 128, 200, 400])('any %i characters out of a long one', (length) => {
    const below = numbers(length);
    const value = Array.from({ length: 2000 }, () => String.fromCharCode(33 + below(90))).join('');
    const known = new KnownValues();
    known.add(value);
    for (let at = 0; at + length <= value.length; at += 37)
      expect(known.replace(`a ${value.slice(at, at + length)} b`, '#')).toBe('a # b');
  });

  it('costs the same wherever a long text repeats itself', () => {
    const known = new KnownValues();
    known.add('key'.repeat(100_000));
    known.add('keykey');
    expect(known.replace('key'.repeat(100_000), '#')).toBe('#');
    expect(known.replace(`x${'yke'.repeat(50_000)}x`, '#')).toBe('x#x');
  });
});
