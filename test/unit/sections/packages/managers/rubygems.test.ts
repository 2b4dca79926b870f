import { expect, test } from 'vitest';
import {
  parseFailingSource,
  parseGemErrors,
  parseGemList,
} from '../../../../../src/sections/packages/managers/rubygems.ts';

test('gem list', () => {
  const text = `
*** LOCAL GEMS ***

bundler (default: 2.3.27)
nokogiri (1.15.0 x86_64-linux, 1.14.0 ruby java)
rake (13.1.0, default: 13.0.6)
`;
  expect(Object.fromEntries(parseGemList(text))).toEqual({
    bundler: ['2.3.27'],
    nokogiri: ['1.15.0', '1.14.0'],
    rake: ['13.1.0', '13.0.6'],
  });
});

test.each<[string, string, string | undefined, string]>([
  [
    'unknown',
    `ERROR:  Could not find a valid gem 'x' (= 9) in any repository\nERROR:  Possible alternatives: y`,
    undefined,
    `Could not find a valid gem 'x' (= 9) in any repository; Possible alternatives: y`,
  ],
  [
    'a source that is down',
    `ERROR:  Could not find a valid gem 'x' (>= 0), here is why:
          Unable to download data from http://me:REDACTED@127.0.0.1:9/ - Failed to open TCP connection (Connection refused) (http://me:REDACTED@127.0.0.1:9/specs.4.8.gz)`,
    'http://127.0.0.1:9/',
    `Could not find a valid gem 'x' (>= 0), here is why: Unable to download data from http://127.0.0.1:9/ - Failed to open TCP connection (Connection refused) (http://127.0.0.1:9/specs.4.8.gz)`,
  ],
  [
    'a source without an index',
    `ERROR:  Could not find a valid gem 'x' (= 5), here is why:
          Unable to download data from http://example.test/ - bad response File not found 404 (http://example.test/specs.4.8.gz)`,
    undefined,
    `Could not find a valid gem 'x' (= 5), here is why: Unable to download data from http://example.test/ - bad response File not found 404 (http://example.test/specs.4.8.gz)`,
  ],
  [
    'a file that did not come',
    `ERROR:  While executing gem ... (Gem::RemoteFetcher::FetchError)
    bad response Service Unavailable 503 (https://example.test/gems/x-1.0.gem)`,
    'https://example.test/gems/x-1.0.gem',
    'While executing gem ... (Gem::RemoteFetcher::FetchError) bad response Service Unavailable 503 (https://example.test/gems/x-1.0.gem)',
  ],
])('%s', (_, output, source, errors) => {
  expect({ source: parseFailingSource(output), errors: parseGemErrors(output) }).toEqual({ source, errors });
});
