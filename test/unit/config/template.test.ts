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
  ])('%j with %j', (template, context, expected) => {
    expect(renderTemplate(template, context)).toBe(expected);
  });

  it.each(['{{#open}}', '{{/closed}}', '{{#a}}{{/b}}', '{{unclosed', '{{#a}}{{#b}}{{/a}}{{/b}}'])(
    'refuses %j',
    (template) => {
      expect(() => renderTemplate(template, {})).toThrow(Error);
    },
  );
});
