import { rmSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../../src/errors.ts';
import type { Hook } from '../../../src/hup/hooks.ts';
import { type Follower, findFollower, followingNote, noteRunning } from '../../../src/hup/other-loops.ts';
import type { HupConfig } from '../../../src/hup/settings.ts';
import { type Status, statusOf } from '../../../src/hup/status.ts';
import type { Exec } from '../../../src/system/programs/exec.ts';
import { createWorld, hookIn, MAIN, SETTINGS, stateFileOf, type Telling, type World } from './world.ts';

const FOLLOWED = 'followed by cfn-hup.timer';
const NOBODY = 'nobody follows changes: run cfn-hup (as a daemon), or cfn-hup -f from cron';

let world: World;
beforeEach(() => {
  world = createWorld();
});
const configOf = (hooks: readonly Hook[], problems: readonly string[] = []): HupConfig => ({
  settings: { ...SETTINGS, maxAttempts: 2 },
  hooks,
  main: MAIN,
  files: [MAIN],
  problems,
  warnings: [],
});
const status = (hooks: readonly Hook[], problems: readonly string[] = [], follower: Follower = { kind: 'timer' }) =>
  statusOf(
    () => configOf(hooks, problems),
    world.system,
    undefined,
    async () => follower,
  );
/** This process lives, and is in a unit. */
const live = (start = 7, unit = 'cfn-hup.service'): void => {
  world.write(`/proc/${process.pid}/stat`, `${process.pid} (a (b) c) S ${'1 '.repeat(18)}${start} 9 9\n`);
  world.write(`/proc/${process.pid}/cgroup`, `0::/system.slice/${unit}\n`);
};

describe('what was damaged is told, and the rest as well', () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ...['', '\0\xff', '[1]', '"x"', 'null', '{"a":', '['.repeat(100_000)].map(
      (text) => [JSON.stringify(text.slice(0, 9)), (path: string) => world.write(path, text)] as const,
    ),
    ['a directory', (path) => world.files.makeDirectory(path)],
    ['a loop', (path) => world.files.writeLink(path, path)],
    ['more than a megabyte', (path) => world.write(path, ' '.repeat(1_100_000))],
  ];
  const notes = ['last-check', 'last-answer', 'following', 'running'].map((name) => `/run/cfn-hup/${name}.json`);
  const passed = async (): Promise<Hook> => {
    world.heat['r'] = '{"v":1}';
    const hook = hookIn(world);
    await world.pass([hook]);
    return hook;
  };

  it.each(damages)('a note: %s', async (_, damage) => {
    const hook = await passed();
    for (const path of notes) {
      world.files.remove(path);
      damage(path);
      const { lines, exitCode } = await status([hook]);
      const said = lines.join(' ').replaceAll(/ +/g, ' ');
      expect({ path, exitCode, first: lines[0] }).toEqual({ path, exitCode: 1, first: FOLLOWED });
      expect(said).toMatch(new RegExp(`: ${path}.*: remove it, the next pass writes it again`));
      expect(said).toMatch(/ h \S+ (s ago )?0 s ago 0 s ago ok/);
      // A pass is not kept from its work.
      expect(await world.pass([hook])).toMatchObject({ fetched: 1, unkept: undefined });
      rmSync(`${world.root}${path}`, { recursive: true });
    }
  });

  it.each(['soon', '', '+275760-01-01', 5, {}, null])('a time in it that is none: %j', async (time) => {
    const hook = await passed();
    const key = Object.keys(JSON.parse(world.read(notes[0] ?? '') ?? '') as object)[0] ?? '';
    world.write(notes[0] ?? '', JSON.stringify({ [key]: time }));
    const { lines, exitCode } = await status([hook]);
    expect({ lines, exitCode }).toEqual({
      lines: [
        FOLLOWED,
        'Heat has not been asked yet',
        'damaged: /run/cfn-hup/last-check.json: a value has the wrong type: remove it,',
        '  the next pass writes it again',
        'HOOK  CHECKED  CHANGED  SUCCEEDED  STATE',
        'h     never    0 s ago  0 s ago    ok',
      ],
      exitCode: 1,
    });
    world.write('/run/cfn-hup/last-answer.json', JSON.stringify({ x: { kind: 'refused', since: time, asked: time } }));
    expect((await status([hook])).exitCode).toBe(1);
  });

  it.each(damages.slice(0, -1))('the record of a hook: %s', async (_, damage) => {
    const hook = await passed();
    world.files.remove(stateFileOf());
    damage(stateFileOf());
    const { lines, exitCode } = await status([hook]);
    expect({ exitCode, heads: lines.slice(0, 4) }).toEqual({
      exitCode: 1,
      heads: [
        FOLLOWED,
        'Heat answered 0 s ago',
        'HOOK  CHECKED  CHANGED  SUCCEEDED  STATE',
        'h     never    never    never      damaged',
      ],
    });
    expect(lines.slice(4).join(' ')).toContain(stateFileOf());
  });
});

