import { describe, expect, it } from 'vitest';
import { jsonTextAt, parseJson, parseJsonNumbers } from '../../src/json.ts';
import { formatJson } from '../../src/json-forms.ts';

function problemOf(text: string): string {
  const result = parseJson(text);
  return 'problem' in result ? result.problem : 'no problem';
}

describe('parseJson', () => {
  it.each<[text: string, value: unknown]>([
    ['{"a": [1, "b", null, true]}', { a: [1, 'b', null, true] }],
    ['\uFEFF{"a": 1}', { a: 1 }],
    [' \r\n {} \n', {}],
    ['[]', []],
    ['"text"', 'text'],
    ['null', null],
    [`{"a": "${'[{'.repeat(500)}"}`, { a: '[{'.repeat(500) }],
    ['{"a": "\\"[[["}', { a: '"[[[' }],
    [`${'['.repeat(200)}${']'.repeat(200)}`, JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`)],
    [`[${Array(300).fill('[]').join(',')}]`, Array(300).fill([])],
    ['{"a": 1, "a": 2}', { a: 2 }],
  ])('reads %.60j', (text, value) => {
    expect(parseJson(text)).toEqual({ value });
  });

  it.each(['', '   ', '\n', '\uFEFF', '\uFEFF \n'])('says that %j is empty', (text) => {
    expect(problemOf(text)).toMatch(/empty/);
  });

  it.each([
    '{',
    '[1',
    '[1,',
    '{"a"',
    '{"a":',
    '{"a": 1',
    '{"a": 1,',
    '{"a": "b',
    '{"a": "b\\',
    '{"a": "b\\u12',
    '{"a": tr',
    '{"a": -',
    '{"a": {"b": []}',
    '{"a": 1\n\n',
  ])('says that %j may be truncated', (text) => {
    expect(problemOf(text)).toMatch(/truncated/);
  });

  it.each([
    ['{"a": nope}', 1],
    ['{"a": 1,}', 1],
    ['{\n  "a": 1\n  "b": 2\n}', 3],
    ['{\n  "a": 1,\n  "b": }', 3],
    ["{'a': 1}", 1],
    ['{"a": 1}\n}', 2],
    ['{"a": 1}\n\n{"b": 2}', 3],
    ['[1,\n2,\nx,\n4]', 3],
    ['{"a": "tab\there"}', 1],
    ['{"a": 01}', 1],
  ])('says where %j is wrong', (text, line) => {
    expect(problemOf(text)).toMatch(new RegExp(`line ${line}, column \\d+`));
  });

  it.each([
    ['{"a": 1,}', 'a comma before }, which JSON does not allow, at line 1, column 9'],
    ['[1,\n]', 'a comma before ], which JSON does not allow, at line 2, column 1'],
    ['{"a": 1 // one\n}', 'a comment, which JSON does not have, at line 1, column 9'],
    ['# a\n{}', 'a comment, which JSON does not have, at line 1, column 1'],
    ["{'a': 1}", 'a single quote, where JSON has double ones, at line 1, column 2'],
    ['{"a": "tab\there"}', 'a tab in a text, which JSON writes as \\t, at line 1, column 11'],
    ['{"a": "line\nbreak"}', 'a line break in a text, which JSON writes as \\n, at line 1, column 12'],
    ['{"a": nope}', 'unexpected o at line 1, column 8'],
    ['{"a": True}', 'True, which JSON writes as true, at line 1, column 7'],
    ['{"a": None}', 'None, which JSON writes as null, at line 1, column 7'],
    ['{"a": undefined}', 'undefined, which JSON writes as null, at line 1, column 7'],
    ['{a: 1}', 'a key without double quotes at line 1, column 2'],
    ['{"b": 1, my-key : 1}', 'a key without double quotes at line 1, column 10'],
    ['{"a": 1 "b": 2}', 'a comma is missing at line 1, column 9'],
    ['["a" "b"]', 'a comma is missing at line 1, column 6'],
    ['{"a": {} "b": 2}', 'a comma is missing at line 1, column 10'],
    ['{"a": 1} {"b": 2}', 'more text after the end of the document, at line 1, column 10'],
    ['{"a": \u201cx\u201d}', '\u201c, where JSON has a plain double quote, at line 1, column 7'],
    ['{"a": 0644}', 'a number that begins with 0, which JSON does not allow: put it into quotes, at line 1, column 8'],
    ['{"a": "C:\\Users"}', 'a backslash before U, which JSON writes as \\\\, at line 1, column 11'],
    [`{"a": "it\\'s"}`, "a backslash before ', which JSON writes as \\\\, at line 1, column 11"],
    ['{"a": "\\\\\\."}', 'a backslash before ., which JSON writes as \\\\, at line 1, column 11'],
    ['{"a": "\\u12"}', '\\u without four hexadecimal digits after it at line 1, column 12'],
    ['# a\n\n# b\nAWS::CloudFormation::Init:\n  config: {}\n', 'it does not begin like JSON; it looks like YAML'],
    ['# a\n{\n"a": 1\n}', 'a comment, which JSON does not have, at line 1, column 1'],
    ['- a\n- b\n', 'it does not begin like JSON; it looks like YAML'],
    ['  - a\n  - b\n', 'it does not begin like JSON; it looks like YAML'],
    ['# a\nResources:\n  a: {}\n', 'it is a template in YAML'],
    ['#!/bin/sh\ntrue\n', 'it does not begin like JSON; it looks like a script'],
    ['<html></html>', 'it does not begin like JSON; it looks like HTML or XML'],
    ['#cloud-config\na: 1\n', 'it does not begin like JSON; it looks like YAML'],
    ['resources:\n  a: 1\n', 'it is a template in YAML: use the metadata of one of its resources, as JSON'],
    ['---\nheat_template_version: 1\n', 'it is a template in YAML'],
    ['{"a":\u00a01}', 'unexpected character U+00A0 at line 1, column 6'],
    ['a: 1\nb: 2\n', 'it does not begin like JSON; it looks like YAML'],
    ['---\na: 1\n', 'it does not begin like JSON; it looks like YAML'],
  ])('says what is wrong about %j', (text, says) => {
    expect(problemOf(text)).toContain(says);
  });

  it('counts columns from 1', () => {
    expect(problemOf('{"a": 1,\n "b": }')).toMatch(/line 2, column 7/);
  });

  it.each(['<html><body>404</body></html>', 'xyz', 'AWS::CloudFormation::Init: {}', '\n\n<x/>'])(
    'says that %j does not begin like JSON',
    (text) => {
      expect(problemOf(text)).toMatch(/begin/);
    },
  );

  it('tells it of very many lines', () => {
    expect(problemOf(`${'#\n'.repeat(3_000_000)}x`)).toContain('a comment');
  });

  it.each([1_000_000, 201])('refuses %d levels', (levels) => {
    expect(problemOf('['.repeat(levels))).toMatch(/deep/);
    expect(problemOf(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)).toMatch(/deep/);
  });

  it.each(['xyz', '{"a": nope}', '', '{', '['.repeat(300)])('tells it in one line: %.20j', (text) => {
    expect(problemOf(text)).not.toContain('\n');
  });
});

describe('parseJsonNumbers', () => {
  it('gives each number with its text, and leaves all else', () => {
    const text = ' {"a":[1.0,{"b":-1e3}],"c":"1.0","d":null,"e":0.0} ';
    expect(parseJsonNumbers(text, (value, written) => `${value}:${written}`)).toEqual({
      a: ['1:1.0', { b: '-1000:-1e3' }],
      c: '1.0',
      d: null,
      e: '0:0.0',
    });
  });
});

describe('formatJson', () => {
  const formatAt = (text: string, path: readonly string[]): string | undefined => {
    const written = jsonTextAt(text, path);
    return written === undefined ? undefined : formatJson(written);
  };

  it.each<[name: string, text: string, path: string[], expected: string | undefined]>([
    [
      'keys that look like numbers stay in document order',
      '{"c":{"b":1,"10":2,"2":3,"a":4}}',
      ['c'],
      '{\n    "b": 1,\n    "10": 2,\n    "2": 3,\n    "a": 4\n}',
    ],
    [
      'numbers stay as written',
      '{"c":[1.0,9007199254740993,-0,1e3,0.10]}',
      ['c'],
      '[\n    1.0,\n    9007199254740993,\n    -0,\n    1e3,\n    0.10\n]',
    ],
    ['escapes are decoded', '{"c":["\\u00e9","\\u2028x","a\\/b"]}', ['c'], '[\n    "é",\n    "\u2028x",\n    "a/b"\n]'],
    ['what JSON must escape stays escaped', '{"c":["\\"\\\\\\n\\u0001"]}', ['c'], '[\n    "\\"\\\\\\n\\u0001"\n]'],
    ['other characters stay', '{"c":{"ключ":"値 ü 😀"}}', ['c'], '{\n    "ключ": "値 ü 😀"\n}'],
    ['surrogate pairs are one character', '{"c":"\\ud83d\\ude00"}', ['c'], '"😀"'],
    [
      'empty ones stay on one line',
      '{"c":{"a":{ },"b":[ ],"d":[[],{}]}}',
      ['c'],
      '{\n    "a": {},\n    "b": [],\n    "d": [\n        [],\n        {}\n    ]\n}',
    ],
    ['an empty object', '{"c":{}}', ['c'], '{}'],
    ['an empty list', '{"c":[]}', ['c'], '[]'],
    [
      'nested objects are indented by 4',
      '{"c":{"a":{"b":[1,{"d":null}]},"e":true}}',
      ['c'],
      '{\n    "a": {\n        "b": [\n            1,\n            {\n                "d": null\n            }\n        ]\n    },\n    "e": true\n}',
    ],
    ['text', '{"c":"x"}', ['c'], '"x"'],
    ['a number', '{"c": 12.50}', ['c'], '12.50'],
    ['a truth value', '{"c":false}', ['c'], 'false'],
    ['of a repeated key the last counts', '{"c":{"a":1},"x":0,"c":{"b":2}}', ['c'], '{\n    "b": 2\n}'],
    ['of a repeated key on the way the last counts', '{"a":{"c":1},"a":{"c":2}}', ['a', 'c'], '2'],
    ['a key with escapes', '{"\\u0063\\/d\\"":{"e":1}}', ['c/d"', 'e'], '1'],
    [
      'brackets, commas and quotes in text',
      '{"x":"}],:{[\\"","c":["]","}",","]}',
      ['c'],
      '[\n    "]",\n    "}",\n    ","\n]',
    ],
    ['a byte order mark', '\uFEFF{"c":[1]}', ['c'], '[\n    1\n]'],
    ['white space of any kind', '\t{ "c"\r\n:\n[ 1\t, 2 ] }\n', ['c'], '[\n    1,\n    2\n]'],
    ['the whole document', '{"c":1}', [], '{\n    "c": 1\n}'],
    ['nothing there', '{"c":1}', ['d'], undefined],
    ['nothing below text', '{"c":"d"}', ['c', 'd'], undefined],
    ['nothing below a list', '{"c":["d"]}', ['c', 'd'], undefined],
    ['a value that equals the key', '{"x":"c","c":2}', ['c'], '2'],
  ])('%s', (_name, text, path, expected) => {
    expect(formatAt(text, path)).toBe(expected);
  });

  it('prints what JSON.parse understands as the same value', () => {
    const value = { a: [1, { b: 'ü\n"', c: {} }], 7: [[], null, true, -1.5e-7], '': '' };
    expect(JSON.parse(formatJson(JSON.stringify(value)))).toEqual(value);
  });
});
