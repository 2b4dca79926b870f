import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ExitCode, Problem } from '../../../src/errors.ts';
import { readFollowing } from '../../../src/hup/other-loops.ts';
import { createDaemon, type DaemonRig, type Look, NOTHING_NEW, RIVAL } from './daemon-rig.ts';
import { createWorld, hookIn, stateFileOf, type World } from './world.ts';

const START = 'READY=1 STATUS=Following s1 with 1 hook.';
const END = 'STOPPING=1 STATUS=Stopping.';

let world: World;
beforeEach(() => {
  world = createWorld();
  world.heat['r'] = '{"v":1}';
});

/** For `inPause`: so many passes, then SIGTERM. */
const stopAfter =
  (passes: number, between: (count: number) => void = () => undefined) =>
  (count: number, rig: DaemonRig): void => {
    if (count >= passes) rig.signal('SIGTERM');
    else between(count);
  };
const errors = (): string[] => world.said.filter((line) => line.startsWith('ERROR'));

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 10) {
    if (waited > 10_000) throw new Error('not within 10 s');
    await sleep(10);
  }
}

/** False for a process that is gone, or has ended and waits for whoever looks after orphans. */
function isAtWork(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the loop', () => {
  it('passes and pauses until SIGTERM; holds its locks until then; ends with 0', async () => {
    const held: string[][] = [];
    const rig = createDaemon(world, {
      hooks: [hookIn(world)],
      inPause: stopAfter(3, () => held.push([...rig.held])),
    });
    expect(await rig.run()).toBe(ExitCode.done);
    expect(rig.passes).toEqual(['s1', 's1', 's1']);
    expect(held).toEqual([
      ['daemon.lock', 'pass.lock'],
      ['daemon.lock', 'pass.lock'],
    ]);
    expect([...rig.held]).toEqual([]);
    expect(rig.isListening()).toBe(false);
    expect([rig.told[0], rig.told.at(-1)]).toEqual([START, END]);
    expect(Math.min(...rig.pauses)).toBeGreaterThan(0);
    expect(Math.max(...rig.pauses)).toBeLessThanOrEqual(60_000);
    expect(world.acted()).toEqual(['none -> {"v":1}']);
  });

  it('acts on a change, polls sooner after it, and tells systemd when it was', async () => {
    const rig = createDaemon(world, {
      hooks: [hookIn(world, { triggers: ['post.update'] })],
      inPause: stopAfter(3, (count) => {
        if (count === 2) world.heat['r'] = '{"v":2}';
        world.wait(60_000);
      }),
    });
    await rig.run();
    expect(world.acted()).toEqual(['none -> {"v":1}', '{"v":1} -> {"v":2}']);
    expect(rig.told).toEqual([
      START,
      'STATUS=Following s1 with 1 hook; last change 2026-11-22T12:00:00Z.',
      'STATUS=Following s1 with 1 hook; last change 2026-11-22T12:02:00Z.',
      END,
    ]);
    expect(rig.pauses[2]).toBeLessThan(20_000);
  });

  it('a second daemon leaves at once, without a pass and without a failure', async () => {
    const rig = createDaemon(world, { taken: { 'daemon.lock': 1 } });
    expect(await rig.run()).toBe(ExitCode.done);
    expect(rig.passes).toEqual([]);
    expect(rig.told).toEqual(['READY=1 STATUS=Another cfn-hup already follows changes.']);
  });

  it('a second daemon, for another configuration, fails, and says so where it has to wait', async () => {
    const leaves = createDaemon(world, { taken: { 'daemon.lock': 2 }, isRivalOfOther: true });
    const what = `cannot follow changes: process ${RIVAL}: it follows another configuration`;
    await expect(leaves.run()).rejects.toThrow('cannot follow changes');
    expect(leaves.told).toEqual([]);
    const waits = createDaemon(world, {
      ...{ taken: { 'daemon.lock': 4 }, isRivalOfOther: true, isSupervised: true },
      inPause: stopAfter(5),
    });
    await waits.run();
    expect(errors()).toEqual([expect.stringContaining(what)]);
  });

  it.each<[rival: string, isRivalInBackground: boolean, said: string]>([
    ['ends', false, `INFO process ${RIVAL} already follows changes: waiting until it ends`],
    [
      'which was left in the background, has ended at its request',
      true,
      `INFO process ${RIVAL} follows the same changes in the background: asked it to stop, and will follow changes after it`,
    ],
  ])(
    'a second daemon that would be started again is up, and waits until the first %s',
    async (_, isRivalInBackground, said) => {
      const rig = createDaemon(world, {
        taken: { 'daemon.lock': 4 },
        isSupervised: true,
        isRivalInBackground,
        inPause: stopAfter(5),
      });
      expect(await rig.run()).toBe(ExitCode.done);
      expect(rig.asked).toEqual([RIVAL]);
      expect(rig.passes).toHaveLength(2);
      expect(rig.told).toEqual([
        'READY=1 STATUS=Waiting: another cfn-hup already follows changes.',
        START.replace('1 hook', '0 hooks'),
        END,
      ]);
      expect(world.said.slice(0, 2)).toEqual([said, 'INFO following s1']);
    },
  );

  it('a second daemon that waits ends by a signal, and leaves the lock to the first', async () => {
    const rig = createDaemon(world, { taken: { 'daemon.lock': 100 }, isSupervised: true, inPause: stopAfter(2) });
    expect(await rig.run()).toBe(ExitCode.done);
    expect(rig.passes).toEqual([]);
    expect(rig.told.at(-1)).toBe(END);
    expect([rig.isListening(), [...rig.held]]).toEqual([false, []]);
  });

  it('waits for a single pass that is under way', async () => {
    const rig = createDaemon(world, { taken: { 'pass.lock': 2 }, inPause: stopAfter(3) });
    await rig.run();
    expect(rig.pauses.slice(0, 2)).toEqual([2000, 2000]);
    expect(rig.passes).toHaveLength(1);
  });

  it.each<[taken: number, passes: number, said: string | undefined]>([
    [0, 3, undefined],
    [1, 1, expect.stringMatching(/^WARNING .*daemon\.lock was removed, and another cfn-hup follows changes: exiting$/)],
  ])(
    'takes its locks again when their files are removed, or ends for who was faster (%i)',
    async (taken, passes, said) => {
      const rig = createDaemon(world, {
        pass: async () => NOTHING_NEW,
        inPause: (count, { lost, refuse, signal }) => {
          for (const name of ['daemon.lock', 'pass.lock']) lost.add(name);
          refuse('daemon.lock', taken);
          if (count === 3) signal('SIGTERM');
        },
      });
      expect(await rig.run()).toBe(ExitCode.done);
      expect(rig.passes).toHaveLength(passes);
      expect([...rig.held]).toEqual([]);
      expect(rig.told.at(-1)).toBe('STOPPING=1 STATUS=Stopping.');
      expect(world.said.find((line) => line.includes('removed'))).toEqual(said);
    },
  );

  it('gives back memory after each pass', async () => {
    const results = [false, true].map((changed) => ({ ...NOTHING_NEW, changed }));
    const rig = createDaemon(world, {
      pass: async () => results.shift() ?? NOTHING_NEW,
      inPause: stopAfter(2),
    });
    await rig.run();
    expect(rig.trims()).toBe(2);
  });
});

