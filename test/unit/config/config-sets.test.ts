import { describe, expect, it } from 'vitest';
import { selectConfigs } from '../../../src/config/config-sets.ts';

const INIT = '/AWS::CloudFormation::Init';
const configs = { one: {}, two: {}, three: {} };

describe('what is applied', () => {
  it.each<[name: string, init: Record<string, unknown>, wanted: string[], selected: string[]]>([
    ['no sets: the config', { config: {} }, [], ['config']],
    ['no sets: only the config', { config: {}, other: {} }, [], ['config']],
    ['an empty Init', {}, [], []],
    ['empty sets count as none', { configSets: {}, config: {} }, [], ['config']],
    ['null sets count as none', { configSets: null, config: {} }, [], ['config']],
    ['default', { ...configs, configSets: { default: ['two', 'one'] } }, [], ['two', 'one']],
    ['default even beside a config', { ...configs, config: {}, configSets: { default: ['one'] } }, [], ['one']],
    ['a named set', { ...configs, configSets: { default: ['one'], more: ['three'] } }, ['more'], ['three']],
    ['several sets in their order', { ...configs, configSets: { a: ['one'], b: ['two'] } }, ['b', 'a'], ['two', 'one']],
    ['a bare string', { ...configs, configSets: { default: 'two' } }, [], ['two']],
    ['a bare reference', { ...configs, configSets: { default: { ConfigSet: 'a' }, a: ['one'] } }, [], ['one']],
    [
      'references',
      { ...configs, configSets: { default: ['one', { ConfigSet: 'a' }, 'one'], a: ['two', 'three'] } },
      [],
      ['one', 'two', 'three', 'one'],
    ],
    [
      'nested references',
      { ...configs, configSets: { a: [{ ConfigSet: 'b' }], b: [{ ConfigSet: 'c' }, 'two'], c: 'three' } },
      ['a'],
      ['three', 'two'],
    ],
    [
      'a set that is referred to twice',
      { ...configs, configSets: { a: [{ ConfigSet: 'b' }, { ConfigSet: 'b' }], b: 'one' } },
      ['a'],
      ['one', 'one'],
    ],
    ['a config that is named twice', { ...configs, configSets: { default: ['one', 'one'] } }, [], ['one', 'one']],
    ['a set of the name of a config', { one: {}, configSets: { one: ['one'] } }, ['one'], ['one']],
    ['an empty set', { ...configs, configSets: { default: [] } }, [], []],
  ])('%s', (_name, init, wanted, selected) => {
    expect(selectConfigs(init, wanted)).toEqual({ configs: selected, findings: [] });
  });
});

describe('what is refused', () => {
  it.each<[name: string, init: Record<string, unknown>, wanted: string[], pointer: string, says: RegExp]>([
    ['no default: it names the sets', { configSets: { a: [], b: [] } }, [], '/configSets', /default.*\ba\b.*\bb\b/],
    ['-c without configSets', { config: {} }, ['a'], '', /"a"/],
    ['-c with empty configSets', { config: {}, configSets: {} }, ['a'], '', /"a"/],
    ['-c with an empty Init', {}, ['a'], '', /"a"/],
    ['an unknown set: it names the others', { ...configs, configSets: { a: [] } }, ['b'], '/configSets', /"b".*\ba\b/],
    [
      'an unknown config',
      { ...configs, configSets: { default: ['four'] } },
      [],
      '/configSets/default/0',
      /"four".*one/,
    ],
    ['an unknown config, bare', { ...configs, configSets: { default: 'four' } }, [], '/configSets/default', /"four"/],
    [
      'an unknown set in a reference',
      { ...configs, configSets: { default: ['one', { ConfigSet: 'x' }] } },
      [],
      '/configSets/default/1/ConfigSet',
      /"x"/,
    ],
    ['configSets as a config', { configSets: { default: ['configSets'] } }, [], '/configSets/default/0', /configSets/],
    [
      'a config that is no object',
      { one: 'x', configSets: { default: ['one'] } },
      [],
      '/configSets/default/0',
      /"one"/,
    ],
    ['a number in a set', { configSets: { default: [1] } }, [], '/configSets/default/0', /neither/],
    ['another object in a set', { configSets: { default: [{ Set: 'a' }] } }, [], '/configSets/default/0', /neither/],
    ['null as a set', { configSets: { default: null } }, [], '/configSets/default', /neither/],
    ['configSets as a list', { config: {}, configSets: ['config'] }, [], '/configSets', /configSets/],
    ['a config that is a list', { config: [] }, [], '/config', /config/],
    ['neither config nor sets: it names what there is', { install: {} }, [], '', /install/],
    ['names with ~ and /', { configSets: { 'a/b~c': ['x'] } }, ['a/b~c'], '/configSets/a~1b~0c/0', /"x"/],
  ])('%s', (_name, init, wanted, pointer, says) => {
    const { findings } = selectConfigs(init, wanted);
    expect(findings).toHaveLength(1);
    const [{ severity, what, hint = '', pointer: where } = { severity: '', what: '', pointer: '' }] = findings;
    expect(severity).toBe('error');
    expect(where).toBe(`${INIT}${pointer}`);
    expect(`${what}: ${hint}`).toMatch(says);
  });

  it.each<[sets: Record<string, unknown>, path: string]>([
    [{ default: [{ ConfigSet: 'default' }] }, 'default -> default'],
    [{ default: [{ ConfigSet: 'a' }], a: [{ ConfigSet: 'b' }], b: [{ ConfigSet: 'a' }] }, 'default -> a -> b -> a'],
  ])('a cycle, with its path: %j', (configSets, path) => {
    const { findings } = selectConfigs({ ...configs, configSets }, []);
    expect(findings.map(({ what }) => what)).toEqual([expect.stringContaining(path)]);
  });

  it('tells all problems at once', () => {
    const configSets = { default: ['x', { ConfigSet: 'y' }, 'one', { ConfigSet: 'default' }, 7], other: ['z'] };
    const { findings } = selectConfigs({ ...configs, configSets }, ['default', 'other', 'none']);
    expect(findings.map(({ pointer }) => pointer)).toEqual([
      `${INIT}/configSets/default/0`,
      `${INIT}/configSets/default/1/ConfigSet`,
      `${INIT}/configSets/default/3/ConfigSet`,
      `${INIT}/configSets/default/4`,
      `${INIT}/configSets/other/0`,
      `${INIT}/configSets`,
    ]);
  });
});

