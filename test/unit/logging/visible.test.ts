import { describe, expect, it } from 'vitest';
import { visible, visibleLine } from '../../../src/logging/visible.ts';

describe('visible', () => {
  it.each([
    ['plain ünïcode 日本\ttab\nline', 'plain ünïcode 日本\ttab\nline'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b]0;title\x07after', 'after'],
    ['\x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['a\x07b\0c\x7fd\x9be', 'a\\x07b\\x00c\\x7fd\\x9be'],
    ['10 %\r20 %\r\nend\r', '10 %\n20 %\nend\n'],
    ['\x1b', '\\x1b'],
    ['name\u202egnp.exe', 'name\\u202egnp.exe'],
  ])('%j is %j', (text, expected) => {
    expect(visible(text)).toBe(expected);
  });
});

describe('visibleLine', () => {
  it('is one line', () => {
    expect(visibleLine('/a\ncfn-init: all is well\r\n')).toBe('/a\\ncfn-init: all is well\\n');
  });

  it('keeps the beginning and the end of a long one', () => {
    const line = visibleLine(`what: ${'😀'.repeat(500_000)}: what next`);
    expect(line.length).toBeLessThan(4100);
    expect(line).toMatch(/^what: .* \.\.\. .*: what next$/u);
    expect(line.isWellFormed()).toBe(true);
  });
});
