import { describe, expect, it } from 'vitest';
import { decodeMetadata } from '../../../src/config/decode.ts';
import { Redactor } from '../../../src/redact.ts';
import { planRun } from '../../../src/sections/index.ts';
import { INIT } from './decoding.ts';

/** A document with something in each place that the decoder reads. */
const DOCUMENT = {
  [INIT]: {
    configSets: { default: ['config', { ConfigSet: 'more' }], more: ['config'] },
    config: {
      packages: { apt: { nginx: ['1.2'], curl: [] }, yum: ['httpd'], rpm: { x: 'http://h/x.rpm' }, python: { y: 1.0 } },
      groups: { g: { gid: '100' } },
      users: { u: { uid: 100, groups: ['g'], homeDir: '/home/u' } },
      sources: { '/opt': 'http://h/a.tgz' },
      files: {
        '/a': { content: 'x', mode: '000644', owner: 'root', group: 'root', encoding: 'plain' },
        '/b': { content: '{{a}}', context: { a: [1, { b: 'c' }] } },
        '/c': { source: 'http://h/c', authentication: 'auth' },
      },
      commands: {
        c: { command: ['a', 'b'], test: 'true', env: { A: 'b' }, cwd: '/', runas: 'root', ignoreErrors: 'true' },
        d: { command: 'x', waitAfterCompletion: '1' },
      },
      services: {
        systemd: { s: { enabled: true, ensureRunning: 'true', files: ['/a'], packages: { apt: ['nginx'] } } },
      },
    },
  },
  'AWS::CloudFormation::Authentication': {
    auth: { type: 'S3', accessKeyId: 'AK', secretKey: 'sk', roleName: 'r', buckets: ['b'], uris: ['http://h'] },
  },
};

/** What authors, their tools, and attackers write in the place of something else. */
const ODD: readonly string[] = [
  ...['null', 'true', '0', '-1', '1e999', '123456789012345678901234567890', '""', '" "', '"\\u0000"', '"\\ud800"'],
  ...['[]', '[[]]', '[null]', '{}', '{"toString": 1}', '[{"toString": 1}]', '{"valueOf": {}, "toString": {}}'],
  ...['{"__proto__": 1}', '{"constructor": 1}', '{"length": 5}', '{"Ref": "x"}', '{"Fn::Sub": "x"}', '"C:\\\\x"'],
];

/** Every place of a value, as the keys that lead to it. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => placesOf(child, [...path, key]))];
}

/** The JSON of a value with other JSON in one place. */
function withText(value: unknown, [key, ...rest]: readonly string[], text: string): string {
  if (key === undefined) return text;
  const parts = Object.entries(value as object).map(([name, child]): [string, string] => [
    name,
    name === key ? withText(child, rest, text) : JSON.stringify(child),
  ]);
  if (Array.isArray(value)) return `[${parts.map(([, part]) => part).join(',')}]`;
  return `{${parts.map(([name, part]) => `${JSON.stringify(name)}:${part}`).join(',')}}`;
}

describe.each(placesOf(DOCUMENT).map((path) => [path.join(' '), path] as const))('%s', (_name, path) => {
  it.each(ODD)('may be anything: %s', (odd) => {
    const text = withText(DOCUMENT, path, odd);
    new Redactor().addDocument(JSON.parse(text));
    const document = { value: JSON.parse(text) as unknown, text };
    for (const tolerated of [[], ['packages', 'services', 'users'] as const]) {
      const { configs, findings } = decodeMetadata(document, [], new Set(tolerated));
      planRun(configs);
      for (const { what, hint = '' } of findings) expect([what, hint].join(' ')).not.toContain('[object Object]');
    }
  });
});
