import { expect, test } from 'vitest';
import { matchesVersion } from '../../../../src/sections/packages/manager.ts';

test.each<[string, string, boolean]>([
  ['1.0', '1.0', true],
  ['1.0', '1.0-1', false],
  ['1.22.1-9', '1.22.*', true],
  ['1.221', '1.22.*', false],
  ['1x0-1', '1.0*', false],
  ['2:9.0+dfsg', '2:9.0+*', true],
])('matchesVersion: %s is what %s asks for: %s', (version, wanted, expected) => {
  expect(matchesVersion(version, wanted)).toBe(expected);
});
