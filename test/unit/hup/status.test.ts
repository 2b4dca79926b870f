import { beforeEach, describe, expect, it } from 'vitest';
import type { Hook } from '../../../src/hup/hook.ts';
import { statusLines } from '../../../src/hup/status.ts';
import { createWorld, hookIn, MAIN, SETTINGS, type World } from './world.ts';

let world: World;
beforeEach(() => {
  world = createWorld();
});
const status = (hooks: readonly Hook[], problems: readonly string[] = []): readonly string[] =>
  statusLines(
    { settings: { ...SETTINGS, maxAttempts: 2 }, hooks, main: MAIN, files: [], problems, warnings: [] },
    world.system,
  );

describe('statusLines', () => {
  it('without hooks, and with a hook that is not in force', () => {
    expect(status([], ['/etc/cfn/hooks.conf: [x]: no path'])).toEqual([
      'no hooks are configured',
      'not in force: /etc/cfn/hooks.conf: [x]: no path',
    ]);
  });

  it('before the first pass', () => {
    expect(status([hookIn(world, { name: 'reload' })])).toEqual([
      'HOOK    LAST CHECK  LAST CHANGE  LAST SUCCESS  ATTEMPTS  STATE',
      'reload  never       never        never         -         new',
      'no hook was looked at yet: /var/lib/cfn-hup has no state',
    ]);
  });

  it('that nothing comes from Heat while its policy forbids to ask, since when and with the remedy', async () => {
    const hooks = [hookIn(world)];
    const said = (): readonly string[] => status(hooks).filter((line) => line.includes('policy.yaml'));
    world.heat['r'] = 'forbidden';
    await world.pass(hooks);
    world.wait(180_000);
    await world.pass(hooks);
    expect(said()).toEqual([
      expect.stringMatching(
        /^no news since 2026-11-22 12:00:00Z \(3 minutes ago\): heat-api-cfn refused.*role:reader"$/,
      ),
    ]);
    world.heat['r'] = '{"v":1}';
    await world.pass(hooks);
    expect(said()).toEqual([]);
  });

  it('of hooks that are well, that fail, that are parked', async () => {
    const failing = hookIn(world, { name: 'failing', action: 'echo alas; exit 3' });
    const hooks = [hookIn(world, { name: 'well' }), failing, hookIn(world, { name: 'gone', resource: 'none' })];
    world.heat['r'] = '{"v":1}';
    await world.pass(hooks, { maxAttempts: 2 });
    world.wait(180_000);
    const at = '2026-11-22 12:00:00Z (3 minutes ago)';
    expect(status(hooks)).toEqual([
      expect.stringMatching(/^HOOK/),
      `well     ${at}  ${at}  ${at}  -         ok`,
      `failing  ${at}  ${at}  never${' '.repeat(31)}  1 of 2    failing, due at the next pass`,
      `gone     never${' '.repeat(31)}  never${' '.repeat(31)}  never${' '.repeat(31)}  -         new`,
      `failing: failed ${at}: it ended with exit code 3: it printed last: alas`,
    ]);
    await world.pass(hooks, { maxAttempts: 2 });
    expect(status(hooks)[2]).toMatch(/2 of 2 +parked until the metadata changes$/);
  });
});
