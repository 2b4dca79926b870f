import { describe, expect, test } from 'vitest';
import { parseFailingIndex, parsePipErrors } from '../../../../../src/sections/packages/managers/pip.ts';
import {
  canonicalName,
  decodeInspection,
  isPipSource,
  isSameSource,
  parseFreeze,
} from '../../../../../src/sections/packages/managers/pip-environment.ts';
import type { World } from '../../../../../src/sections/step.ts';

const RETRYING = `WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f1e>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/x/`;
const NONE = `ERROR: Could not find a version that satisfies the requirement x (from versions: none)
ERROR: No matching distribution found for x`;

describe('what pip says', () => {
  test.each<[string, string, string | undefined, string | undefined]>([
    [
      'an unknown version',
      'ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1.0, 2.0)\nERROR: No matching distribution found for x==9',
      undefined,
      'Could not find a version that satisfies the requirement x==9 (from versions: 1.0, 2.0)',
    ],
    [
      'an index that is down',
      `Looking in indexes: http://me:****@127.0.0.1:9/simple\n${RETRYING}\n${NONE}`,
      'http://127.0.0.1:9/simple',
      'http://127.0.0.1:9/simple cannot be reached (Connection refused); Could not find a version that satisfies the requirement x (from versions: none)',
    ],
    [
      'the usual index that is down',
      `${RETRYING}\n${NONE}`,
      'https://pypi.org/simple',
      'https://pypi.org/simple cannot be reached (Connection refused); Could not find a version that satisfies the requirement x (from versions: none)',
    ],
    [
      'a URL whose server is in trouble',
      '  ERROR: HTTP error 503 while getting https://me:opensesame@example.test/x-1.0.tar.gz',
      'https://example.test/x-1.0.tar.gz',
      'https://example.test/x-1.0.tar.gz cannot be reached; HTTP error 503 while getting https://example.test/x-1.0.tar.gz',
    ],
    [
      'a URL that is not there',
      '  ERROR: HTTP error 404 while getting http://example.test/x-1.0.tar.gz',
      undefined,
      'HTTP error 404 while getting http://example.test/x-1.0.tar.gz',
    ],
    ['a build that fails', 'error: subprocess-exited-with-error\n  \n  x', undefined, 'subprocess-exited-with-error'],
    ['nothing', '', undefined, undefined],
  ])('%s', (_, output, index, errors) => {
    expect({ index: parseFailingIndex(output), errors: parsePipErrors(output) }).toEqual({ index, errors });
  });
});

test.each([
  ['Flask_RESTful', 'flask-restful'],
  ['zope.interface', 'zope-interface'],
  ['a-_.b', 'a-b'],
])('%s is %s', (name, expected) => expect(canonicalName(name)).toBe(expected));

test('pip freeze', () => {
  const text = `# a comment
Django==4.2
made @ file:///x/made-0.5.tar.gz#sha256=abc
clone @ git+https://example.test/clone.git@0123abcd
-e git+https://example.test/edit.git@0123abcd#egg=edit
odd===1.0-dirty
`;
  expect(Object.fromEntries(parseFreeze(text))).toEqual({
    django: { version: '4.2', source: undefined },
    made: { version: undefined, source: { url: 'file:///x/made-0.5.tar.gz', fingerprint: 'sha256=abc' } },
    clone: { version: undefined, source: { url: 'https://example.test/clone.git', fingerprint: '0123abcd' } },
    odd: { version: '1.0-dirty', source: undefined },
  });
});

test('pip inspect', () => {
  const archive = { url: 'https://example.test/a.whl', archive_info: { hash: 'sha256=ab', hashes: { sha256: 'ab' } } };
  const clone = {
    url: 'https://example.test/c.git',
    vcs_info: { vcs: 'git', requested_revision: 'v1', commit_id: '0123' },
  };
  const report = {
    version: '1',
    installed: [
      { metadata: { name: 'Django', version: '4.2' } },
      { metadata: { name: 'a', version: '1' }, metadata_location: '/d/a.dist-info', direct_url: archive },
      { metadata: { name: 'c', version: '2' }, direct_url: clone },
      { metadata: {} },
    ],
  };
  expect(Object.fromEntries(decodeInspection(JSON.stringify(report)))).toEqual({
    django: { version: '4.2', source: undefined },
    a: {
      version: '1',
      source: { url: 'https://example.test/a.whl', fingerprint: 'sha256=ab', record: '/d/a.dist-info/direct_url.json' },
    },
    c: { version: '2', source: { url: 'https://example.test/c.git', fingerprint: '0123', revision: 'v1' } },
  });
  expect(() => decodeInspection('oops')).toThrow('no JSON');
});

test.each([
  ['1.0', false],
  ['>=1.0', false],
  ['1!2.0', false],
  ['/opt/x.whl', true],
  ['https://example.test/x.whl', true],
  ['file:///x.whl', true],
  ['git+https://example.test/x.git@v1', true],
  ['git+ssh://git@example.test/x.git', true],
])('%s is a source: %s', (version, expected) => expect(isPipSource(version)).toBe(expected));

test.each<[string, string, { fingerprint?: string; revision?: string }, boolean]>([
  ['https://example.test/x.whl', 'https://example.test/x.whl', { fingerprint: 'sha256=ab' }, true],
  ['https://me:pw@example.test/x.whl#sha256=ab', 'https://example.test/x.whl', {}, true],
  ['https://example.test/x.whl', 'https://example.test/y.whl', {}, false],
  ['git+https://example.test/x.git', 'https://example.test/x.git', { fingerprint: '0123' }, true],
  ['git+https://example.test/x.git@v1', 'https://example.test/x.git', { fingerprint: '01', revision: 'v1' }, true],
  ['git+https://example.test/x.git@v2', 'https://example.test/x.git', { fingerprint: '01', revision: 'v1' }, false],
  ['git+https://example.test/x.git@01', 'https://example.test/x.git', { fingerprint: '01' }, true],
  ['git+ssh://git@example.test/x.git@v1', 'ssh://git@example.test/x.git', { revision: 'v1' }, true],
])('wanted %s, installed from %s %o: the same is %s', (wanted, url, more, expected) => {
  expect(isSameSource(wanted, { url, ...more }, {} as World)).toBe(expected);
});
