import { createHash } from 'node:crypto';
import { rmdirSync, statSync, utimesSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { publishMetadata } from '../../../src/metadata/local.ts';
import { us } from '../temporary-root.ts';
import { createWorld, hookIn, stateFileOf, type Telling, type World } from './world.ts';

const CACHE = '/var/cache/heat-cfntools';
const STATE = '/var/lib/cfn-hup';

let world: World;
beforeEach(() => {
  world = createWorld();
});

describe('what runs', () => {
  it.each<[name: string, triggers: string, keys: string[], told: Telling[], acted: string[]]>([
    [
      'first sight and a change',
      'post.add,post.update',
      [],
      ['{"v":1}', '{"v": 1}', '{"v":2}'],
      ['none -> {"v":1}', '{"v":1} -> {"v":2}'],
    ],
    ['first sight for post.update alone', 'post.update', [], ['{"v":1}', '{"v":1}'], ['none -> {"v":1}']],
    ['first sight for post.remove', 'post.remove', [], ['{"v":1}', '{"v":2}'], []],
    ['metadata that comes later', 'post.update', [], ['{}', '{}', '{"v":1}'], ['{} -> {"v":1}']],
    ['metadata that goes', 'post.remove', [], ['{"v":1}', '{}', '{}'], ['{"v":1} -> {}']],
    ['another order of keys', 'post.update', [], ['{"a":1,"b":2}', '{"b":2,"a":1}'], ['none -> {"a":1,"b":2}']],
    [
      'a sub path',
      'post.add,post.update',
      ['a'],
      ['{"a":"x","b":1}', '{"a":"x","b":2}', '{"a":"y"}'],
      ['none -> x', 'x -> y'],
    ],
    [
      'a key that comes, goes, comes',
      'post.add',
      ['a'],
      ['{}', '{"a":1}', '{"a":null}', '{"a":2}'],
      ['none -> 1', 'none -> 2'],
    ],
    ['a key that becomes null', 'post.remove', ['a'], ['{"a":1}', '{"a":null}', '{}'], ['1 -> none']],
    [
      'an item of a list',
      'post.update',
      ['a', '1'],
      ['{"a":[1,2]}', '{"a":[0,2]}', '{"a":[0,3]}'],
      ['none -> 2', '2 -> 3'],
    ],
    [
      'a resource in progress is left alone',
      'post.update',
      [],
      [
        '{"v":1}',
        { metadata: '{"v":2}', status: 'UPDATE_IN_PROGRESS' },
        { metadata: '{"v":3}', status: 'UPDATE_COMPLETE' },
      ],
      ['none -> {"v":1}', '{"v":1} -> {"v":3}'],
    ],
    [
      'a failed update is what there is',
      'post.update',
      [],
      ['{"v":1}', { metadata: '{"v":2}', status: 'UPDATE_FAILED' }],
      ['none -> {"v":1}', '{"v":1} -> {"v":2}'],
    ],
    [
      'no answer is no news',
      'post.update,post.remove',
      [],
      ['{"v":1}', 'unreachable', 'refused', 'forbidden', '{"v":1}'],
      ['none -> {"v":1}'],
    ],
    [
      'a policy that forbids to ask is none either, and what changed meanwhile is not lost',
      'post.add,post.update,post.remove',
      [],
      ['forbidden', '{"v":1}', 'forbidden', 'forbidden', '{"v":2}', 'forbidden', '{"v":2}'],
      ['none -> {"v":1}', '{"v":1} -> {"v":2}'],
    ],
  ])('%s', async (_, triggers, keys, told, acted) => {
    const hook = hookIn(world, { triggers: triggers.split(',') as never, keys });
    for (const telling of told) {
      world.heat['r'] = telling;
      expect((await world.pass([hook])).failedActions).toBe(0);
    }
    expect(world.acted()).toEqual(acted);
  });

  it('says what it saw', async () => {
    world.heat['r'] = '{"v":1}';
    const hook = hookIn(world);
    const quiet = {
      fetched: 1,
      unfetched: 0,
      failedActions: 0,
      parkedHooks: 0,
      unkept: undefined,
      failure: undefined,
      nextAttempt: undefined,
    };
    expect(await world.pass([hook])).toEqual({ ...quiet, changed: true });
    expect(await world.pass([hook])).toEqual({ ...quiet, changed: false });
    world.heat['r'] = 'unreachable';
    const failure = { kind: 'unreachable', line: 'no answer: http://127.0.0.1:1/v1/' };
    expect(await world.pass([hook])).toEqual({ ...quiet, changed: false, fetched: 0, unfetched: 1, failure });
    world.heat['r'] = 'refused';
    expect((await world.pass([hook])).failure).toMatchObject({ kind: 'refused' });
  });

  it('ids and times of a resource, with variables of their own', async () => {
    const action = 'env | grep ^CFN_ >>ROOT/acted';
    world.heat['r'] = '{}';
    await world.pass([
      hookIn(world, { name: 'id', kind: 'physical-id', action }),
      hookIn(world, { name: 'time', kind: 'last-updated', action }),
    ]);
    expect(world.acted()).toEqual([
      'CFN_NEW_PHYSICAL_RESOURCE_ID=id-of-r',
      'CFN_NEW_LAST_UPDATED=2026-11-22T07:02:54Z',
    ]);
  });

  it('each resource is fetched once, and a failing one keeps no other back', async () => {
    world.heat['good'] = '{"v":1}';
    world.heat['bad'] = 'unreachable';
    const hooks = ['bad', 'good', 'bad', 'good'].map((resource, index) =>
      hookIn(world, { name: `h${index}`, resource }),
    );
    expect(await world.pass(hooks)).toMatchObject({ fetched: 1, unfetched: 1 });
    expect(world.asked).toEqual(['bad', 'good']);
    expect(world.acted()).toHaveLength(2);
  });

  it('a server that asks to be left alone is, whatever else it refuses, and for the longest time', async () => {
    Object.assign(world.heat, { gone: 'refused', tired: { retryAfter: 600 }, weary: { retryAfter: 900 }, good: '{}' });
    const hooks = ['gone', 'tired', 'weary', 'good'].map((resource) => hookIn(world, { name: resource, resource }));
    const { failure, fetched } = await world.pass(hooks);
    expect({ fetched, failure }).toEqual({
      fetched: 1,
      failure: { kind: 'unreachable', retryAfter: 900_000, line: expect.stringContaining('503') },
    });
  });

  it('nothing once it is told to stop', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world)], {}, { isStopping: () => true });
    expect(world.acted()).toEqual([]);
    await world.pass([hookIn(world)]);
    expect(world.acted()).toHaveLength(1);
  });
});