describe('the table', () => {
  it('is none without hooks; a hook that is not in force is named', async () => {
    expect(await status([], ['/etc/cfn/hooks.conf: [x]: no path'])).toEqual({
      lines: [
        FOLLOWED,
        'Heat is not asked, since there are no hooks',
        'no hooks are configured',
        'not used: /etc/cfn/hooks.conf: [x]: no path',
      ],
      exitCode: 1,
    });
  });

  it('before the first pass', async () => {
    expect(await status([hookIn(world, { name: 'reload' })])).toEqual({
      lines: [
        FOLLOWED,
        'Heat has not been asked yet',
        'HOOK    CHECKED  CHANGED  SUCCEEDED  STATE',
        'reload  never    never    never      new',
        'no hook has been checked yet',
      ],
      exitCode: 1,
    });
  });

  it('has a hook that was added, or whose state is gone, as new in all columns', async () => {
    world.heat['r'] = '{"v":1}';
    const [old, added] = [hookIn(world, { name: 'old' }), hookIn(world, { name: 'added' })];
    await world.pass([old]);
    expect((await status([old, added])).lines.slice(3)).toEqual([
      'old    0 s ago  0 s ago  0 s ago    ok',
      'added  never    never    never      new',
      'new hooks have not been checked yet',
    ]);
    world.files.remove(stateFileOf('old'));
    expect((await status([old])).lines.slice(3)).toEqual([
      'old   never    never    never      new',
      'no hook has been checked yet',
    ]);
  });

  it('of hooks that are well, that fail, that are parked', async () => {
    const failing = hookIn(world, { name: 'failing', action: 'echo alas; exit 3' });
    const hooks = [hookIn(world, { name: 'well' }), failing];
    world.heat['r'] = '{"v":1}';
    await world.pass(hooks, { maxAttempts: 2 });
    world.wait(180_000);
    const reason = '2026-11-22 12:00:00Z (3 min ago): it ended with exit code 3: it';
    expect(await status(hooks)).toEqual({
      lines: [
        FOLLOWED,
        'Heat answered 3 min ago',
        'HOOK     CHECKED    CHANGED    SUCCEEDED  STATE',
        'well     3 min ago  3 min ago  3 min ago  ok',
        'failing  3 min ago  3 min ago  never      failing 1/2, due next poll',
        `failing: failed ${reason}`,
        '  printed last: alas',
      ],
      exitCode: 1,
    });
    expect((await world.pass(hooks, { maxAttempts: 2 })).parkedHooks).toBe(1);
    const { lines, exitCode } = await status(hooks);
    expect({ row: lines[4], note: lines[5], exitCode }).toEqual({
      row: 'failing  0 s ago  3 min ago  never      parked after 2',
      note: 'failing: parked: it runs again when the value at its path changes',
      exitCode: 1,
    });
    expect(await world.pass(hooks, { maxAttempts: 2 })).toMatchObject({ failedActions: 0, parkedHooks: 1 });
    expect(await status([hookIn(world, { name: 'well' })])).toMatchObject({ exitCode: 0 });
  });

  it('has 80 columns, whatever the names: a long one has a line of its own', async () => {
    world.heat['r'] = '{"v":1}';
    const names = ['h', 'a'.repeat(40), `${'word '.repeat(30)}end`];
    const hooks = names.map((name) => hookIn(world, { name, action: 'exit 3' }));
    for (let pass = 0; pass < 2; pass++) {
      await world.pass(hooks, { maxAttempts: 2 });
      world.wait(99 * 60_000);
    }
    const { lines } = await status(hooks);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const row = '99 min ago  3 h ago  never      parked after 2';
    expect(lines.slice(2, 8)).toEqual([
      'HOOK  CHECKED     CHANGED  SUCCEEDED  STATE',
      `h     ${row}`,
      names[1],
      `      ${row}`,
      expect.stringMatching(/^word word/),
      expect.stringMatching(/^ {2}word/),
    ]);
  });

  it('of an action that runs, and of one that was cut off with who ran it', async () => {
    world.heat['r'] = '{"v":1}';
    live();
    const hook = hookIn(world, { action: 'exit 3' });
    const seen: Status[] = [];
    const { exec } = world.system;
    const looking: Exec = {
      ...exec,
      command: async (...call) => {
        world.wait(12_000);
        seen.push(await status([hook]));
        return exec.command(...call);
      },
    };
    Object.assign(world.system, { exec: looking });
    await world.pass([hook]);
    expect(seen).toEqual([
      {
        lines: [
          FOLLOWED,
          'Heat answered 12 s ago',
          'HOOK  CHECKED   CHANGED   SUCCEEDED  STATE',
          'h     12 s ago  12 s ago  never      running for 12 s',
        ],
        exitCode: 0,
      },
    ]);
    expect((await status([hook])).lines[3]).toMatch(/ failing 1\/2, due next poll$/);
    await world.pass([hook]);
    expect(seen[1]).toMatchObject({ exitCode: 1 });

    world.heat['r'] = '{"v":2}';
    Object.assign(world.system, { exec: { ...exec, command: () => Promise.reject(new Error('killed')) } });
    await expect(world.pass([hook])).rejects.toThrow('killed');
    noteRunning(world.system, hook);
    expect((await status([hook])).lines[3]).toMatch(/ running for 0 s$/);
    live(8);
    expect(await status([hook])).toMatchObject({ exitCode: 1 });
    expect((await status([hook])).lines[3]).toMatch(/ cut off 1\/2, due next poll$/);
  });
});

