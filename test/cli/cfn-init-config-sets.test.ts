import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cfnInit, complaints } from '../support/cfn-init.ts';
import { useMachine } from '../support/use-machine.ts';

const machine = useMachine();
let count = 0;

/** Each config writes its name as the next file of a row, so that the names of the files tell the order. */
const config = (name: string) => ({ files: { [`/${name}`]: { content: name } } });
const CONFIGS = Object.fromEntries(['one', 'two', 'three', 'four'].map((name) => [name, config(name)]));

async function apply(init: object, ...args: string[]) {
  const root = join(machine().shared, `root-${count++}`);
  mkdirSync(root);
  const result = await cfnInit(machine(), JSON.stringify({ 'AWS::CloudFormation::Init': init }), [
    '--root',
    root,
    ...args,
  ]);
  // One line a step on stdout, in the order of the steps.
  const order = result.stdout
    .split('\n')
    .filter((line) => line.startsWith('files'))
    .map((line) => / \/(\w+)/.exec(line)?.[1]);
  const errors = complaints(result).filter((line) => !line.startsWith('cfn-init: warning: '));
  return { code: result.code, order, errors, written: readdirSync(root).sort(), root };
}

describe('which configs are applied, and in which order', () => {
  const sets = {
    default: ['two', 'one'],
    lone: 'three',
    nested: [{ ConfigSet: 'default' }, 'four'],
    deep: ['three', { ConfigSet: 'nested' }],
    single: { ConfigSet: 'lone' },
    empty: [],
  };
  test.each<[string[], string[]]>([
    [[], ['two', 'one']],
    [
      ['-c', 'default'],
      ['two', 'one'],
    ],
    [['-c', 'lone'], ['three']],
    [
      ['-c', 'nested'],
      ['two', 'one', 'four'],
    ],
    [
      ['-c', 'deep'],
      ['three', 'two', 'one', 'four'],
    ],
    [['-c', 'single'], ['three']],
    [['-c', 'empty'], []],
    [
      ['-c', 'lone,default'],
      ['three', 'two', 'one'],
    ],
    [
      ['-c', ' lone , default '],
      ['three', 'two', 'one'],
    ],
    [
      ['-c', 'lone', '--configsets', 'default'],
      ['three', 'two', 'one'],
    ],
    [['--configsets=lone,,default,'], ['three', 'two', 'one']],
  ])('%j -> %j', async (args, order) => {
    const result = await apply({ configSets: sets, ...CONFIGS }, ...args);
    expect(result).toMatchObject({ code: 0, order, errors: [] });
  });

  test('without configSets: the key "config"', async () => {
    expect(await apply({ config: config('lone'), other: config('other') })).toMatchObject({ code: 0, order: ['lone'] });
  });

  test.each([
    ['{}', {}],
    ['an empty config', { config: {} }],
    ['an empty default', { configSets: { default: [] } }],
  ])('%s: nothing to do', async (_, init) => {
    expect(await apply(init)).toMatchObject({ code: 0, order: [], errors: [], written: [] });
  });
});

describe('errors', () => {
  const SET = 'configSets';
  test.each<[string, object, string[], (string | RegExp)[][]]>([
    [
      'no default and no -c names the sets',
      { configSets: { a: ['one'], b: ['two'] } },
      [],
      [[/"default"/, /\ba, b\b/]],
    ],
    ['an unknown set', { configSets: { default: ['one'] } }, ['-c', 'nope'], [[/"nope"/, /\bdefault\b/]]],
    ['an unknown config', { configSets: { default: ['one', 'nope'] } }, [], [[/"nope"/, `${SET} "default", item 2`]]],
    ['a config by the name of an inherited property', { configSets: { default: '__proto__' } }, [], [[/"__proto__"/]]],
    [
      'a set by the name of an inherited property',
      { configSets: { default: [] } },
      ['-c', 'toString'],
      [[/"toString"/]],
    ],
    [
      'an unknown reference',
      { configSets: { default: [{ ConfigSet: 'nope' }] } },
      [],
      [[/"nope"/, `${SET} "default", item 1, ConfigSet`]],
    ],
    [
      'a cycle',
      { configSets: { default: ['one', { ConfigSet: 'b' }], b: [{ ConfigSet: 'default' }] } },
      [],
      [[/cycle/, /default -> b -> default/, `${SET} "b", item 1, ConfigSet`]],
    ],
    [
      'a set that refers to itself',
      { configSets: { default: { ConfigSet: 'default' } } },
      [],
      [[/default -> default/]],
    ],
    [
      'all problems together',
      { configSets: { default: ['nope', 7, { ConfigSet: 'gone' }] } },
      [],
      [
        [/"nope"/, `${SET} "default", item 1`],
        [`${SET} "default", item 2`],
        [/"gone"/, `${SET} "default", item 3, ConfigSet`],
      ],
    ],
    ['-c without configSets', { config: config('lone') }, ['-c', 'default'], [[/"default"/]]],
    ['configSets that is a list', { configSets: ['one'] }, [], [[SET]]],
  ])('%s', async (_, init, args, expected) => {
    const { code, order, errors, written } = await apply({ ...CONFIGS, ...init }, ...args);
    expect({ code, order, written }).toEqual({ code: 1, order: [], written: [] });
    expect(errors).toHaveLength(expected.length);
    for (const [index, parts] of expected.entries())
      for (const part of parts)
        expect(errors[index]).toEqual(
          typeof part === 'string' ? expect.stringContaining(part) : expect.stringMatching(part),
        );
  });

  test('a problem in a config that is not selected does not matter', async () => {
    const broken = { files: { 'relative/path': { content: '' } } };
    const init = { configSets: { default: ['one'], other: ['broken'] }, ...CONFIGS, broken };
    expect(await apply(init)).toMatchObject({ code: 0, order: ['one'], errors: [] });
    expect(await apply(init, '-c', 'default,other')).toMatchObject({ code: 1, order: [], written: [] });
  });
});

test('a later config sees what an earlier one did', async () => {
  const init = {
    configSets: { default: ['first', 'second'] },
    first: { files: { '/same': { content: 'first' } } },
    second: { files: { '/same': { content: 'second' } } },
  };
  const { code, root } = await apply(init);
  expect({ code, text: readFileSync(join(root, 'same'), 'utf8') }).toEqual({ code: 0, text: 'second' });
});