describe('first sight', () => {
  it.each<[name: string, published: Record<string, string>, acted: string[]]>([
    ['nothing was published', {}, ['none -> {"v":2}']],
    ['the same was published', { last_metadata_r: '{ "v": 2 }', last_metadata: '{}' }, []],
    ['something else was published', { last_metadata_r: '{"v":1}' }, ['{"v":1} -> {"v":2}']],
    ['it was published without a name', { last_metadata: '{"v":2}' }, []],
    [
      'the common one is of another resource',
      { last_metadata: '{"w":1}', last_metadata_other: '{"w":1}' },
      ['none -> {"v":2}'],
    ],
    ['what was published is broken', { last_metadata_r: '{"v":' }, ['none -> {"v":2}']],
  ])('%s', async (_, published, acted) => {
    for (const [name, text] of Object.entries(published)) world.write(`${CACHE}/${name}`, text);
    world.heat['r'] = '{"v":2}';
    for (let pass = 0; pass < 2; pass++) await world.pass([hookIn(world)]);
    expect(world.acted()).toEqual(acted);
  });

  it('what cloud-init brought at boot need not have been applied', async () => {
    world.write('/var/lib/heat-cfntools/cfn-init-data', '{"v":2}');
    world.heat['r'] = '{"v":2}';
    await world.pass([hookIn(world)]);
    expect(world.acted()).toEqual(['none -> {"v":2}']);
  });

  it('a hook that is added later begins with what is known; one with another path is a new one', async () => {
    world.heat['r'] = '{"a":1,"b":1}';
    const first = hookIn(world, { name: 'first' });
    await world.pass([first]);
    await world.pass([first, hookIn(world, { name: 'second' }), hookIn(world, { name: 'third', keys: ['a'] })]);
    expect(world.acted()).toHaveLength(1);
    world.heat['r'] = '{"a":1,"b":2}';
    await world.pass([hookIn(world, { name: 'first', keys: ['b'] })]);
    expect(world.acted().slice(1)).toEqual(['1 -> 2']);
  });

  it('ids: where the metadata was applied already, what they are now is known', async () => {
    world.heat['r'] = '{"v":1}';
    world.write(`${CACHE}/last_metadata_r`, '{"v":1}');
    await world.pass([hookIn(world, { kind: 'physical-id' })]);
    expect(world.acted()).toEqual([]);
  });
});

