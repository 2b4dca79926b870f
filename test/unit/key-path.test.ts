import { expect, it } from 'vitest';
import { parseKeyPath } from '../../src/json.ts';

it.each<[path: string, keys: string[] | undefined]>([
  ['foo', ['foo']],
  ['foo.bar', ['foo', 'bar']],
  ["foo.'bar.1'.baz", ['foo', 'bar.1', 'baz']],
  ["'AWS::CloudFormation::Init'", ['AWS::CloudFormation::Init']],
  ['AWS::CloudFormation::Init.config', ['AWS::CloudFormation::Init', 'config']],
  ['foo.bar\\.1.baz', ['foo', 'bar.1', 'baz']],
  ['\\.hidden', ['.hidden']],
  ['a\\b', ['a\\b']],
  ['foo.', ['foo']],
  ["it's", ["it's"]],
  ["'a'b.c", ["'a'b", 'c']],
  ["'open.c", ["'open", 'c']],
  ['foo.foo.foo', ['foo', 'foo', 'foo']],
  ['a b', ['a b']],
  ['', undefined],
  ['.', undefined],
  ['a..b', undefined],
  ['.a', undefined],
])('%j', (path, keys) => {
  expect(parseKeyPath(path)).toEqual(keys);
});