describe('how Heat answered last', () => {
  it.each<[telling: Telling, said: RegExp]>([
    ['{"v":1}', /^Heat answered 3 min ago$/],
    ['unreachable', /^Heat has not answered for 12 min, last asked 3 min ago: no answer: /],
    [
      { retryAfter: 5 },
      /^Heat has not answered for 13 min, last asked 3 min ago: heat-api-cfn answered with HTTP 503: /,
    ],
    [
      'refused',
      /^Heat has refused since 2026-11-22 12:00:00Z \(12 min ago\): heat-api-cfn refused with HTTP 403 .*check the access key and its secret/,
    ],
    [
      'forbidden',
      /^Heat's policy has forbidden guests to ask since 2026-11-22 12:00:00Z \(12 min ago\): .*role:reader"$/,
    ],
  ])('%j', async (telling, said) => {
    const hooks = [hookIn(world, { action: 'true' })];
    world.heat['r'] = telling;
    for (const wait of [540_000, 180_000]) {
      await world.pass(hooks);
      world.wait(wait);
    }
    const { lines, exitCode } = await status(hooks);
    const head = lines.slice(
      1,
      lines.findIndex((line) => line.startsWith('HOOK')),
    );
    expect(head.map((line) => line.trim()).join(' ')).toMatch(said);
    expect(exitCode).toBe(typeof telling === 'string' && telling.startsWith('{') ? 0 : 1);
    world.heat['r'] = '{"v":1}';
    await world.pass(hooks);
    expect((await status(hooks)).lines[1]).toBe('Heat answered 0 s ago');
  });

  it('the worst of several resources counts, with its name', async () => {
    const hooks = ['a', 'b', 'c'].map((resource) => hookIn(world, { name: resource, resource, action: 'true' }));
    Object.assign(world.heat, { a: '{}', b: 'refused', c: '{}' });
    await world.pass(hooks);
    expect((await status(hooks)).lines[1]).toMatch(/^Heat has refused the resource b since /);
    world.heat['c'] = 'unreachable';
    await world.pass(hooks);
    expect((await status(hooks)).lines[1]).toMatch(/^Heat has not answered about the resource c for 0 s, /);
  });

  it('is of one configuration, though another one follows the same stack', async () => {
    world.heat['r'] = 'refused';
    await world.pass([hookIn(world)]);
    world.heat['r'] = '{}';
    const hook = hookIn(world, { file: '/srv/hooks.conf' });
    await world.pass([{ ...hook, origin: { ...hook.origin, main: '/srv/cfn-hup.conf' } }]);
    expect((await status([hookIn(world)])).lines[1]).toMatch(/^Heat has refused since /);
  });

  it('without credentials it could not be asked', async () => {
    Object.assign(world.system, { environment: {} });
    await world.pass([hookIn(world)]);
    expect((await status([hookIn(world)])).lines.slice(1, 3).join(' ').replace(/ +/g, ' ')).toBe(
      'Heat could not be asked since 2026-11-22 12:00:00Z (0 s ago): no credentials for heat-api-cfn: give credential-file= or, on AWS, role= in cfn-hup.conf',
    );
  });

  it('what could not be saved is said', async () => {
    world.heat['r'] = '{"v":1}';
    world.write('/var/lib/cfn-hup', '');
    await world.pass([hookIn(world)]);
    const { lines, exitCode } = await status([]);
    expect({ line: lines[2], exitCode }).toEqual({
      line: expect.stringMatching(/^the last pass is incomplete: /),
      exitCode: 1,
    });
  });
});