describe('an image of a running guest', () => {
  const INSTANCE = '/var/lib/cloud/data/instance-id';
  const [first, second] = ['0cd5fbd8-2d1f-4d5e-9c0e-3f4f0e6c0a11', 'ba14d706-9a70-46fb-af0b-c9a81b2a2425'];

  it.each<[what: string, published: string | undefined, acted: string[]]>([
    ['nothing is known of this instance', undefined, ['none -> {"v":1}']],
    ['cfn-init has applied the same', '{"v":1}', []],
    ['cfn-init has applied something else', '{"v":0}', ['{"v":0} -> {"v":1}']],
  ])('hooks begin anew: %s', async (_, published, acted) => {
    world.write(INSTANCE, first);
    world.heat['r'] = '{"v":1}';
    const hooks = [hookIn(world), hookIn(world, { name: 'quiet', triggers: ['post.remove'] })];
    await world.pass(hooks);
    await world.pass(hooks, {}, { isAnew: true });
    expect(world.acted()).toEqual(['none -> {"v":1}']);
    world.write(INSTANCE, second);
    if (published !== undefined) publishMetadata(world.files, published, 'r', us);
    for (let pass = 0; pass < 3; pass++) await world.pass(hooks, {}, { isAnew: true });
    expect(world.acted().slice(1)).toEqual(acted);
    const said = `WARNING the state of h, quiet was written by another instance, ${first}, as in an image of a running guest: it is ignored, and the hooks start over`;
    expect(world.said.filter((line) => line.includes('start over'))).toEqual([said]);
  });
});

describe('two configurations with a hook of one name', () => {
  it('each act on their own change', async () => {
    world.heat['r'] = '{"v":1}';
    world.heat['s'] = '{"w":1}';
    const other = hookIn(world, { resource: 's', file: '/srv/cfn/hooks.conf' });
    const hooks = [hookIn(world), { ...other, origin: { ...other.origin, main: '/srv/cfn/cfn-hup.conf' } }];
    for (const { origin } of hooks) for (const path of Object.values(origin)) world.write(path, '');
    const passes = async (): Promise<void> => {
      for (const hook of [...hooks, ...hooks]) await world.pass([hook], {}, { isAnew: true });
    };
    await passes();
    expect(world.acted()).toEqual(['none -> {"v":1}', 'none -> {"w":1}']);
    world.heat['r'] = '{"v":2}';
    world.heat['s'] = '{"w":2}';
    await passes();
    expect(world.acted().slice(2)).toEqual(['{"v":1} -> {"v":2}', '{"w":1} -> {"w":2}']);
    expect(Object.keys(JSON.parse(world.read('/run/cfn-hup/last-check.json') ?? ''))).toHaveLength(2);
  });
});

