import { describe, expect, it } from 'vitest';
import { jsonTextAt } from '../../src/json.ts';
import { jsonLikePython } from '../../src/json-forms.ts';

const TEXT =
  ' { "b" : {"2": 1.0, "1": 12345678901234567890,"x":"a,}]\\"{"} , "a":[1, {"b":2}],\n"e":{ }, "n":null,"b.c":true,"\\u0062\\u0062":1e3}';

describe('jsonTextAt', () => {
  it.each<[path: string[], text: string | undefined]>([
    [['b'], '{"2": 1.0, "1": 12345678901234567890,"x":"a,}]\\"{"}'],
    [['b', '2'], '1.0'],
    [['b', '1'], '12345678901234567890'],
    [['b', 'x'], '"a,}]\\"{"'],
    [['a'], '[1, {"b":2}]'],
    [['e'], '{ }'],
    [['n'], 'null'],
    [['b.c'], 'true'],
    [['bb'], '1e3'],
    [['c'], undefined],
    [['a', '0'], undefined],
    [['n', 'x'], undefined],
    [['e', ''], undefined],
    [['__proto__'], undefined],
  ])('%j', (path, text) => {
    expect(jsonTextAt(TEXT, path)).toBe(text);
  });

  it('the whole document, without what is around it', () => {
    expect(jsonTextAt('\uFEFF \n{"a":1}\n ', [])).toBe('{"a":1}');
    expect(jsonTextAt('"x"', [])).toBe('"x"');
    expect(jsonTextAt(' -1.5e3 ', [])).toBe('-1.5e3');
  });

  it('of a repeated key the last counts', () => {
    expect(jsonTextAt('{"a":1,"a":{"b":2}}', ['a', 'b'])).toBe('2');
  });

  it('is what JSON.parse finds, in a document of several megabytes', () => {
    const document = {
      many: Array.from({ length: 50_000 }, (_, index) => ({ [`k"${index}\\`]: `v${index}"` })),
      last: 'x'.repeat(1e6),
    };
    const text = JSON.stringify({ outer: document, after: 1 }, null, 1);
    expect(JSON.parse(jsonTextAt(text, ['outer']) ?? '')).toEqual(document);
    expect(jsonTextAt(text, ['after'])).toBe('1');
  });
});

describe('jsonLikePython', () => {
  it.each([
    ['{"b":{"2":1.0},\n "a" : [ ] , "c":[1,true,null,{}]}', '{"b": {"2": 1.0}, "a": [], "c": [1, true, null, {}]}'],
    ['"ü€😀\\u00FC\\/\\n\\t\\u0001\u007f"', '"\\u00fc\\u20ac\\ud83d\\ude00\\u00fc/\\n\\t\\u0001\\u007f"'],
    ['"a: b, c"', '"a: b, c"'],
    ['1E5', '1E5'],
    ['', ''],
  ])('%j', (text, line) => {
    expect(jsonLikePython(text)).toBe(line);
  });
});
