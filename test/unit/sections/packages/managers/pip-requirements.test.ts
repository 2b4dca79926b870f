import { describe, expect, test } from 'vitest';
import { withRequirements } from '../../../../../src/sections/packages/managers/pip-requirements.ts';
import type { World } from '../../../../../src/sections/step.ts';
import { fakeGuest } from '../../../metadata/fake-system.ts';

const BASIC = Buffer.from('joe:5ec:re7').toString('base64');

/** What pip gets: its arguments, the lines of its requirements file, and git's configuration. */
async function handed(...requirements: string[]): Promise<Record<string, unknown>> {
  const { system, log } = fakeGuest({});
  const root = { ...system, self: { ...system.self, uid: 0 }, files: { ...system.files } };
  // The door of the test writes as whoever runs it.
  root.files.write = (path, content, { mode }) => system.files.write(path, content, { mode, ...system.self });
  const world: World = { system: root, log, changes: { has: () => false, names: () => [] } };
  let file: string | undefined;
  const seen = await withRequirements(requirements, world, async ({ args, env }) => {
    if (args.includes('-r')) file = args[args.indexOf('-r') + 1];
    return {
      args: args.slice(args.indexOf('--') + 1),
      ...(file !== undefined
        ? { lines: system.files.read(file ?? '').toString(), mode: system.files.entry(file ?? '')?.mode }
        : {}),
      ...env,
    };
  });
  expect(file === undefined ? undefined : system.files.entry(file)).toBeUndefined();
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