describe('who follows', () => {
  const first = async (hooks: readonly Hook[] = []): Promise<string | undefined> =>
    (
      await statusOf(
        () => configOf(hooks),
        world.system,
        undefined,
        () => findFollower(world.system, undefined, process.pid),
      )
    ).lines[0];
  const firstOf = async (option: string): Promise<string | undefined> =>
    (await statusOf(() => configOf([]), world.system, option)).lines.slice(0, 2).join(' ');
  const note = (seconds?: number): void =>
    followingNote(world.system)(
      configOf([]),
      seconds === undefined ? undefined : new Date(world.system.clock.now().getTime() + seconds * 1000),
    );
  /** A systemd that says this of the service and of the timer. */
  const units = (service: string, timer: string, exitCode = 0): void => {
    world.write('/run/systemd/system/x', '');
    const blocks = Object.entries({ service, timer }).map(
      ([type, state]) =>
        `Id=cfn-hup.${type}\nLoadState=${state === '' ? 'not-found' : 'loaded'}\nActiveState=${state || 'inactive'}\n`,
    );
    const exec: Exec = {
      ...world.system.exec,
      find: (program) => `/usr/bin/${program}`,
      query: async () => ({ exitCode, stdout: blocks.join('\n'), output: '' }),
    };
    Object.assign(world.system, { exec });
  };

  it('a daemon: its unit, its next poll, and none once it has ended', async () => {
    live();
    note();
    expect(await first()).toBe(`followed by cfn-hup.service (process ${process.pid}), a poll is in progress`);
    note(40);
    expect(await first()).toBe(`followed by cfn-hup.service (process ${process.pid}), next poll in 40 s`);
    world.wait(41_000);
    expect(await first()).toBe(`followed by cfn-hup.service (process ${process.pid}), a poll is in progress`);
    world.wait(20 * 60_000);
    expect(await first()).toMatch(/, its poll is 20 min overdue$/);
    live(7, 'cloud-final.service');
    note(40);
    expect(await first()).toBe(`followed by process ${process.pid} (cfn-hup --daemon), next poll in 40 s`);
    live(8);
    expect(await first()).toBe(NOBODY);
  });

  it('a daemon whose pass failed as a whole is not well', async () => {
    live();
    followingNote(world.system)(configOf([]), world.system.clock.now(), true);
    const { lines, exitCode } = await statusOf(
      () => configOf([]),
      world.system,
      undefined,
      () => findFollower(world.system),
    );
    expect({ text: lines.slice(0, 2).join(), exitCode }).toEqual({
      text: expect.stringMatching(/; its last\W+pass\b.*\bfailed: see\b.*cfn-hup\.log$/),
      exitCode: 1,
    });
  });

  it('a daemon of another configuration does not count', async () => {
    live();
    followingNote(world.system)({ ...configOf([]), files: ['/srv/cfn-hup.conf'] });
    const { lines, exitCode } = await statusOf(
      () => configOf([]),
      world.system,
      undefined,
      () => findFollower(world.system),
    );
    expect(lines.slice(0, 2)).toEqual([
      expect.stringMatching(/^nobody follows the changes of \/etc\/cfn\/cfn-hup\.conf: process \d+ follows those$/),
      '  of /srv/cfn-hup.conf, stack s1',
    ]);
    expect(exitCode).toBe(1);
  });

  it('a daemon without a note: by the lock and its command', async () => {
    live();
    world.write(`/proc/${process.pid}/cmdline`, '/usr/bin/cfn-hup\0--daemon\0');
    expect(await first()).toBe(`followed by process ${process.pid} (cfn-hup --daemon)`);
    world.write(`/proc/${process.pid}/cmdline`, '/usr/bin/cfn-hup\0-f\0');
    expect(await first()).toBe(NOBODY);
  });

  it.each<[service: string, timer: string, exitCode: number, said: string]>([
    ['inactive', 'active', 0, 'followed by cfn-hup.timer'],
    ['inactive', 'inactive', 0, 'nobody follows changes: run systemctl enable --now cfn-hup.service'],
    ['failed', '', 0, 'nobody follows changes: cfn-hup.service has failed: see journalctl -u cfn-hup'],
    ['deactivating', '', 0, 'nobody follows changes: cfn-hup.service is about to stop'],
    ['activating', '', 0, 'nobody follows changes: cfn-hup.service does not stay up: journalctl -u cfn-hup'],
    ['', '', 0, NOBODY],
    ['active', 'active', 1, 'nobody follows changes: systemctl does not answer'],
  ])('systemd: the service %s, the timer %s', async (service, timer, exitCode, said) => {
    units(service, timer, exitCode);
    expect(await first()).toBe(said);
  });

  it.each<[path: string, text: string, isFollowed: boolean]>([
    ['/etc/cron.d/heat', '# cfn\n* * * * * root /opt/aws/bin/cfn-hup -f\n', true],
    ['/var/spool/cron/root', '*/5 * * * * /usr/bin/cfn-hup\n', true],
    ['/var/spool/cron/crontabs/root', '@hourly cd / && cfn-hup -f >/dev/null\n', true],
    ['/etc/crontab', '#* * * * * root cfn-hup -f\n', false],
    ['/etc/cron.d/heat.bak', '* * * * * root cfn-hup -f\n', false],
    ['/etc/crontab', '* * * * * root cfn-hup --status\n', false],
    ['/etc/crontab', '* * * * * root /usr/bin/cfn-hup-report\n', false],
    ['/etc/crontab', '@reboot root cfn-hup --daemon\n', false],
  ])('cron: %s: %j', async (path, text, isFollowed) => {
    world.write(path, text);
    expect(await first()).toBe(isFollowed ? `followed by cron, by ${path}` : NOBODY);
  });

  it('another configuration than the usual one: by a cron line that names it, whatever the units and a daemon follow', async () => {
    for (const main of ['/etc/cfn', '/srv/c2', '/srv/other']) world.write(`${main}/cfn-hup.conf`, '');
    world.write('/etc/cron.d/first', '* * * * * root cfn-hup -f\n');
    units('inactive', 'active');
    expect(await firstOf('/srv/c2')).toMatch(/^nobody follows changes: run cfn-hup -f -c \/srv\/c2 from cron /);
    world.write('/etc/cron.d/second', '* * * * * root cfn-hup -f --config="/srv/c2" >/dev/null 2>&1\n');
    expect(await firstOf('/srv/c2')).toMatch(/^followed by cron, by \/etc\/cron.d\/second /);
    world.write(`/proc/${process.pid}/cmdline`, 'cfn-hup\0--daemon\0');
    live();
    note(40);
    expect(await firstOf('/srv/c2')).toMatch(/^followed by cron, by \/etc\/cron.d\/second /);
    world.write('/etc/cron.d/second', '* * * * * root cfn-hup -f -c /srv/other\n');
    expect(await firstOf('/srv/c2')).toMatch(/^nobody follows the changes of .*: process \d+ follows other +hooks/);
  });

  it('cron that makes no passes does not count', async () => {
    world.write('/etc/cron.d/heat', '* * * * * root cfn-hup -f\n');
    world.heat['r'] = '{}';
    await world.pass([hookIn(world)]);
    world.wait(5 * 3600_000);
    expect(await first([hookIn(world)])).toBe('followed by cron, by /etc/cron.d/heat, but no pass was made for 5 h');
  });

  it('is told also when the configuration cannot be read', async () => {
    const problem = new Problem('no stack');
    const load = (): HupConfig => {
      throw problem;
    };
    expect(await statusOf(load, world.system, undefined, async () => ({ kind: 'timer' }))).toEqual({
      lines: [FOLLOWED],
      exitCode: 1,
      problem,
    });
  });
});
