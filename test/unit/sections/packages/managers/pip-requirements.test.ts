import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withRequirements } from '../../../../../src/sections/packages/managers/pip-requirements.ts';
import type { World } from '../../../../../src/sections/step.ts';
import type { Environment } from '../../../../../src/system/programs/exec.ts';
import type { System } from '../../../../../src/system/system.ts';
import { fakeGuest } from '../../../metadata/fake-system.ts';

const BASIC = Buffer.from('joe:5ec:re7').toString('base64');

const SECRET = 'https://joe:5ecre7@h/a.whl';

/** A world whose user is `uid`, whoever runs the test, and its root directory. */
function worldOf(uid: number, environment: Environment = {}): { readonly world: World; readonly root: string } {
  const { system, log } = fakeGuest({});
  // The door of the test writes as whoever runs it.
  const openScratch: System['files']['openScratch'] = (...args) => {
    const scratch = system.files.openScratch(...args);
    const stage: typeof scratch.stage = (name) => {
      const staged = scratch.stage(name);
      return { ...staged, commit: ({ mode }) => staged.commit({ mode, ...system.self }) };
    };
    return { ...scratch, stage };
  };
  const files = { ...system.files, openScratch };
  const world: World = {
    system: { ...system, environment, self: { ...system.self, uid }, files },
    log,
    changes: { has: () => false, names: () => [] },
  };
  return { world, root: system.files.root };
}

/** What pip gets: its arguments, the lines of its requirements file, and git's configuration. */
async function handed(...requirements: string[]): Promise<Record<string, unknown>> {
  let file: string | undefined;
  const seen = await withRequirements(requirements, worldOf(0).world, async ({ args, env }) => {
    if (args.includes('-r')) file = args[args.indexOf('-r') + 1];
    return {
      args: args.slice(args.indexOf('--') + 1),
      ...(file !== undefined ? { lines: readFileSync(file).toString(), mode: statSync(file).mode & 0o777 } : {}),
      ...env,
    };
  });
  expect(existsSync(file ?? '')).toBe(false);
  return seen;
}

describe('what has a secret in it is none of the arguments of pip', () => {
  test.each<[requirements: string[], seen: Record<string, unknown>]>([
    [['a', 'b==1'], { args: ['a', 'b==1'] }],
    [
      ['https://h/a.whl', '/srv/b.whl', 'https://h/a?page=2'],
      { args: ['https://h/a.whl', '/srv/b.whl', 'https://h/a?page=2'] },
    ],
    [['a', 'https://joe:5ecre7@h/a.whl'], { args: ['a'], mode: 0o600, lines: 'https://joe:5ecre7@h/a.whl\n' }],
    [['https://5ecre7@h/a.whl'], { args: [], mode: 0o600, lines: 'https://5ecre7@h/a.whl\n' }],
    [
      ['https://h/a.whl?temp_url_sig=5ecre7'],
      { args: [], mode: 0o600, lines: 'https://h/a.whl?temp_url_sig=5ecre7\n' },
    ],
    [['a @ https://joe:5ecre7@h/a.whl'], { args: [], mode: 0o600, lines: 'a @ https://joe:5ecre7@h/a.whl\n' }],
    [
      ['https://joe:5e cre7${HOME}ü@h/a.whl'],
      { args: [], mode: 0o600, lines: 'https://joe:5e%20cre7%24{HOME}%C3%BC@h/a.whl\n' },
    ],
    [['hg+https://joe:5ecre7@h/a'], { args: [], mode: 0o600, lines: 'hg+https://joe:5ecre7@h/a\n' }],
    [
      ['git+ssh://d:5ecre7@h/x.git@main', 'a @ git+ssh://d:5ecre7@h/x.git'],
      { args: ['git+ssh://d@h/x.git@main', 'a @ git+ssh://d@h/x.git'] },
    ],
    [['git+ssh://git@h/a.git@main'], { args: ['git+ssh://git@h/a.git@main'] }],
    [
      ['git+https://joe:5ec%3Are7@h:8443/a.git@main#egg=a'],
      {
        args: ['git+https://h:8443/a.git@main#egg=a'],
        GIT_CONFIG_PARAMETERS: `'http.https://h:8443/.extraHeader=Authorization: Basic ${BASIC}'`,
      },
    ],
    [
      ['a @ git+http://5ecre7@h/a.git'],
      {
        args: ['a @ git+http://h/a.git'],
        GIT_CONFIG_PARAMETERS: `'http.http://h/.extraHeader=Authorization: Basic ${Buffer.from('5ecre7:').toString('base64')}'`,
      },
    ],
  ])('%j', async (requirements, seen) => {
    expect(await handed(...requirements)).toEqual(seen);
  });
});

describe('the file with the secrets', () => {
  test.each<[uid: number, environment: Environment, directory: string]>([
    [0, {}, '/var/cache/heat-cfntools/packages'],
    [0, { TMPDIR: '/mine' }, '/var/cache/heat-cfntools/packages'],
    [1000, {}, '/tmp'],
    [1000, { TMPDIR: '/mine' }, '/mine'],
    [1000, { TMPDIR: '' }, '/tmp'],
  ])('of user %i with %j is in %s, where what a killed run left is removed', async (uid, environment, directory) => {
    const { world, root } = worldOf(uid, environment);
    mkdirSync(join(root, directory, '.cfntools-pip-999999999-abc'), { recursive: true, mode: 0o700 });
    writeFileSync(join(root, directory, '.cfntools-pip-999999999-abc/requirements.txt'), SECRET);
    const during = await withRequirements([SECRET], world, async ({ args }) => {
      const [name = '', ...others] = readdirSync(join(root, directory));
      return { others, file: args[1], expected: join(realpathSync(root), directory, name, 'requirements.txt') };
    });
    expect(during.others).toEqual([]);
    expect(during.file).toBe(during.expected);
    expect(readdirSync(join(root, directory))).toEqual([]);
  });

  test('is removed when pip cannot be called', async () => {
    const { world, root } = worldOf(0);
    const called = withRequirements([SECRET], world, async () => {
      throw new Error('no pip');
    });
    await expect(called).rejects.toThrow('no pip');
    expect(readdirSync(root, { recursive: true }).filter((name) => name.includes('pip'))).toEqual([]);
  });
});