describe('the configuration', () => {
  it('that is unusable at the start is a problem, and leaves no lock', async () => {
    const rig = createDaemon(world, { looks: ['broken'] });
    await expect(rig.run()).rejects.toThrow(Problem);
    expect([...rig.held]).toEqual([]);
    expect(rig.told).toEqual([]);
  });

  it.each<[name: string, looks: Look[], passes: string[], said: number]>([
    ['is read anew for each pass', [{}, { stack: 'a' }, { stack: 'b' }, { stack: 'c' }], ['a', 'b', 'c'], 0],
    ['that breaks leaves the last good one in force, said once', [{}, { stack: 'a' }, 'broken'], ['a', 'a', 'a'], 1],
    ['mended is in force', [{}, 'broken', 'broken', { stack: 'a' }], ['s1', 's1', 'a'], 1],
    ['that breaks again is said again', [{}, 'broken', {}, 'broken'], ['s1', 's1', 's1'], 2],
  ])('%s', async (_, looks, passes, said) => {
    const rig = createDaemon(world, { looks, pass: async () => NOTHING_NEW, inPause: stopAfter(3) });
    expect(await rig.run()).toBe(ExitCode.done);
    expect(rig.passes).toEqual(passes);
    expect(errors()).toEqual(
      Array(said).fill('ERROR no stack: /etc/cfn/cfn-hup.conf: continuing with the previous configuration'),
    );
  });
});