describe('sets that double each other', () => {
  const doubling = (depth: number, end: unknown): Record<string, unknown> => ({
    ...configs,
    configSets: {
      default: [{ ConfigSet: 's0' }],
      ...Object.fromEntries(
        Array.from({ length: depth }, (_, n) => [`s${n}`, [{ ConfigSet: `s${n + 1}` }, { ConfigSet: `s${n + 1}` }]]),
      ),
      [`s${depth}`]: end,
    },
  });

  it('are applied as often as they say', () => {
    expect(selectConfigs(doubling(10, ['one']), []).configs).toHaveLength(1024);
  });

  it.each<[end: unknown]>([[['one']], [[]]])('end in an error, %j', (end) => {
    expect(selectConfigs(doubling(40, end), [])).toEqual({
      configs: [],
      findings: [expect.objectContaining({ what: 'the config sets contain more than 10000 configs' })],
    });
  });

  it('that are no sets are complained about once', () => {
    expect(selectConfigs(doubling(8, [1]), []).findings).toHaveLength(1);
  });
});

describe('many sets', () => {
  const chain = (length: number, end: unknown): Record<string, unknown> => ({
    ...configs,
    configSets: {
      ...Object.fromEntries(Array.from({ length }, (_, n) => [`s${n}`, ['one', { ConfigSet: `s${n + 1}` }]])),
      default: [{ ConfigSet: 's0' }],
      [`s${length}`]: end,
    },
  });

  it('a long chain is followed to its end', () => {
    expect(selectConfigs(chain(4000, 'two'), []).configs.slice(-2)).toEqual(['one', 'two']);
  });

  it('a long cycle is shown in part', () => {
    const [finding] = selectConfigs(chain(4000, [{ ConfigSet: 's0' }]), []).findings;
    expect(finding?.what).toBe(
      'config set cycle default -> s0 -> s1 -> s2 -> s3 -> ... -> s3997 -> s3998 -> s3999 -> s4000 -> s0',
    );
  });

  it('sets that all name each other are one finding', () => {
    const names = Array.from({ length: 40 }, (_, n) => `s${n}`);
    const all = names.map((ConfigSet) => ({ ConfigSet }));
    const configSets = { default: [{ ConfigSet: 's0' }], ...Object.fromEntries(names.map((name) => [name, all])) };
    expect(selectConfigs({ configSets }, []).findings).toHaveLength(1);
  });

  it('two cycles that have nothing to do with each other are two findings', () => {
    const configSets = { a: [{ ConfigSet: 'a' }], b: [{ ConfigSet: 'c' }], c: [{ ConfigSet: 'b' }] };
    expect(selectConfigs({ configSets }, ['a', 'b']).findings).toHaveLength(2);
  });
});