describe('an image of a running guest', () => {
  it('boots: its configuration, which is of the other stack, is left until cfn-init has written its own', async () => {
    const [instance, status] = ['/var/lib/cloud/data/instance-id', '/run/cloud-init/status.json'];
    world.heat['r'] = '{"v":1}';
    world.write(instance, 'i-0000000a');
    await world.pass([hookIn(world)]);
    world.write(instance, 'i-0000000b');
    world.write(status, '{}');
    const now = new Date(world.system.clock.now().getTime() - 5000);
    utimesSync(`${world.root}${status}`, now, now);
    const notYet = { fetched: 0, unfetched: 0, failedActions: 0, nextAttempt: 10_000 };
    expect(await world.pass([hookIn(world)])).toMatchObject(notYet);
    // It publishes first, and writes the configuration then.
    world.write('/run/cfn-init/run.lock', '');
    publishMetadata(world.files, '{"v":2}', 'r', us);
    expect(await world.pass([hookIn(world)])).toMatchObject(notYet);
    expect([world.asked.length, world.acted().length, world.read(`${CACHE}/last_metadata_r`)]).toEqual([
      1,
      1,
      '{"v":2}',
    ]);
    world.files.remove('/run/cfn-init/run.lock');
    world.heat['r'] = '{"v":3}';
    expect((await world.pass([hookIn(world)])).fetched).toBe(1);
    expect(world.acted().slice(1)).toEqual(['{"v":2} -> {"v":3}']);
  });

  it.each<[what: string, path: string, age: number]>([
    ['is done', '/run/cloud-init/result.json', 0],
    ['hangs', '/run/cloud-init/status.json', 2 * 3_600_000],
  ])('whose cloud-init %s without a cfn-init: its hooks begin anew', async (_, path, age) => {
    world.heat['r'] = '{"v":1}';
    world.write('/var/lib/cloud/data/instance-id', 'i-0000000a');
    await world.pass([hookIn(world)]);
    world.write('/var/lib/cloud/data/instance-id', 'i-0000000b');
    for (const file of ['/run/cloud-init/status.json', path]) world.write(file, '{}');
    const time = new Date(world.system.clock.now().getTime() - age);
    utimesSync(`${world.root}/run/cloud-init/status.json`, time, time);
    expect((await world.pass([hookIn(world)])).fetched).toBe(1);
    expect(world.acted()).toEqual(['none -> {"v":1}', 'none -> {"v":1}']);
  });
});

describe('what is published', () => {
  it('is there before an action runs', async () => {
    world.heat['r'] = '{"v": 1.0}';
    await world.pass([
      hookIn(world, { action: `cat ROOT${CACHE}/last_metadata_r ROOT${CACHE}/last_metadata >ROOT/acted` }),
    ]);
    expect(world.acted()).toEqual(['{"v": 1.0}{"v": 1.0}']);
  });

  it('is not written again by a pass without news, also for several resources', async () => {
    world.heat['r'] = '{"v":1}';
    world.heat['s'] = '{"v":2}';
    const hooks = [
      hookIn(world, { name: 'r', action: 'true' }),
      hookIn(world, { name: 's', resource: 's', action: 'true' }),
    ];
    await world.pass(hooks);
    const names = [`${CACHE}/last_metadata`, `${CACHE}/last_metadata_r`, `${CACHE}/last_metadata_s`, stateFileOf('r')];
    const look = () => names.map((name) => statSync(`${world.root}${name}`, { bigint: true }).ino);
    const before = look();
    for (let pass = 0; pass < 3; pass++) await world.pass(hooks);
    expect(look()).toEqual(before);
  });

  it('cannot be: no action runs, since it would see older metadata', async () => {
    world.write(CACHE, 'a file is in the way');
    world.heat['r'] = '{"v":1}';
    world.heat['s'] = '{"v":1}';
    for (let pass = 0; pass < 2; pass++)
      expect(await world.pass([hookIn(world), hookIn(world, { name: 's', resource: 's' })])).toMatchObject({
        unkept: expect.stringMatching(`: ${CACHE}: .*: no action runs until it can be saved$`),
      });
    expect(world.acted()).toEqual([]);
    // One complaint, for both resources and both passes.
    expect(world.said.filter((line) => line.startsWith('ERROR'))).toHaveLength(1);
    world.files.remove(CACHE);
    await world.pass([hookIn(world)]);
    expect(world.acted()).toEqual(['none -> {"v":1}']);
  });
});