describe('SIGHUP', () => {
  it('makes a pass at once, with the configuration as it is now, and systemd sees the reload through', async () => {
    const rig = createDaemon(world, {
      hooks: [hookIn(world)],
      looks: [{ interval: 3600_000 }, { interval: 3600_000 }, { stack: 'other', interval: 3600_000 }],
    });
    const end = rig.run();
    await until(() => rig.pauses.length === 1);
    rig.signal('SIGHUP');
    await until(() => rig.pauses.length === 2);
    rig.signal('SIGTERM');
    expect(await end).toBe(ExitCode.done);
    expect(rig.passes).toEqual(['s1', 'other']);
    const reload = rig.told.findIndex((line) => line.startsWith('RELOADING=1'));
    expect(rig.told[reload]).toMatch(/^RELOADING=1 MONOTONIC_USEC=\d+$/);
    expect(rig.told[reload + 1]).toBe('READY=1');
  });

  it('during a pass makes another one after it', async () => {
    let over = (): void => undefined;
    const rig = createDaemon(world, {
      pass: () => new Promise((resolve) => (over = () => resolve(NOTHING_NEW))),
    });
    const end = rig.run();
    await until(() => rig.passes.length === 1);
    rig.signal('SIGHUP');
    over();
    await until(() => rig.passes.length === 2);
    over();
    await until(() => rig.pauses.length === 2);
    rig.signal('SIGTERM');
    await end;
    expect(rig.passes).toHaveLength(2);
  });
});

describe('SIGTERM', () => {
  const state = (): { attempts: number; reason?: string } =>
    JSON.parse(world.read(stateFileOf()) ?? '{}') as { attempts: number; reason?: string };
  const began = (): boolean => world.acted().includes('began');

  it('in a pause ends it at once; SIGINT too', async () => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      const rig = createDaemon(world, { pass: async () => NOTHING_NEW });
      const end = rig.run();
      await until(() => rig.pauses.length === 1);
      rig.signal(name);
      expect(await end).toBe(ExitCode.done);
      expect(rig.hasLeft()).toBe(false);
    }
  });

  it('lets the action that runs end, and starts no other', async () => {
    const action = 'echo began >>ROOT/acted; sleep 1; echo ended >>ROOT/acted';
    const hooks = [hookIn(world, { action }), hookIn(world, { name: 'next' })];
    const rig = createDaemon(world, { hooks });
    const end = rig.run();
    await until(began);
    rig.signal('SIGTERM');
    expect(await end).toBe(ExitCode.done);
    expect(world.acted()).toEqual(['began', 'ended']);
    expect(state().attempts).toBe(0);
    expect(rig.told).toContain('STOPPING=1 STATUS=Waiting for an action to end.');
    expect(rig.hasLeft()).toBe(false);
  });

  it('ends an action that hangs after stop-timeout, with all that it started, as a failure', async () => {
    const action = 'echo began >>ROOT/acted; sleep 61 & echo $! >ROOT/child; sleep 62';
    const rig = createDaemon(world, { hooks: [hookIn(world, { action })], looks: [{ stopTimeout: 200 }] });
    const end = rig.run();
    await until(began);
    const begin = performance.now();
    rig.signal('SIGTERM');
    expect(await end).toBe(ExitCode.done);
    expect(performance.now() - begin).toBeLessThan(30_000);
    const child = Number(world.read('/child'));
    await until(() => !isAtWork(child));
    expect(state()).toMatchObject({ attempts: 1 });
    expect(world.said).toContain('WARNING an action still runs 0.2 s after the signal to stop: ending it');
    expect(errors()).toEqual([expect.stringContaining('it was ended because cfn-hup was stopped')]);
  });

  it('while a fetch gets no answer leaves at once', async () => {
    const rig = createDaemon(world, { pass: () => new Promise(() => undefined) });
    const end = rig.run();
    await until(() => rig.passes.length === 1);
    const begin = performance.now();
    rig.signal('SIGTERM');
    // Nobody is to count on us any more.
    expect([...rig.disclaimed]).toEqual(['daemon.lock']);
    expect(world.read('/run/cfn-hup/following.json')).toBeUndefined();
    expect(await end).toBe(ExitCode.done);
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(rig.hasLeft()).toBe(true);
    expect(rig.told).toContain('STOPPING=1');
  });
});

