import { describe, expect, it } from 'vitest';
import { renderTemplate } from '../../../src/config/template.ts';

describe('renderTemplate', () => {
  it.each<[template: string, context: Record<string, unknown>, expected: string]>([
    ['hello {{name}}', { name: 'you' }, 'hello you'],
    ['{{x}}', { x: `& < > " ' / = \`` }, `&amp; &lt; &gt; &quot; ' / = \``],
    ['{{{x}}} {{& x}}', { x: '<&>' }, '<&> <&>'],
    ['root={{dir}}', { dir: '/var/lib/a=b' }, 'root=/var/lib/a=b'],
    ['{{missing}}|{{nothing}}', { nothing: null }, '|'],
    ['{{n}} {{z}} {{f}}', { n: 1.5, z: 0, f: false }, '1.5 0 false'],
    ['{{a.b}}', { a: { b: 'deep' } }, 'deep'],
    ['{{#list}}<{{.}}>{{/list}}{{^none}}none{{/none}}', { list: ['a', 'b'] }, '<a><b>none'],
    ['{{#people}}\n{{name}}\n{{/people}}\n', { people: [{ name: 'A' }, { name: 'B' }] }, 'A\nB\n'],
    ['a{{! comment }}b', {}, 'ab'],
    ['{{=<% %>=}}<%x%> {{x}}', { x: '1' }, '1 {{x}}'],
    ['no tags, ünïcode', {}, 'no tags, ünïcode'],
    ['', {}, ''],
    ['[{{constructor}}{{toString}}{{__proto__}}{{a.constructor}}]', { a: {} }, '[]'],
    ['{{#constructor}}x{{/constructor}}{{#list}}{{join}}{{toString}}{{/list}}', { list: ['a', []] }, ''],
    ['{{constructor}} {{a.toString}}', { constructor: 'c', a: { toString: 't' } }, 'c t'],
    ['{{#a}}{{outer}}{{b.c}}{{/a}}', { outer: 'o', a: { b: { c: 'in' } }, b: { c: 'out' } }, 'oin'],
    ['{{list.0}} {{list.1.a}} {{list.length}}', { list: ['x', { a: 'y' }] }, 'x y 2'],
    ['{{a}} {{{a}}}', { a: { b: [1, 'x'] } }, '{&quot;b&quot;:[1,&quot;x&quot;]} {"b":[1,"x"]}'],
    ['{{a}}', { a: { toString: 1 } }, '{&quot;toString&quot;:1}'],
  ])('%j with %j', (template, context, expected) => {
    expect(renderTemplate(template, context).text).toBe(expected);
  });

  it.each(['{{#open}}', '{{/closed}}', '{{#a}}{{/b}}', '{{unclosed', '{{#a}}{{#b}}{{/a}}{{/b}}'])(
    'refuses %j',
    (template) => {
      expect(() => renderTemplate(template, {})).toThrow(Error);
    },
  );
});