describe('an action that fails', () => {
  const failing = (): ReturnType<typeof hookIn> =>
    hookIn(world, { action: 'echo x >>ROOT/acted; echo why >&2; [ -e ROOT/fine ]' });

  it('is due at the next pass, then waits longer and longer, and is parked', async () => {
    world.heat['r'] = '{"v":1}';
    const waits: (number | undefined)[] = [];
    for (let pass = 0; pass < 4; pass++) {
      const { nextAttempt, failedActions } = await world.pass([failing()], { maxAttempts: 4 });
      expect(failedActions).toBe(1);
      waits.push(nextAttempt);
      world.wait(nextAttempt ?? 0);
    }
    expect(waits).toEqual([undefined, 10_000, 20_000, undefined]);
    world.wait(86_400_000);
    expect(await world.pass([failing()], { maxAttempts: 4 })).toMatchObject({ failedActions: 0, changed: false });
    expect(world.acted()).toHaveLength(4);
    expect(world.said.join('\n')).toMatch(/ERROR .*attempt 2 of 4.*exit code 1.*why[\s\S]*ERROR .*parked after 4/);
    world.heat['r'] = '{"v":2}';
    world.write('/fine', '');
    expect(await world.pass([failing()])).toMatchObject({ failedActions: 0, changed: true });
    expect(world.acted()).toHaveLength(5);
  });

  it('is not run while it waits', async () => {
    world.heat['r'] = '{"v":1}';
    for (let pass = 0; pass < 2; pass++) await world.pass([failing()]);
    world.wait(9_000);
    expect(await world.pass([failing()])).toMatchObject({ failedActions: 0, nextAttempt: 1_000 });
    expect(world.acted()).toHaveLength(2);
  });

  it('gets the old value it last dealt with, and the newest', async () => {
    const hook = hookIn(world, { action: `${hookIn(world).action}; [ -e ROOT/fine ]` });
    for (const v of [1, 2]) {
      world.heat['r'] = `{"v":${v}}`;
      await world.pass([hook]);
    }
    world.write('/fine', '');
    world.heat['r'] = '{"v":3}';
    await world.pass([hook]);
    expect(world.acted()).toEqual(['none -> {"v":1}', 'none -> {"v":2}', 'none -> {"v":3}']);
  });

  it('has left the machine half changed: the value from before runs it again', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world)]);
    world.heat['r'] = '{"v":2}';
    expect(await world.pass([failing()])).toMatchObject({ failedActions: 1 });
    world.heat['r'] = '{"v":1}';
    expect(await world.pass([failing()])).toMatchObject({ failedActions: 1 });
    for (let pass = 0; pass < 2; pass++) await world.pass([hookIn(world)]);
    expect(world.acted()).toEqual(['none -> {"v":1}', 'x', 'x', '{"v":1} -> {"v":1}']);
  });

  it('and never comes back is parked as well, which its state says', async () => {
    world.heat['r'] = '{"v":1}';
    const hook = hookIn(world);
    await world.pass([hook]);
    world.heat['r'] = '{"v":2}';
    const state = JSON.parse(world.read(stateFileOf()) ?? '') as object;
    const failing = createHash('sha256').update('{"v":2}').digest('hex');
    world.write(stateFileOf(), JSON.stringify({ ...state, attempts: 10, failing }));
    await world.pass([hook]);
    expect(world.acted()).toHaveLength(1);
    expect(JSON.parse(world.read(stateFileOf()) ?? '')).toMatchObject({ isParked: true, attempts: 10 });
    expect(world.said.join('\n')).toMatch(/ERROR .*parked after 10 failed attempts: its action did not finish/);
  });

  it('is on record before it runs', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world, { action: `cp ROOT${stateFileOf()} ROOT/seen` })]);
    expect(JSON.parse(world.read('/seen') ?? '')).toMatchObject({ attempts: 1, acknowledged: { kind: 'nothing' } });
  });
});