describe('failure', () => {
  it('is said once, told to systemd, and over when it is', async () => {
    world.heat['r'] = 'unreachable';
    const rig = createDaemon(world, {
      hooks: [hookIn(world, { triggers: ['post.remove'] })],
      inPause: stopAfter(4, (count) => {
        if (count === 3) world.heat['r'] = '{"v":1}';
        world.wait(60_000);
      }),
    });
    await rig.run();
    expect(errors()).toHaveLength(1);
    expect(world.said.filter((line) => line.includes('well again'))).toEqual([
      'INFO all is well again, for the first time since 2026-11-22T12:00:00Z',
    ]);
    expect(rig.told).toEqual([
      START,
      'STATUS=Following s1 with 1 hook; failing since 2026-11-22T12:00:00Z, see the log.',
      'STATUS=Following s1 with 1 hook; last change 2026-11-22T12:03:00Z.',
      END,
    ]);
  });

  it('of a disk is as well, and all is done once it is over', async () => {
    world.write('/var/cache/heat-cfntools', 'a file is in the way');
    world.heat['r'] = '{"v":1}';
    const rig = createDaemon(world, {
      hooks: [hookIn(world)],
      inPause: stopAfter(4, (count) => {
        if (count === 3) world.files.remove('/var/cache/heat-cfntools');
        world.wait(60_000);
      }),
    });
    await rig.run();
    expect(errors()).toEqual([
      expect.stringMatching(/: \/var\/cache\/heat-cfntools: .*: no action runs until it can be saved$/),
    ]);
    expect(rig.told.slice(1, 3)).toEqual([
      'STATUS=Following s1 with 1 hook; failing since 2026-11-22T12:00:00Z, see the log.',
      'STATUS=Following s1 with 1 hook; last change 2026-11-22T12:03:00Z.',
    ]);
    expect(world.acted()).toEqual(['none -> {"v":1}']);
  });

  it('a policy that forbids to ask is said once, also by the next daemon; systemd is told, and the pace slows down', async () => {
    world.heat['r'] = 'forbidden';
    const follow = async (passes: number, between?: (count: number) => void): Promise<DaemonRig> => {
      const rig = createDaemon(world, {
        hooks: [hookIn(world)],
        inPause: stopAfter(passes, (count) => {
          world.wait(60_000);
          between?.(count);
        }),
      });
      await rig.run();
      return rig;
    };
    const first = await follow(5);
    expect(errors()).toEqual([expect.stringContaining('policy.yaml')]);
    expect(first.told).toEqual([
      START,
      "STATUS=Following s1 with 1 hook; Heat's policy forbids guests to ask, since 2026-11-22T12:00:00Z, see cfn-hup --status.",
      END,
    ]);
    expect(Math.max(...first.pauses)).toBeGreaterThan(120_000);
    const second = await follow(3, (count) => {
      if (count === 2) world.heat['r'] = '{"v":1}';
    });
    expect(errors()).toHaveLength(1);
    expect(second.told.filter((line) => line.includes('policy'))).toHaveLength(1);
    expect(world.acted()).toEqual(['none -> {"v":1}']);
  });

  it.each<[name: string, fault: Error, said: string]>([
    ['state that cannot be kept', new Problem('disk full', { where: '/var' }), 'ERROR disk full: /var'],
    ['a bug', new TypeError('x is not y'), 'ERROR a bug in cfntools: x is not y: please report it'],
  ])('%s does not end it, and is said once', async (_, fault, said) => {
    const rig = createDaemon(world, {
      pass: async () => {
        throw fault;
      },
      inPause: stopAfter(3),
    });
    expect(await rig.run()).toBe(ExitCode.done);
    expect(rig.passes).toHaveLength(3);
    expect(errors()).toEqual([said]);
  });

  it('hooks that are parked are in the status', async () => {
    const rig = createDaemon(world, {
      looks: [{ maxAttempts: 1 }],
      hooks: [hookIn(world, { action: 'exit 3' })],
      inPause: stopAfter(2),
    });
    await rig.run();
    expect(rig.told[2]).toMatch(/; 1 parked hook\.$/);
  });

  it('notes who follows and when it looks next, and that no more at its end', async () => {
    world.write(`/proc/${process.pid}/stat`, `${process.pid} (x) S ${'1 '.repeat(18)}7 9\n`);
    const seen: (string | undefined)[] = [];
    const rig = createDaemon(world, {
      pass: async () => {
        seen.push(readFollowing(world.system)?.nextPoll);
        return NOTHING_NEW;
      },
      inPause: (_, daemon) => {
        seen.push(readFollowing(world.system)?.nextPoll);
        daemon.signal('SIGTERM');
      },
    });
    await rig.run();
    const next = new Date(world.system.clock.now().getTime() + (rig.pauses[0] ?? 0)).toISOString();
    expect(seen).toEqual([undefined, next]);
    expect(readFollowing(world.system)).toBeUndefined();
    expect(world.files.names('/run/cfn-hup')).toEqual([]);
  });

  it('actions that failed are in the status', async () => {
    const rig = createDaemon(world, { hooks: [hookIn(world, { action: 'exit 3' })], inPause: stopAfter(1) });
    await rig.run();
    expect(rig.told[1]).toMatch(/; 1 failed action\.$/);
  });

  it('a pass that takes far too long: the watchdog is no longer told that we are alive', async () => {
    const rig = createDaemon(world, { pass: () => new Promise(() => undefined), looks: [{ actionTimeout: 60_000 }] });
    const end = rig.run();
    await until(() => rig.passes.length === 1);
    expect(rig.isAlive()).toBe(true);
    world.wait(15 * 60_000);
    expect(rig.isAlive()).toBe(true);
    world.wait(2 * 60_000);
    expect(rig.isAlive()).toBe(false);
    rig.signal('SIGTERM');
    await end;
  });
});
