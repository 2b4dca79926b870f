import { expect, it } from 'vitest';
import { OutputTail } from '../../../../src/system/programs/output.ts';

function tailOf(...chunks: string[]): string {
  const tail = new OutputTail();
  for (const chunk of chunks) tail.add(Buffer.from(chunk));
  return tail.text();
}

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index}\n`).join('');

it.each<[chunks: string[], text: string]>([
  [[], ''],
  [['one\n', 'two'], 'one\ntwo'],
  [[''], ''],
  [['\u00e4'], '\u00e4'],
])('keeps what is short: %j', (chunks, text) => {
  expect(tailOf(...chunks)).toBe(text);
});

it('keeps a character that comes in two pieces', () => {
  const tail = new OutputTail();
  tail.add(Buffer.from([0xc3]));
  tail.add(Buffer.from([0xa4]));
  expect(tail.text()).toBe('ä');
});

it.each([
  ['at once', [lines(20_000)]],
  ['line by line', lines(20_000).split(/(?<=\n)/)],
])('keeps whole lines from the end of a long text that comes %s', (_name, chunks) => {
  const text = tailOf(...chunks);
  expect(text.length).toBeLessThan(17 * 1024);
  expect(text.length).toBeGreaterThan(15 * 1024);
  expect(text.endsWith('line 19998\nline 19999\n')).toBe(true);
  expect(text).toMatch(/^\.\.\.\nline \d+\n/);
});

it('can be asked in between', () => {
  const tail = new OutputTail();
  tail.add(Buffer.from(lines(10_000)));
  expect(tail.text()).toMatch(/line 9999\n$/);
  tail.add(Buffer.from('the end\n'));
  expect(tail.text()).toMatch(/line 9999\nthe end\n$/);
});