describe('state', () => {
  it('of hooks that are gone is removed, but not while some of the configuration cannot be read', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world, { name: 'one' }), hookIn(world, { name: 'two' })]);
    expect(world.read(stateFileOf('two'))).toBeDefined();
    await world.pass([hookIn(world, { name: 'one' })]);
    expect(world.read(stateFileOf('one'))).toBeDefined();
    expect(world.read(stateFileOf('two'))).toBeUndefined();
  });

  it('of a hook that is gone before its action has succeeded is kept for a while: it is still to be done when it is back', async () => {
    world.heat['r'] = '{"v":1}';
    const hook = hookIn(world, { action: 'echo ran >>ROOT/acted; test -e ROOT/fine' });
    await world.pass([hook]);
    await world.pass([]);
    world.write('/fine', '');
    for (let pass = 0; pass < 2; pass++) await world.pass([hook]);
    expect(world.acted()).toEqual(['ran', 'ran']);
    const failing = hookIn(world, { name: 'failing', action: 'false' });
    await world.pass([failing]);
    const time = new Date(world.system.clock.now().getTime() - 9 * 24 * 3_600_000);
    utimesSync(`${world.root}${stateFileOf('failing')}`, time, time);
    await world.pass([]);
    expect(world.read(stateFileOf('failing'))).toBeUndefined();
  });

  it.each([
    ['{"version":', 'post.update'],
    ['', 'post.add'],
    ['\0\0\0\0', 'post.add'],
  ] as const)('%j is set aside, and %s runs once', async (text, trigger) => {
    world.heat['r'] = '{"v":1}';
    const hook = hookIn(world, { triggers: [trigger] });
    await world.pass([hook]);
    world.write(stateFileOf(), text);
    for (let pass = 0; pass < 2; pass++) await world.pass([hook]);
    expect(world.acted()).toEqual(['none -> {"v":1}', 'none -> {"v":1}']);
    const aside = world.files.names(STATE).find((name) => name.includes('.corrupt-')) ?? '';
    expect(world.read(`${STATE}/${aside}`)).toBe(text);
    expect(world.said.filter((line) => line.startsWith('ERROR') && line.includes('corrupt'))).toHaveLength(1);
  });

  it('cannot be written: nothing runs, and nothing is lost', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world)]);
    world.heat['r'] = '{"v":2}';
    // Not a permission, which root has anyway: a directory where the file should be written.
    const state = world.read(stateFileOf()) ?? '';
    world.files.remove(stateFileOf());
    world.files.makeDirectory(stateFileOf());
    expect(await world.pass([hookIn(world)])).toMatchObject({ unkept: expect.any(String) });
    expect(world.acted()).toHaveLength(1);
    rmdirSync(`${world.root}${stateFileOf()}`);
    world.write(stateFileOf(), state);
    await world.pass([hookIn(world)]);
    expect(world.acted()).toEqual(['none -> {"v":1}', '{"v":1} -> {"v":2}']);
  });

  it('is for us alone', async () => {
    world.heat['r'] = '{"password":"hunter2"}';
    await world.pass([hookIn(world)]);
    const mode = statSync(`${world.root}${stateFileOf()}`).mode & 0o7777;
    expect(mode).toBe(0o600);
  });
});

