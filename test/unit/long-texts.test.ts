import { describe, expect, it } from 'vitest';
import { decodeMetadata } from '../../src/config/decode.ts';
import { renderTemplate } from '../../src/config/template.ts';
import { JsonSpans, parseJson, repeatedKeys } from '../../src/json.ts';
import { canonicalJson, formatJson, jsonLikePython } from '../../src/json-forms.ts';
import { Redactor } from '../../src/redact.ts';

const MEBIBYTE = 1024 * 1024;
const [SHORT, LONG] = [1, 16];
/** Of the time per character in the long text and in the short one. With the square of the length it is 16, beside noise. */
const MOST = 8;
/** Milliseconds. Shorter times are noise. */
const LEAST = 50;

/** Milliseconds of this thread, whatever else the machine does. */
function timeOf(run: () => void): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Runs something over a short and a long text. @returns how much longer a character takes in the long one */
function growth(make: (characters: number) => string, run: (text: string) => void): number {
  const [short = 0, long = 0] = [SHORT, LONG].map((mebibytes) => {
    const text = make(mebibytes * MEBIBYTE);
    return timeOf(() => run(text));
  });
  return long / Math.max(short, LEAST) / (LONG / SHORT);
}

const filled =
  (unit: string, front = '', back = '') =>
  (characters: number): string =>
    front + unit.repeat(Math.ceil(characters / unit.length)) + back;

function decode(text: string): void {
  const parsed = parseJson(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  const { findings } = decodeMetadata({ value: parsed.value, text }, []);
  expect(findings).toEqual([]);
}

const FILE = '{"AWS::CloudFormation::Init":{"config":{"files":{"/a":{';

describe('sixteen mebibytes take sixteen times as long as one, and no stack', () => {
  it.each<[name: string, make: (characters: number) => string]>([
    ['base64', filled('QUFB', `${FILE}"encoding":"base64","content":"`, '"}}}}}')],
    ['a text', filled('x', `${FILE}"content":"`, '"}}}}}')],
    ['a text with escapes', filled('\\"\\n', `${FILE}"content":"`, '"}}}}}')],
    ['a text in an object', filled('x', `${FILE}"content":{"a":"`, '"}}}}}}')],
    ['a text with escapes in an object', filled('\\"\\\\', `${FILE}"content":{"a":"`, '"}}}}}}')],
    ['a text in a context', filled('x', `${FILE}"content":"{{a}}","context":{"b":1.0,"a":"`, '"}}}}}}')],
    ['a template', filled('x ', `${FILE}"context":{"a":1},"content":"{{a}}`, '"}}}}}')],
  ])('a document with %s', (_, make) => {
    expect(growth(make, decode)).toBeLessThan(MOST);
  });

  it.each<[name: string, make: (characters: number) => string]>([
    ['a text', filled('x', '{"a":"', '"}')],
    ['a list', filled(`${'1'.repeat(999)},`, '{"a":[', '1]}')],
    ['blanks', filled(' \n', '{"a":', '1}')],
  ])('JSON with %s', (_, make) => {
    const run = (text: string): void => {
      expect(new JsonSpans(text).textAt(['b'])).toBeUndefined();
      expect(repeatedKeys(text)).toEqual([]);
      for (const print of [formatJson, jsonLikePython, canonicalJson]) expect(print(text)).not.toBe('');
    };
    expect(growth(make, run)).toBeLessThan(MOST);
  });

  it.each<[name: string, make: (characters: number) => string, problem?: RegExp]>([
    ['lines', filled('some text\n', '', '{{a}}')],
    ['one line', filled('x', '{{a}}')],
    ['a comment', filled(' ', '{{!', '}}')],
    ['a tag without an end', filled(' ', '{{a'), /Unclosed tag/],
    ['many tags', filled('{{a}}'), /more than 200000 tags/],
    ['a value', filled('some value & ')],
  ])('a template with %s', (name, make, problem = /^$/) => {
    const run = (text: string): void => {
      let message = '';
      try {
        if (name === 'a value') renderTemplate('{{a}}', { a: text });
        else renderTemplate(text, { a: 'x' });
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(problem);
    };
    expect(growth(make, run)).toBeLessThan(MOST);
  });

  it.each(['a', 'password', '\\"', '"a":', 'a@'])('secrets in %j', (unit) => {
    const run = (text: string): void => {
      const redactor = new Redactor();
      redactor.addDocument({ text }, text);
      redactor.addPrivateTexts([{ text, isExecutable: true }], [text]);
      new Redactor().redact(`password=${text}`);
    };
    expect(growth(filled(unit), run)).toBeLessThan(MOST);
  });
});

describe('a document is read once', () => {
  const large = { '/large': { content: 'x'.repeat(4 * MEBIBYTE) } };
  const decoded = (count: number, file: object): number => {
    const small = Object.fromEntries(Array.from({ length: count }, (_, index) => [`/a${index}`, file]));
    const text = JSON.stringify({ 'AWS::CloudFormation::Init': { config: { files: { ...large, ...small } } } });
    return timeOf(() => decode(text));
  };

  // Where each looks for its text from the beginning, a thousand take a minute.
  it.each<[name: string, file: object]>([
    ['object contents', { content: { a: 1 } }],
    ['contexts', { content: '{{a}}', context: { a: 1 } }],
  ])('however many %s it has', (_, file) => {
    expect(decoded(1000, file)).toBeLessThan(20 * Math.max(decoded(1, file), LEAST));
  });
});

// More than a call takes as arguments.
describe('a document is read to its end, however many things it holds', () => {
  const MANY = 130_000;
  const named = (name: string): object => Object.fromEntries(Array.from({ length: MANY }, (_, at) => [name + at, {}]));
  const findings = (config: object): number =>
    decodeMetadata({ value: { 'AWS::CloudFormation::Init': { config } }, text: '' }, []).findings.length;

  it('keys of a content', () => {
    expect(findings({ files: { '/a': { content: named('k') } } })).toBe(0);
  });

  it('functions that nobody resolved, each told once', () => {
    const files = Array.from({ length: 30_000 }, (_, at) => [`/a${at}`, { content: 'x', owner: { Ref: 'a' } }]);
    expect(findings({ files: Object.fromEntries(files) })).toBe(30_000);
  });

  it('unknown keys', () => {
    expect(findings(named('a key that is like none of those known '))).toBe(MANY);
  });
});