describe('what is said', () => {
  describe('of a policy that forbids guests to ask', () => {
    const policy = (): string[] => world.said.filter((line) => line.includes('policy.yaml'));
    const passes = async (...told: readonly Telling[]): Promise<void> => {
      for (const telling of told) {
        world.heat['r'] = telling;
        world.wait(60_000);
        await world.pass([hookIn(world, { action: 'true' })], {}, { isAnew: true });
      }
    };

    it('once, with the remedy, though each pass is a process of its own, and its outcome says so each time', async () => {
      await passes('forbidden', 'forbidden', 'forbidden');
      expect(policy()).toEqual([
        expect.stringMatching(/^ERROR .*DescribeStackResource not allowed.*"role:heat_stack_user or role:reader"$/),
      ]);
      const again = await world.pass([hookIn(world)], {}, { isAnew: true });
      const line = policy()[0]?.slice('ERROR '.length);
      expect(again).toMatchObject({ fetched: 0, unfetched: 1, failure: { kind: 'forbidden', isKnown: true, line } });
    });

    it.each<[name: string, between: readonly Telling[], said: number]>([
      ['not again after Heat was down', ['unreachable', { retryAfter: 1 }], 1],
      ['again after it was allowed', ['{"v":1}'], 2],
      ['again after something else was refused', ['refused'], 2],
    ])('%s', async (_, between, said) => {
      await passes('forbidden', ...between, 'forbidden', 'forbidden');
      expect(policy()).toHaveLength(said);
    });

    it('of each stack and each address', async () => {
      world.heat['r'] = 'forbidden';
      const other = { url: 'http://127.0.0.1:2/v1/' };
      for (const settings of [{}, { stack: 's2' }, {}, { stack: 's2' }, other, other])
        await world.pass([hookIn(world)], settings, { isAnew: true });
      expect(policy()).toHaveLength(3);
    });

    it('one resource is asked for, since it is the same for all', async () => {
      Object.assign(world.heat, { a: 'forbidden', b: 'forbidden' });
      const hooks = ['a', 'b'].map((resource) => hookIn(world, { name: resource, resource }));
      expect(await world.pass(hooks)).toMatchObject({ fetched: 0, unfetched: 2 });
      expect(world.asked).toEqual(['a']);
    });

    it.each(['', '[]', '{"s1": 7}', '{"s1": {"line": 1, "since": "x"}}', '{'])(
      'a note that is %j is as none',
      async (note) => {
        await passes('forbidden');
        world.write('/run/cfn-hup/forbidden.json', note);
        await passes('forbidden', 'forbidden');
        expect(policy()).toHaveLength(2);
      },
    );

    it('is said by each process where it cannot be noted, and once by each', async () => {
      world.files.makeDirectory('/run/cfn-hup/forbidden.json');
      world.heat['r'] = 'forbidden';
      for (let pass = 0; pass < 3; pass++) await world.pass([hookIn(world)]);
      expect(policy()).toHaveLength(1);
      await passes('forbidden');
      expect(policy()).toHaveLength(2);
    });
  });

  it('failure once, until it changes', async () => {
    world.heat['r'] = 'unreachable';
    for (let pass = 0; pass < 3; pass++) await world.pass([hookIn(world)]);
    world.heat['r'] = 'refused';
    for (let pass = 0; pass < 2; pass++) await world.pass([hookIn(world)]);
    expect(world.said.filter((line) => line.startsWith('ERROR'))).toEqual([
      expect.stringContaining('no answer'),
      expect.stringContaining('403'),
    ]);
  });

  it('the same failure of something new is said again', async () => {
    for (const v of [1, 2]) {
      world.heat['r'] = `{"v":${v}}`;
      await world.pass([hookIn(world, { action: 'exit 1' })]);
    }
    expect(world.said.filter((line) => line.includes('attempt 1 of 10'))).toHaveLength(2);
  });

  it('nothing by a pass without news', async () => {
    world.heat['r'] = '{"v":1}';
    await world.pass([hookIn(world)]);
    const before = world.said.length;
    await world.pass([hookIn(world)]);
    expect(world.said.slice(before)).toEqual([]);
  });
});
